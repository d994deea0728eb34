//! The voxel grid that the anatomy is painted on.

use ndarray::Array3;

use super::shape::{Bounds, Point, Shape};

/// Content of a voxel while the anatomy is painted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Voxel {
    /// Intensity in Hounsfield units.
    pub hu: f32,
    /// 0 background, 1 liver, 2 tumour.
    pub label: u8,
}

/// Voxels (k, j, i) and the map from voxel (i, j, k) to patient space.
#[derive(Debug)]
pub(super) struct Canvas {
    voxels: Array3<Voxel>,
    to_patient: Affine,
    to_voxel: Affine,
}

/// An affine map of three-dimensional space: three rows of a matrix and an offset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine(pub [[f64; 4]; 3]);

impl Affine {
    pub fn apply(&self, p: [f64; 3]) -> [f64; 3] {
        self.0.map(|row| row[0] * p[0] + row[1] * p[1] + row[2] * p[2] + row[3])
    }

    /// The inverse map of one whose matrix is not singular.
    pub fn inverse(&self) -> Self {
        let m = &self.0;
        let cofactor = |r: usize, c: usize| {
            let (r1, r2, c1, c2) = ((r + 1) % 3, (r + 2) % 3, (c + 1) % 3, (c + 2) % 3);
            m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]
        };
        let determinant: f64 = (0..3).map(|c| m[0][c] * cofactor(0, c)).sum();
        let linear: [[f64; 3]; 3] = std::array::from_fn(|r| std::array::from_fn(|c| cofactor(c, r) / determinant));
        Self(linear.map(|row| {
            let offset: f64 = (0..3).map(|c| row[c] * m[c][3]).sum();
            [row[0], row[1], row[2], -offset]
        }))
    }

    /// The map that applies `first`, then `self`.
    pub fn after(&self, first: &Affine) -> Self {
        Self(self.0.map(|row| {
            std::array::from_fn(|c| {
                let product: f64 = (0..3).map(|n| row[n] * first.0[n][c]).sum();
                product + if c == 3 { row[3] } else { 0.0 }
            })
        }))
    }
}

impl Canvas {
    /// Air of `shape` voxels (k, j, i) at the place in patient space that `to_patient` gives.
    pub fn new(shape: [usize; 3], to_patient: Affine) -> Self {
        let voxels = Array3::from_elem(shape, Voxel { hu: -1000.0, label: 0 });
        Self { voxels, to_patient, to_voxel: to_patient.inverse() }
    }

    /// Calls `brush` with the place of every voxel inside `bounds`.
    pub fn paint(&mut self, bounds: Bounds, brush: impl Fn(Point, &mut Voxel)) {
        let Some(ranges) = self.ranges(bounds) else { return };
        let [rows_k, rows_j, rows_i] = ranges;
        let step: Point = std::array::from_fn(|axis| self.to_patient.0[axis][0] as f32);
        for k in rows_k.0..rows_k.1 {
            for j in rows_j.0..rows_j.1 {
                let start = self.to_patient.apply([0.0, j as f64, k as f64]).map(|v| v as f32);
                for i in rows_i.0..rows_i.1 {
                    let p = std::array::from_fn(|axis| start[axis] + step[axis] * i as f32);
                    brush(p, &mut self.voxels[[k, j, i]]);
                }
            }
        }
    }

    /// Calls `brush` with the place of every voxel.
    pub fn paint_all(&mut self, brush: impl Fn(Point, &mut Voxel)) {
        self.paint(Bounds { low: [f32::MIN; 3], high: [f32::MAX; 3] }, brush);
    }

    /// Calls `brush` with the place and the depth below the surface (mm) of every voxel inside the shape.
    pub fn fill(&mut self, shape: &impl Shape, brush: impl Fn(Point, f32, &mut Voxel)) {
        self.paint(shape.bounds(), |p, voxel| {
            let distance = shape.distance(p);
            if distance < 0.0 {
                brush(p, -distance, voxel);
            }
        });
    }

    /// Intensities and labels.
    pub fn into_parts(self) -> (Array3<f32>, Array3<u8>) {
        (self.voxels.map(|voxel| voxel.hu), self.voxels.map(|voxel| voxel.label))
    }

    /// Voxel ranges along k, j, i of the box around the corners of `bounds`.
    fn ranges(&self, bounds: Bounds) -> Option<[(usize, usize); 3]> {
        let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        for corner in 0..8 {
            let pick = |axis: usize| {
                let side = if corner >> axis & 1 == 0 { bounds.low } else { bounds.high };
                // Bounds may be infinite for all practical purposes; a metre is beyond any scan.
                f64::from(side[axis].clamp(-1.0e6, 1.0e6))
            };
            let ijk = self.to_voxel.apply([pick(0), pick(1), pick(2)]);
            for axis in 0..3 {
                low[axis] = low[axis].min(ijk[axis]);
                high[axis] = high[axis].max(ijk[axis]);
            }
        }
        let mut ranges = [(0, 0); 3];
        for (array_axis, range) in ranges.iter_mut().enumerate() {
            let axis = 2 - array_axis;
            let len = self.voxels.shape()[array_axis];
            let from = low[axis].floor().clamp(0.0, len as f64) as usize;
            let to = (high[axis].ceil() + 1.0).clamp(0.0, len as f64) as usize;
            if from >= to {
                return None;
            }
            *range = (from, to);
        }
        Some(ranges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Ellipsoid;

    #[test]
    fn inverse_and_composition_undo_each_other() {
        let map = Affine([[0.0, -2.0, 0.1, 5.0], [3.0, 0.2, 0.0, -7.0], [0.0, 0.0, 4.0, 11.0]]);
        let same = map.after(&map.inverse());
        for (r, row) in same.0.iter().enumerate() {
            for (c, value) in row.iter().enumerate() {
                let expected = if r == c { 1.0 } else { 0.0 };
                assert!((value - expected).abs() < 1e-12, "row {r} column {c}: {value}");
            }
        }
    }

    #[test]
    fn filling_a_ball_paints_its_volume_whatever_the_axes() {
        let ball = Ellipsoid::new([0.0; 3], [10.3; 3]);
        let straight = Affine([[1.0, 0.0, 0.0, -20.0], [0.0, 1.0, 0.0, -20.0], [0.0, 0.0, 1.0, -20.0]]);
        let turned = Affine([[0.0, 0.0, -1.0, 20.0], [1.0, 0.0, 0.0, -20.0], [0.0, 2.0, 0.0, -20.0]]);
        for (map, voxel_volume, shape) in [(straight, 1.0, [41, 41, 41]), (turned, 2.0, [41, 21, 41])] {
            let mut canvas = Canvas::new(shape, map);
            canvas.fill(&ball, |_, depth, voxel| {
                assert!(depth > 0.0);
                voxel.label = 1;
            });
            let (hu, label) = canvas.into_parts();
            assert!(hu.iter().all(|&v| v == -1000.0));
            let volume = label.iter().filter(|&&v| v == 1).count() as f64 * voxel_volume;
            let exact = 4.0 / 3.0 * std::f64::consts::PI * 10.3f64.powi(3);
            assert!((volume / exact - 1.0).abs() < 0.03, "{volume} against {exact}");
        }
    }
}
