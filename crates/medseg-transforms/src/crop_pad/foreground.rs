//! The box around the foreground.

use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView3, Axis, parallel::prelude::*};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::crop::cropped;
use crate::{BoxDhw, Draw, LazySample, Transform, TransformError};

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

/// Voxels that count as foreground.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForegroundSource {
    /// Label values above 0.
    #[default]
    Label,
    /// Intensities above this, in any channel.
    ImageAbove(f32),
}

/// MONAI's `CropForeground`: the foreground's box, its margin and divisibility. As a step it leaves a sample without
/// foreground whole, with a warning that names the case.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CropForeground {
    /// Voxels that count as foreground, in a pipeline.
    pub source: ForegroundSource,
    /// Voxels added on every side.
    pub margin: Dhw<usize>,
    /// Sizes grow to multiples of this, half of the growth below; 1 leaves them.
    pub k_divisible: Dhw<usize>,
    /// Cut the box at the volume's border after the margin and before the divisibility, instead of padding.
    pub allow_smaller: bool,
    /// The image's value outside the volume, in a pipeline; the label's is 0.
    pub value: f32,
}

impl Default for CropForeground {
    fn default() -> Self {
        Self {
            source: ForegroundSource::default(),
            margin: Dhw::splat(0),
            k_divisible: Dhw::splat(1),
            allow_smaller: false,
            value: 0.0,
        }
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

impl Transform for CropForeground {
    fn name(&self) -> String {
        "crop_foreground".into()
    }

    fn draw(&self, sample: &mut LazySample, _: &mut dyn Rng) -> Result<Draw, TransformError> {
        let voxels = sample.voxels();
        let region = match self.source {
            ForegroundSource::Label => {
                let label = voxels.label.as_ref().ok_or(TransformError::NoLabel)?;
                self.region(&label.view(), |v| *v > 0)
            }
            ForegroundSource::ImageAbove(threshold) => {
                let mut channels = voxels.image.outer_iter();
                match (channels.next(), voxels.image.dim().0) {
                    (Some(only), 1) => self.region(&only, |v| *v > threshold),
                    (Some(first), _) => {
                        let mut any: Array3<bool> = first.mapv(|v| v > threshold);
                        channels.for_each(|c| any.zip_mut_with(&c, |any, v| *any |= *v > threshold));
                        self.region(&any.view(), |v| *v)
                    }
                    (None, _) => None,
                }
            }
        };
        let Some(region) = region else {
            sample.warn("nothing is foreground; the whole volume is kept");
            return Ok(Draw::Skip);
        };
        Ok(cropped(sample.shape(), region, self.value))
    }
}
