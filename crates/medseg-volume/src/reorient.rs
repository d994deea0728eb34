//! Turning a volume's axes to point another way, and back.

use ndarray::{Array3, ArrayView3, Axis};

use crate::{Dhw, Geometry, Orientation, Volume};

/// A reordering of the array axes, some of them reversed; always reversible, and exact.
///
/// ```
/// use medseg_volume::{AxisChange, Orientation};
/// use ndarray::Array3;
///
/// let image = Array3::from_shape_fn((2, 3, 4), |(d, h, w)| 100 * d + 10 * h + w); // its axes i, j, k point LPS
/// let change = AxisChange::between("LPS".parse()?, Orientation::RAS);
/// let ras = change.apply(&image.view());
/// assert_eq!(ras[[0, 0, 0]], image[[0, 2, 3]]);
/// assert_eq!(change.inverse().apply(&ras.view()), image);
/// # Ok::<(), medseg_volume::VolumeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AxisChange {
    /// For each new array axis (depth, height, width): the old one, and whether it is reversed.
    from: [(usize, bool); 3],
}

impl AxisChange {
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
        Self { from: std::array::from_fn(source) }
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        self.from.iter().enumerate().all(|(axis, (from, reversed))| axis == *from && !reversed)
    }

    /// The change back.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let mut from = self.from;
        for (new, (old, reversed)) in self.from.iter().enumerate() {
            from[*old] = (new, *reversed);
        }
        Self { from }
    }

    /// What belongs to the axes (a shape, a spacing) after the change.
    #[must_use]
    pub fn permuted<T: Copy>(&self, of_axes: Dhw<T>) -> Dhw<T> {
        let of_axes = of_axes.to_array();
        Dhw::from(self.from.map(|(old, _)| of_axes[old]))
    }

    /// Where the first voxel of a part lies after the change: the part has `size` and starts at `start` in an array of
    /// `shape`, all before the change.
    #[must_use]
    pub fn start(&self, start: Dhw<isize>, size: Dhw<usize>, shape: Dhw<usize>) -> Dhw<isize> {
        let (start, size, shape) = (start.to_array(), size.to_array(), shape.to_array());
        let along = |(old, reversed): (usize, bool)| {
            if reversed { shape[old] as isize - size[old] as isize - start[old] } else { start[old] }
        };
        Dhw::from(self.from.map(along))
    }

    /// The voxels along the new axes, in C order.
    #[must_use]
    pub fn apply<T: Clone>(&self, data: &ArrayView3<'_, T>) -> Array3<T> {
        self.view(data.view()).as_standard_layout().into_owned()
    }

    /// The voxels along the new axes without a copy.
    #[must_use]
    pub fn view<'a, T>(&self, data: ArrayView3<'a, T>) -> ArrayView3<'a, T> {
        let mut view = data.permuted_axes(self.from.map(|(old, _)| old));
        for (axis, (_, reversed)) in self.from.iter().enumerate() {
            if *reversed {
                view.invert_axis(Axis(axis));
            }
        }
        view
    }
}

impl Geometry {
    /// The geometry of an array of `shape` (before the change) whose axes are changed: every voxel stays at its place in
    /// the patient. Unchanged, with its header fields, if the change is none.
    #[must_use]
    pub fn reoriented(&self, shape: Dhw<usize>, change: &AxisChange) -> Self {
        if change.is_identity() {
            return self.clone();
        }
        let sides = shape.to_array();
        let mut first = [0.0; 3];
        for (old, reversed) in change.from {
            first[old] = if reversed { sides[old].saturating_sub(1) as f64 } else { 0.0 };
        }
        let (old_columns, mut columns) = (self.columns(), [[0.0; 3]; 3]);
        for (new, (old, reversed)) in change.from.into_iter().enumerate() {
            columns[2 - new] = old_columns[2 - old].map(|v| if reversed { 0.0 - v } else { v });
        }
        self.with_axes(columns, self.voxel_to_world(Dhw::from(first)))
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
        let change = AxisChange::between(self.geometry.orientation(), to);
        let geometry = self.geometry.reoriented(self.shape(), &change);
        Self { data: change.apply(&self.data.view()), geometry }
    }
}
