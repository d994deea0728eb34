//! Padded copies of a few planes.

/// A box of planes and rows of one channel, as it is copied.
#[derive(Clone, Copy)]
pub(super) struct Window {
    /// Sides of the volume it is cut from.
    pub sides: [usize; 3],
    /// First plane and row; negative in the padding.
    pub first: [isize; 2],
    /// Planes and rows, padding included.
    pub count: [usize; 2],
    /// Zeros before each row.
    pub left: usize,
    /// Values from one row to the next.
    pub row_stride: usize,
    /// Values from one plane to the next.
    pub plane_stride: usize,
}

impl Window {
    /// Copies the window of one channel; what lies outside the volume becomes 0. `to` holds `count[0]` planes.
    pub fn copy(&self, channel: &[f32], to: &mut [f32]) {
        let [depth, height, width] = self.sides;
        let [planes, rows] = self.count;
        for (p, plane) in to.chunks_exact_mut(self.plane_stride).take(planes).enumerate() {
            let z = self.first[0] + p as isize;
            if !(0..depth as isize).contains(&z) {
                plane.fill(0.0);
                continue;
            }
            for (r, row) in plane.chunks_exact_mut(self.row_stride).take(rows).enumerate() {
                let y = self.first[1] + r as isize;
                if !(0..height as isize).contains(&y) {
                    row.fill(0.0);
                    continue;
                }
                let from = &channel[(z as usize * height + y as usize) * width..][..width];
                row[..self.left].fill(0.0);
                row[self.left..self.left + width].copy_from_slice(from);
                row[self.left + width..].fill(0.0);
            }
            plane[rows * self.row_stride..].fill(0.0);
        }
    }
}
