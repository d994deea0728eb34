//! Values that padding adds.

use std::fmt;

use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView3};
use serde::{Deserialize, Serialize};

use super::boxes::slice_of;
use crate::spatial::take;
use crate::{BoxDhw, crop};

/// Values of the voxels that padding adds, in image and label alike; `mode` of MONAI's pads and of `numpy.pad`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PadMode {
    /// One value in the image, 0 in the label.
    #[default]
    Constant,
    /// The nearest voxel's value.
    Edge,
    /// The volume mirrored at the centres of its border voxels, which are not repeated: `c b | a b c | b a`.
    ///
    /// Padding wider than the volume mirrors it again and again, as numpy does; PyTorch refuses it. An axis of one voxel
    /// repeats that voxel.
    Reflect,
}

impl PadMode {
    pub(crate) fn is_constant(&self) -> bool {
        *self == Self::Constant
    }

    /// The place in `0..length` whose value stands at `at`; `None` where the constant does.
    fn place(self, at: isize, length: usize) -> Option<usize> {
        let last = length.checked_sub(1)?;
        match usize::try_from(at).ok().filter(|at| *at <= last) {
            Some(inside) => Some(inside),
            None => match self {
                Self::Constant => None,
                Self::Edge => Some(if at < 0 { 0 } else { last }),
                Self::Reflect if last == 0 => Some(0),
                Self::Reflect => {
                    let folded = at.unsigned_abs() % (2 * last);
                    Some(folded.min(2 * last - folded))
                }
            },
        }
    }
}

impl fmt::Display for PadMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Constant => "constant",
            Self::Edge => "edge",
            Self::Reflect => "reflect",
        })
    }
}

/// Cuts out a box, and pads where it reaches outside the volume: as [`crop`], with the values of a [`PadMode`].
///
/// As in MONAI the volume is cut first, so padding repeats voxels of the box only. `value` is that of
/// [`PadMode::Constant`], and of a box that has no voxel of the volume.
///
/// ```
/// use medseg_transforms::{BoxDhw, PadMode, crop_padded};
/// use medseg_volume::Dhw;
///
/// let volume = ndarray::array![[[1, 2, 3]]];
/// let region = BoxDhw { start: Dhw { d: 0, h: 0, w: -2 }, size: Dhw { d: 1, h: 1, w: 7 } };
/// let padded = crop_padded(&volume.view(), &region, PadMode::Reflect, 0);
/// assert_eq!(padded, ndarray::array![[[3, 2, 1, 2, 3, 2, 1]]]);
/// ```
#[must_use]
pub fn crop_padded<T: Copy + Send + Sync>(
    volume: &ArrayView3<'_, T>,
    region: &BoxDhw,
    mode: PadMode,
    value: T,
) -> Array3<T> {
    let inside = region.clipped(volume.dim().into());
    if mode.is_constant() || inside == *region || inside.size.voxels() == 0 {
        return crop(volume, region, value);
    }
    let start = inside.start.zip(region.start).map(|(inside, region)| inside - region);
    framed(&volume.slice(slice_of(inside.start, inside.size)), start, region.size, mode, value)
}

/// A volume of `shape` that shows `part` from `start` on, and the mode's values around it.
pub(crate) fn framed<T: Copy + Send + Sync>(
    part: &ArrayView3<'_, T>,
    start: Dhw<isize>,
    shape: Dhw<usize>,
    mode: PadMode,
    value: T,
) -> Array3<T> {
    let along = shape.zip(start).zip(Dhw::from(part.dim()));
    let places = along
        .map(|((new, start), old)| (0..new).map(|at| mode.place((at as isize).saturating_sub(start), old)).collect());
    take(part, &places, value)
}
