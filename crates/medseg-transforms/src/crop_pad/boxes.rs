//! Boxes of voxels, cutting them out and putting them back.

use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView3, ArrayViewMut3, s};
use serde::{Deserialize, Serialize};

/// A box of voxels; it may reach outside the volume, where a crop is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoxDhw {
    /// First voxel.
    pub start: Dhw<isize>,
    /// Number of voxels.
    pub size: Dhw<usize>,
}

impl BoxDhw {
    /// The box of a whole volume.
    #[must_use]
    pub fn whole(shape: Dhw<usize>) -> Self {
        Self { start: Dhw::splat(0), size: shape }
    }

    /// One past the last voxel.
    #[must_use]
    pub fn end(&self) -> Dhw<isize> {
        self.start.zip(self.size).map(|(start, size)| start.saturating_add_unsigned(size))
    }

    /// The part inside a volume of `shape`; of size 0 along an axis where nothing is.
    #[must_use]
    pub fn clipped(&self, shape: Dhw<usize>) -> Self {
        let limits = shape.map(|s| s as isize);
        let start = self.start.zip(limits).map(|(v, limit)| v.clamp(0, limit));
        let end = self.end().zip(limits).map(|(v, limit)| v.clamp(0, limit));
        Self { start, size: end.zip(start).map(|(e, s)| (e - s).max(0) as usize) }
    }
}

/// Cuts out a box; what lies outside the volume gets the value `outside` (MONAI pads such crops).
#[must_use]
pub fn crop<T: Copy>(volume: &ArrayView3<'_, T>, region: &BoxDhw, outside: T) -> Array3<T> {
    let Dhw { d, h, w } = region.size;
    let inside = region.clipped(volume.dim().into());
    if inside == *region {
        return volume.slice(slice_of(inside.start, inside.size)).to_owned();
    }
    let mut part = Array3::from_elem((d, h, w), outside);
    crop_into(volume, region, &mut part.view_mut());
    part
}

/// Cuts a box out into an array of its size, whose voxels outside the volume stay as they are; values are converted where
/// the types differ.
///
/// # Panics
/// If `part` does not have the box's size.
pub fn crop_into<T: Copy + Into<U>, U>(volume: &ArrayView3<'_, T>, region: &BoxDhw, part: &mut ArrayViewMut3<'_, U>) {
    assert_eq!(Dhw::from(part.dim()), region.size, "the part does not have the size of its box");
    let inside = region.clipped(volume.dim().into());
    if inside.size.voxels() == 0 {
        return;
    }
    let at = inside.start.zip(region.start).map(|(i, r)| i - r);
    let from = volume.slice(slice_of(inside.start, inside.size));
    part.slice_mut(slice_of(at, inside.size)).zip_mut_with(&from, |to, value| *to = (*value).into());
}

/// Puts a cut-out box back where it was: the inverse of [`crop`]. What lies outside the volume is left out.
///
/// # Panics
/// If `part` does not have the box's size.
pub fn paste<T: Copy>(volume: &mut Array3<T>, part: &ArrayView3<'_, T>, region: &BoxDhw) {
    assert_eq!(Dhw::from(part.dim()), region.size, "the part does not have the size of its box");
    let inside = region.clipped(volume.dim().into());
    if inside.size.voxels() == 0 {
        return;
    }
    let at = inside.start.zip(region.start).map(|(i, r)| i - r);
    volume.slice_mut(slice_of(inside.start, inside.size)).assign(&part.slice(slice_of(at, inside.size)));
}

pub(crate) type Slice = ndarray::SliceInfo<[ndarray::SliceInfoElem; 3], ndarray::Ix3, ndarray::Ix3>;

pub(crate) fn slice_of(start: Dhw<isize>, size: Dhw<usize>) -> Slice {
    let range = |from: isize, length: usize| from..from + length as isize;
    s![range(start.d, size.d), range(start.h, size.h), range(start.w, size.w)]
}
