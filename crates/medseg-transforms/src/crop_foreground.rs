//! The box around what matters.

use medseg_volume::Dhw;
use ndarray::{ArrayView3, Axis, parallel::prelude::*};
use serde::{Deserialize, Serialize};

use crate::BoxDhw;

/// The bounding box of the voxels that are foreground, with a margin in voxels on every side; it may reach outside.
/// `None` if no voxel is foreground. (MONAI `generate_spatial_bounding_box`.)
pub fn foreground_box<T: Sync>(
    volume: &ArrayView3<'_, T>,
    is_foreground: impl Fn(&T) -> bool + Sync,
    margin: Dhw<usize>,
) -> Option<BoxDhw> {
    /// Lowest and highest index along each axis.
    type Extent = ([usize; 3], [usize; 3]);
    let of_plane = |(z, plane): (usize, ndarray::ArrayView2<'_, T>)| -> Option<Extent> {
        let mut extent: Option<Extent> = None;
        for (y, row) in plane.outer_iter().enumerate() {
            let Some(first) = row.iter().position(&is_foreground) else { continue };
            let last = row.iter().rposition(&is_foreground).unwrap_or(first);
            extent = join(extent, Some(([z, y, first], [z, y, last])));
        }
        extent
    };
    let (low, high) = volume.axis_iter(Axis(0)).into_par_iter().enumerate().map(of_plane).reduce(|| None, join)?;
    let margin = margin.to_array();
    return Some(BoxDhw {
        start: Dhw::from(std::array::from_fn(|a| (low[a] as isize).saturating_sub_unsigned(margin[a]))),
        size: Dhw::from(std::array::from_fn(|a| margin[a].saturating_mul(2).saturating_add(high[a] + 1 - low[a]))),
    });

    fn join(a: Option<Extent>, b: Option<Extent>) -> Option<Extent> {
        match (a, b) {
            (Some(a), Some(b)) => {
                Some((std::array::from_fn(|i| a.0[i].min(b.0[i])), std::array::from_fn(|i| a.1[i].max(b.1[i]))))
            }
            (a, b) => a.or(b),
        }
    }
}

/// MONAI's `CropForeground`: the foreground's box, its margin and divisibility.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CropForeground {
    /// Voxels added on every side.
    pub margin: Dhw<usize>,
    /// Sides are enlarged to multiples of this, half of the growth below; 1 leaves them.
    pub k_divisible: Dhw<usize>,
    /// Cut the box at the volume's border after the margin and before the divisibility, instead of padding.
    pub allow_smaller: bool,
}

impl Default for CropForeground {
    fn default() -> Self {
        Self { margin: Dhw::splat(0), k_divisible: Dhw::splat(1), allow_smaller: false }
    }
}

impl CropForeground {
    /// The box to [`crop`](crate::crop); `None` if no voxel is foreground.
    ///
    /// As in MONAI, divisibility comes last and may push the box outside the volume even with `allow_smaller`.
    pub fn region<T: Sync>(
        &self,
        volume: &ArrayView3<'_, T>,
        is_foreground: impl Fn(&T) -> bool + Sync,
    ) -> Option<BoxDhw> {
        let mut region = foreground_box(volume, is_foreground, self.margin)?;
        if self.allow_smaller {
            region = region.clipped(volume.dim().into());
        }
        let size = region.size.zip(self.k_divisible).map(|(s, k)| s.checked_next_multiple_of(k.max(1)).unwrap_or(s));
        let growth = size.zip(region.size).map(|(new, old)| (new - old) / 2);
        let start = region.start.zip(growth).map(|(s, g)| s - g as isize);
        Some(BoxDhw { start, size })
    }
}
