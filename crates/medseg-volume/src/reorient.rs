//! Turning a volume's axes to point another way, and back.

use ndarray::{Array3, ArrayView3, Axis};
use serde::{Deserialize, Serialize};

use crate::{Dhw, Geometry, Orientation, Volume, c_order};

/// A new order of the array axes, some of them reversed: a flip, a quarter turn or another orientation. Exact, and always
/// reversible.
///
/// ```
/// use medseg_volume::{Axes, Orientation};
/// use ndarray::Array3;
///
/// let image = Array3::from_shape_fn((2, 3, 4), |(d, h, w)| 100 * d + 10 * h + w); // its axes i, j, k point LPS
/// let axes = Axes::between("LPS".parse()?, Orientation::RAS);
/// let ras = axes.apply(&image.view());
/// assert_eq!(ras[[0, 0, 0]], image[[0, 2, 3]]);
/// assert_eq!(axes.inverse().apply(&ras.view()), image);
/// # Ok::<(), medseg_volume::VolumeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axes {
    /// The old axis (0 depth, 1 height, 2 width) of each new one.
    pub order: [usize; 3],
    /// True for each new axis that runs against its old one.
    pub reversed: [bool; 3],
}

impl Axes {
    /// The axes as they are.
    pub const IDENTITY: Self = Self { order: [0, 1, 2], reversed: [false; 3] };

    /// From axes that point one way to axes that point another.
    #[must_use]
    pub fn between(from: Orientation, to: Orientation) -> Self {
        let (old, new) = (from.axes(), to.axes());
        // The file's axes i, j, k are the array's axes 2, 1, 0.
        let source = |array_axis: usize| {
            let (world, towards) = new[2 - array_axis];
            let file_axis = old.iter().position(|(axis, _)| *axis == world).unwrap_or(2 - array_axis);
            (2 - file_axis, old[file_axis].1 != towards)
        };
        let from: [(usize, bool); 3] = std::array::from_fn(source);
        Self { order: from.map(|(old, _)| old), reversed: from.map(|(_, reversed)| reversed) }
    }

    /// Reverses the axes that are true.
    #[must_use]
    pub fn flip(axes: Dhw<bool>) -> Self {
        Self { reversed: axes.to_array(), ..Self::IDENTITY }
    }

    /// Quarter turns from the first axis of `plane` towards the second (numpy's `rot90`); negative ones go back.
    ///
    /// # Panics
    /// If the plane's two axes are equal or not below 3.
    #[must_use]
    pub fn rotate90(times: i32, plane: (usize, usize)) -> Self {
        let (a, b) = plane;
        assert!(a < 3 && b < 3 && a != b, "a plane is two different axes of 0, 1, 2");
        let mut axes = Self::IDENTITY;
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

    /// True if every axis occurs once, as in all but those read from a damaged file.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        (0..3).all(|axis| self.order.contains(&axis))
    }

    /// True if nothing changes.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        *self == Self::IDENTITY
    }

    /// The change back.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let mut inverse = Self::IDENTITY;
        for (new, old) in self.order.into_iter().enumerate() {
            inverse.order[old] = new;
            inverse.reversed[old] = self.reversed[new];
        }
        inverse
    }

    /// First this, then `next`, as one change.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        Self {
            order: next.order.map(|middle| self.order[middle]),
            reversed: std::array::from_fn(|new| self.reversed[next.order[new]] ^ next.reversed[new]),
        }
    }

    /// Values along the old axes (a shape, a spacing) along the new ones.
    #[must_use]
    pub fn permuted<T: Copy>(&self, along: Dhw<T>) -> Dhw<T> {
        let along = along.to_array();
        Dhw::from(self.order.map(|old| along[old]))
    }

    /// First voxel, after the change, of a part of `size` voxels that starts at `start` in an array of `shape` before it.
    #[must_use]
    pub fn start(&self, start: Dhw<isize>, size: Dhw<usize>, shape: Dhw<usize>) -> Dhw<isize> {
        let (start, size, shape) = (start.to_array(), size.to_array(), shape.to_array());
        let along = |new: usize| {
            let old = self.order[new];
            if self.reversed[new] { shape[old] as isize - size[old] as isize - start[old] } else { start[old] }
        };
        Dhw::from(std::array::from_fn(along))
    }

    /// The voxels along the new axes, in C order.
    #[must_use]
    pub fn apply<T: Clone>(&self, data: &ArrayView3<'_, T>) -> Array3<T> {
        c_order(self.view(data.view()), T::clone)
    }

    /// The voxels along the new axes without a copy.
    #[must_use]
    pub fn view<'a, T>(&self, data: ArrayView3<'a, T>) -> ArrayView3<'a, T> {
        let mut view = data.permuted_axes(self.order);
        for axis in (0..3).filter(|axis| self.reversed[*axis]) {
            view.invert_axis(Axis(axis));
        }
        view
    }
}

impl Geometry {
    /// The geometry of an array of `shape` (before the change) whose axes change: every voxel stays at its place in
    /// the patient. Unchanged, with its header fields, if the change is none.
    #[must_use]
    pub fn reoriented(&self, shape: Dhw<usize>, axes: &Axes) -> Self {
        if axes.is_identity() {
            return self.clone();
        }
        let lengths = shape.to_array();
        let mut first = [0.0; 3];
        for (old, reversed) in axes.order.into_iter().zip(axes.reversed) {
            first[old] = if reversed { lengths[old].saturating_sub(1) as f64 } else { 0.0 };
        }
        let (old_columns, mut columns) = (self.columns(), [[0.0; 3]; 3]);
        for (new, (old, reversed)) in axes.order.into_iter().zip(axes.reversed).enumerate() {
            columns[2 - new] = old_columns[2 - old].map(|v| if reversed { 0.0 - v } else { v });
        }
        self.with_axes(columns, self.voxel_to_world(Dhw::from(first)))
    }
}

impl Axes {
    /// All changes of the order and direction of three axes.
    fn all() -> impl Iterator<Item = Self> {
        const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let flips = |order| (0..8).map(move |n| Self { order, reversed: [n & 4 > 0, n & 2 > 0, n & 1 > 0] });
        ORDERS.into_iter().flat_map(flips)
    }
}

impl Geometry {
    /// The change of axes after which an array of `shape` lies on another grid voxel by voxel: none is more than
    /// `tolerance_mm` from its counterpart. `None` if the grids differ in more than the order and direction of axes.
    ///
    /// ```
    /// use medseg_volume::{Axes, Dhw, Geometry, Orientation};
    /// let lps = Geometry::from_spacing(Dhw { d: 5.0, h: -0.8, w: -0.8 })?;
    /// let shape = Dhw::from([2, 3, 4]);
    /// let axes = Axes::between(lps.orientation(), "SAR".parse()?);
    /// let sar = lps.reoriented(shape, &axes);
    /// assert_eq!(sar.axes_to(axes.permuted(shape), &lps, shape, 1e-6), Some(axes.inverse()));
    /// assert_eq!(sar.axes_to(axes.permuted(shape), &lps.cropped(Dhw::splat(1)), shape, 1e-6), None);
    /// # Ok::<(), medseg_volume::VolumeError>(())
    /// ```
    #[must_use]
    pub fn axes_to(&self, shape: Dhw<usize>, other: &Self, other_shape: Dhw<usize>, tolerance_mm: f64) -> Option<Axes> {
        Axes::all().find(|axes| {
            axes.permuted(shape) == other_shape
                && self.reoriented(shape, axes).same_grid(other, other_shape, tolerance_mm)
        })
    }
}

impl<T: Clone> Volume<T> {
    /// The same volume with axes that point `to`, as nibabel's `as_closest_canonical` does for RAS; those of an oblique
    /// volume stay oblique and point closest to it.
    ///
    /// ```
    /// use medseg_volume::{Dhw, Geometry, Orientation, Volume};
    /// let lps = Geometry::from_spacing(Dhw { d: 5.0, h: -0.8, w: -0.8 })?;
    /// let volume = Volume::new(ndarray::Array3::<u8>::zeros((2, 3, 4)), lps);
    /// let ras = volume.reoriented(Orientation::RAS);
    /// assert_eq!(ras.geometry.orientation(), Orientation::RAS);
    /// assert_eq!(ras.reoriented(volume.geometry.orientation()), volume);
    /// # Ok::<(), medseg_volume::VolumeError>(())
    /// ```
    #[must_use]
    pub fn reoriented(&self, to: Orientation) -> Self {
        let axes = Axes::between(self.geometry.orientation(), to);
        let geometry = self.geometry.reoriented(self.shape(), &axes);
        Self { data: axes.apply(&self.data.view()), geometry }
    }
}
