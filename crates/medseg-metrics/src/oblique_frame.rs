//! Voxel vectors that are not perpendicular, as a triangle of numbers.

/// The voxel vectors in a rotated frame: x along the width axis, y in the plane of width and height, z across it.
///
/// The rotation changes no length. Slices lie flat in it, so boxes around parts of a surface are tight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ObliqueFrame {
    depth: [f64; 3],
    height: [f64; 2],
    width: f64,
}

impl ObliqueFrame {
    /// From the vectors of depth, height and width, not in one plane (Gram-Schmidt).
    pub fn new([depth, height, width]: [[f64; 3]; 3]) -> Self {
        let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
        // The length, and the vector of length 1.
        let unit = |v: [f64; 3]| {
            let length = dot(v, v).sqrt();
            (length, v.map(|x| x / length))
        };
        let without = |v: [f64; 3], axis: [f64; 3]| {
            let along = dot(v, axis);
            (along, std::array::from_fn(|i| v[i] - along * axis[i]))
        };
        let (width, x) = unit(width);
        let (height_x, rest) = without(height, x);
        let (height_y, y) = unit(rest);
        let (depth_x, rest) = without(depth, x);
        let (depth_y, rest) = without(rest, y);
        Self { depth: [depth_x, depth_y, dot(rest, rest).sqrt()], height: [height_x, height_y], width }
    }

    /// The place in mm of a voxel `[d, h, w]`, or the step in mm of a difference of voxels.
    pub fn millimetres(&self, [d, h, w]: [f64; 3]) -> [f64; 3] {
        [
            w * self.width + h * self.height[0] + d * self.depth[0],
            h * self.height[1] + d * self.depth[1],
            d * self.depth[2],
        ]
    }

    /// The square of the distance in mm between two voxels; from the difference of the indices, so without the rounding of
    /// two places far from the first voxel.
    pub fn squared_distance(&self, a: [u32; 3], b: [u32; 3]) -> f64 {
        let step = std::array::from_fn(|axis| f64::from(a[axis]) - f64::from(b[axis]));
        self.millimetres(step).iter().map(|mm| mm * mm).sum()
    }
}
