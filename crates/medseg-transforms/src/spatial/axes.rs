//! Exact turns of the axes.

use medseg_volume::{AxisChange, Dhw};
use ndarray::{ArrayView3, Axis};
use serde::{Deserialize, Serialize};

use super::VoxelMap;

/// A new order of the axes, some of them reversed: flips, quarter turns and changes of orientation. Exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axes {
    /// For each new axis, the old one.
    pub order: [usize; 3],
    /// For each new axis, whether it runs the other way.
    pub reversed: [bool; 3],
}

impl Axes {
    /// No change.
    pub const SAME: Self = Self { order: [0, 1, 2], reversed: [false; 3] };

    /// Reverses axes.
    #[must_use]
    pub fn flip(axes: Dhw<bool>) -> Self {
        Self { reversed: axes.to_array(), ..Self::SAME }
    }

    /// Quarter turns from the first axis of `plane` towards the second (numpy's `rot90`).
    ///
    /// # Panics
    /// If the plane's two axes are equal or not below 3.
    #[must_use]
    pub fn rotate90(times: i32, plane: (usize, usize)) -> Self {
        let (a, b) = plane;
        assert!(a < 3 && b < 3 && a != b, "a plane is two different axes of 0, 1, 2");
        let mut axes = Self::SAME;
        match times.rem_euclid(4) {
            1 => {
                axes.order.swap(a, b);
                axes.reversed[a] = true;
            }
            2 => (axes.reversed[a], axes.reversed[b]) = (true, true),
            3 => {
                axes.order.swap(a, b);
                axes.reversed[b] = true;
            }
            _ => {}
        }
        axes
    }

    /// A change of orientation.
    #[must_use]
    pub fn reorient(change: &AxisChange) -> Self {
        let order = change.permuted(Dhw::from([0, 1, 2])).to_array();
        // A part of 1 voxel at the start of 2 comes to lie at 1 where the axis runs the other way.
        let start = change.start(Dhw::splat(0), Dhw::splat(1), Dhw::splat(2));
        Self { order, reversed: start.to_array().map(|v| v == 1) }
    }

    /// Whether every axis occurs once.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        (0..3).all(|axis| self.order.contains(&axis))
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        *self == Self::SAME
    }

    /// The change back.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let mut inverse = Self::SAME;
        for (new, old) in self.order.into_iter().enumerate() {
            inverse.order[old] = new;
            inverse.reversed[old] = self.reversed[new];
        }
        inverse
    }

    /// A shape after the change.
    #[must_use]
    pub fn shape(&self, shape: Dhw<usize>) -> Dhw<usize> {
        let shape = shape.to_array();
        Dhw::from(self.order.map(|old| shape[old]))
    }

    /// From voxels after the change to those before it, in a volume of `shape` before it.
    #[must_use]
    pub fn map(&self, shape: Dhw<usize>) -> VoxelMap {
        let shape = shape.to_array();
        let mut map = VoxelMap { linear: [[0.0; 3]; 3], offset: [0.0; 3] };
        for (new, (old, reversed)) in self.order.into_iter().zip(self.reversed).enumerate() {
            map.linear[old][new] = if reversed { -1.0 } else { 1.0 };
            map.offset[old] = if reversed { shape[old].saturating_sub(1) as f64 } else { 0.0 };
        }
        map
    }

    /// The voxels along the new axes, without a copy.
    #[must_use]
    pub fn view<'a, T>(&self, data: ArrayView3<'a, T>) -> ArrayView3<'a, T> {
        let mut view = data.permuted_axes(self.order);
        for axis in (0..3).filter(|axis| self.reversed[*axis]) {
            view.invert_axis(Axis(axis));
        }
        view
    }
}
