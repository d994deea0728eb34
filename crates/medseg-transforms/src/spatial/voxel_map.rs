//! From the voxels of one grid to those of another.

use medseg_volume::{Axes, Dhw, Geometry};
use serde::{Deserialize, Serialize};

use crate::TransformError;

/// An affine map from voxel positions of a new grid to those of the old one, along `[depth, height, width]`: where to
/// look for what a new voxel shows (the pull convention).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoxelMap {
    /// Row by row.
    pub linear: [[f64; 3]; 3],
    /// Position of the new grid's first voxel in the old one.
    pub offset: [f64; 3],
}

impl VoxelMap {
    /// Every voxel where it is.
    pub const IDENTITY: Self = Self { linear: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], offset: [0.0; 3] };

    /// Along each axis: position · scale + offset.
    #[must_use]
    pub fn scaling(scale: Dhw<f64>, offset: Dhw<f64>) -> Self {
        let mut map = Self { offset: offset.to_array(), ..Self::IDENTITY };
        for (axis, scale) in scale.to_array().into_iter().enumerate() {
            map.linear[axis][axis] = scale;
        }
        map
    }

    /// Moves by `by`.
    #[must_use]
    pub fn translation(by: Dhw<f64>) -> Self {
        Self { offset: by.to_array(), ..Self::IDENTITY }
    }

    /// From a grid of `to` voxels to one of `from` voxels that covers the same extent: with `align_corners` the centres of
    /// the corner voxels fall together, without it the outer faces do.
    #[must_use]
    pub fn resizing(from: Dhw<usize>, to: Dhw<usize>, align_corners: bool) -> Self {
        let lengths = from.zip(to).map(|(f, t)| (f as f64, t as f64));
        if align_corners {
            // One voxel has no corners to align: the map stays invertible and shows the first.
            let scale = |(f, t): (f64, f64)| if t > 1.0 && f > 1.0 { (f - 1.0) / (t - 1.0) } else { f / t };
            return Self::scaling(lengths.map(scale), Dhw::splat(0.0));
        }
        Self::scaling(lengths.map(|(f, t)| f / t), lengths.map(|(f, t)| 0.5 * f / t - 0.5))
    }

    /// From voxels along new axes to those along the old ones of a volume of `shape`.
    #[must_use]
    pub fn permuting(axes: &Axes, shape: Dhw<usize>) -> Self {
        let shape = shape.to_array();
        let mut map = Self { linear: [[0.0; 3]; 3], offset: [0.0; 3] };
        for (new, (old, reversed)) in axes.order.into_iter().zip(axes.reversed).enumerate() {
            map.linear[old][new] = if reversed { -1.0 } else { 1.0 };
            map.offset[old] = if reversed { shape[old].saturating_sub(1) as f64 } else { 0.0 };
        }
        map
    }

    /// The position in the old grid.
    #[must_use]
    pub fn apply(&self, at: [f64; 3]) -> [f64; 3] {
        let [a, b, c] = at;
        std::array::from_fn(|r| {
            let row = self.linear[r];
            row[0] * a + row[1] * b + row[2] * c + self.offset[r]
        })
    }

    /// First `inner`, then this: the map of a change that came after this one.
    #[must_use]
    pub fn after(&self, inner: &Self) -> Self {
        let linear = std::array::from_fn(|r| {
            std::array::from_fn(|c| (0..3).map(|k| self.linear[r][k] * inner.linear[k][c]).sum())
        });
        Self { linear, offset: self.apply(inner.offset) }
    }

    /// The map around the centres of a grid of `to` voxels and one of `from`: centre goes to centre.
    #[must_use]
    pub fn centered(&self, from: Dhw<usize>, to: Dhw<usize>) -> Self {
        let center = |shape: Dhw<usize>| shape.map(|v| (v as f64 - 1.0) / 2.0);
        let moved = Self::translation(center(from)).after(self);
        moved.after(&Self::translation(center(to).map(|v| -v)))
    }

    /// The way back; `None` if the map flattens the volume or is not finite.
    #[must_use]
    pub fn inverse(&self) -> Option<Self> {
        let m = &self.linear;
        let cofactor = |r: usize, c: usize| {
            let (r1, r2, c1, c2) = ((r + 1) % 3, (r + 2) % 3, (c + 1) % 3, (c + 2) % 3);
            m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]
        };
        let determinant: f64 = (0..3).map(|c| m[0][c] * cofactor(0, c)).sum();
        if !determinant.is_finite() || determinant == 0.0 || self.offset.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let linear = std::array::from_fn(|r| std::array::from_fn(|c| cofactor(c, r) / determinant));
        let inverse = Self { linear, offset: [0.0; 3] };
        let back = inverse.apply(self.offset);
        Some(Self { offset: back.map(|v| 0.0 - v), ..inverse })
    }

    /// True if no number differs by more than `tolerance`.
    #[must_use]
    pub fn is_near(&self, other: &Self, tolerance: f64) -> bool {
        let numbers = |map: &Self| map.linear.into_iter().flatten().chain(map.offset).collect::<Vec<_>>();
        numbers(self).iter().zip(numbers(other)).all(|(a, b)| (a - b).abs() <= tolerance)
    }

    /// The old axis that each new axis runs along, if no axis mixes with another.
    #[must_use]
    pub fn axis_order(&self) -> Option<[usize; 3]> {
        let mut order = [0; 3];
        for (new, place) in order.iter_mut().enumerate() {
            let mut along = (0..3).filter(|old| self.linear[*old][new] != 0.0);
            *place = along.next()?;
            if along.next().is_some() {
                return None;
            }
        }
        (0..3).all(|axis| order.contains(&axis)).then_some(order)
    }

    /// The geometry of the new grid: every voxel stays where it is in the patient.
    ///
    /// # Errors
    /// [`TransformError::Geometry`] if the map flattens the volume.
    pub fn geometry(&self, old: &Geometry) -> Result<Geometry, TransformError> {
        if *self == Self::IDENTITY {
            return Ok(old.clone());
        }
        let place = |at: [f64; 3]| old.voxel_to_world(Dhw::from(self.apply(at)));
        let origin = place([0.0; 3]);
        let affine = old.affine();
        // Column (i, j, k) of the affine belongs to axis (width, height, depth).
        let entry = |row: usize, column: usize| {
            let new = 2 - column;
            (0..3).map(|axis| affine[row][2 - axis] * self.linear[axis][new]).sum::<f64>()
        };
        let row = |r: usize| [entry(r, 0), entry(r, 1), entry(r, 2), origin[r]];
        let affine = [row(0), row(1), row(2), [0.0, 0.0, 0.0, 1.0]];
        Geometry::from_affine(affine).map_err(|e| TransformError::Geometry(e.to_string()))
    }
}
