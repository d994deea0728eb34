//! The box around the foreground.

use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView3, ArrayView4, Axis, parallel::prelude::*};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::crop::cropped;
use crate::{BoxDhw, Draw, LazySample, PadMode, Transform, TransformError};

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
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForegroundSource {
    /// Label values above 0.
    #[default]
    Label,
    /// Intensities above this, in any channel.
    ImageAbove(f32),
    /// Intensities above a threshold, in any of some channels (MONAI's `channel_indices`).
    ChannelsAbove {
        /// Numbers of the channels, from 0.
        channels: Vec<usize>,
        /// Foreground is above it.
        threshold: f32,
    },
}

/// The voxels of an image `[channel, depth, height, width]` that are above `threshold` in at least one channel.
///
/// This is the foreground by intensity of MONAI's `CropForeground` and `map_binary_to_indices`. NaN is above nothing.
///
/// ```
/// use medseg_transforms::{any_channel_above, foreground_box};
/// use medseg_volume::Dhw;
///
/// let mut image = ndarray::Array4::<f32>::zeros((2, 3, 3, 3));
/// image[[0, 0, 1, 1]] = 5.0;
/// image[[1, 2, 1, 1]] = 7.0;
/// let above = any_channel_above(&image.view(), 1.0);
/// let region = foreground_box(&above.view(), |v| *v, Dhw::splat(0)).ok_or("no foreground")?;
/// assert_eq!((region.start, region.size), (Dhw { d: 0, h: 1, w: 1 }, Dhw { d: 3, h: 1, w: 1 }));
/// # Ok::<(), &str>(())
/// ```
#[must_use]
pub fn any_channel_above(image: &ArrayView4<'_, f32>, threshold: f32) -> Array3<bool> {
    let (_, d, h, w) = image.dim();
    let mut any = Array3::from_elem((d, h, w), false);
    let mut planes: Vec<_> = any.outer_iter_mut().collect();
    planes.par_iter_mut().enumerate().for_each(|(z, any)| {
        for channel in image.outer_iter() {
            any.zip_mut_with(&channel.index_axis(Axis(0), z), |any, v| *any |= *v > threshold);
        }
    });
    any
}

/// MONAI's `CropForeground`: the foreground's box, its margin and divisibility. As a step it leaves a sample without
/// foreground whole, with a warning that names the case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// Values outside the volume, in a pipeline: of the foreground's box, which is cut first.
    pub mode: PadMode,
    /// The image's value there with [`PadMode::Constant`], in a pipeline; the label's is 0.
    pub value: f32,
}

impl Default for CropForeground {
    fn default() -> Self {
        Self {
            source: ForegroundSource::default(),
            margin: Dhw::splat(0),
            k_divisible: Dhw::splat(1),
            allow_smaller: false,
            mode: PadMode::Constant,
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
        let image = voxels.image.view();
        let above = |image: &ArrayView4<'_, f32>, threshold: f32| match image.dim().0 {
            1 => self.region(&image.index_axis(Axis(0), 0), |v| *v > threshold),
            _ => self.region(&any_channel_above(image, threshold).view(), |v| *v),
        };
        let region = match &self.source {
            ForegroundSource::Label => {
                let label = voxels.label.as_ref().ok_or(TransformError::NoLabel)?;
                self.region(&label.view(), |v| *v > 0)
            }
            ForegroundSource::ImageAbove(threshold) => above(&image, *threshold),
            ForegroundSource::ChannelsAbove { channels, threshold } => {
                if let Some(number) = channels.iter().find(|number| **number >= image.dim().0) {
                    return Err(TransformError::parameter("channel", number, "is not one of the image's"));
                }
                above(&image.select(Axis(0), channels).view(), *threshold)
            }
        };
        let Some(region) = region else {
            sample.warn("nothing is foreground; the whole volume is kept");
            return Ok(Draw::Skip);
        };
        Ok(cropped(sample.shape(), region, self.mode, self.value))
    }
}
