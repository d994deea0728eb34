//! What is done to each case.

use medseg_transforms::{BoxDhw, Interpolation, crop, foreground_box, resize, resize_nearest, resize_nearest_exact};
use medseg_volume::{Dhw, Volume};
use serde::{Deserialize, Serialize};

use super::refused;
use crate::DataError;
use crate::subject::Foreground;

/// An offline step, with the experiments' values as the default of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OfflineStep {
    /// The whole volume in another number of voxels: the image trilinear (`align_corners = false`, no smoothing, as
    /// MONAI's `Resize` does it), the label by nearest voxel. For the coarse network.
    Resized {
        /// Voxels of the result.
        size: Dhw<usize>,
        /// Which voxel of the label is the nearest.
        label: LabelSampling,
    },
    /// The box of the foreground with a margin, cut at the volume's border; the whole volume where there is no
    /// foreground. For the fine network.
    Foreground {
        /// Voxels on every side.
        margin: usize,
    },
}

/// How a label is resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelSampling {
    /// The voxel at the lower corner of the new one, PyTorch's and MONAI's `nearest`, as in the experiments: it shifts
    /// the label by up to half a voxel against the image.
    #[default]
    Nearest,
    /// The voxel at the centre of the new one, `nearest-exact`.
    NearestExact,
}

impl Default for OfflineStep {
    fn default() -> Self {
        Self::resized_paper()
    }
}

impl OfflineStep {
    /// The experiments' `origin/` → `resized/`: 128³ voxels.
    pub fn resized_paper() -> Self {
        Self::Resized { size: Dhw::splat(128), label: LabelSampling::Nearest }
    }

    /// The experiments' `origin/` → `foreground/`: a margin of 30 voxels.
    pub fn foreground_paper() -> Self {
        Self::Foreground { margin: 30 }
    }

    pub(super) fn validate(&self) -> Result<(), DataError> {
        match self {
            // Beyond it a case would take more than any machine has.
            Self::Resized { size, .. } if size.voxels() == 0 || size.voxels() > 1 << 34 => {
                Err(refused(format!("a volume of {size} voxels is not possible")))
            }
            _ => Ok(()),
        }
    }

    /// Image and label after the step. Both have one shape.
    pub(super) fn apply(
        &self,
        image: Volume<f32>,
        label: Volume<u8>,
        foreground: &Foreground,
    ) -> (Volume<f32>, Volume<u8>) {
        let shape = image.shape();
        match *self {
            Self::Resized { size, label: sampling } => {
                let how = Interpolation::Trilinear { align_corners: false };
                let take = match sampling {
                    LabelSampling::Nearest => resize_nearest,
                    LabelSampling::NearestExact => resize_nearest_exact,
                };
                let grid = image.geometry.resized(shape, size);
                let labels = Volume::new(take(&label.data.view(), size), label.geometry.resized(shape, size));
                (Volume::new(resize(&image.data.view(), size, how), grid), labels)
            }
            Self::Foreground { margin } => {
                let found = foreground_box(&label.data.view(), |v| foreground.contains(*v), Dhw::splat(margin));
                let region = found.map_or_else(|| BoxDhw::whole(shape), |region| region.clipped(shape));
                let labels = Volume::new(crop(&label.data.view(), &region, 0), label.geometry.cropped(region.start));
                (Volume::new(crop(&image.data.view(), &region, 0.0), image.geometry.cropped(region.start)), labels)
            }
        }
    }
}
