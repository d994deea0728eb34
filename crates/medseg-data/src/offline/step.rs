//! The steps that a case can take.

use medseg_transforms::{BoxDhw, Interpolation, LabelInterpolation, LabelMap, crop, foreground_box, resize};
use medseg_volume::{Dhw, Volume};
use serde::{Deserialize, Serialize};

use super::refused;
use crate::DataError;

/// An offline step, with the experiments' values as the default of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OfflineStep {
    /// The whole volume in another number of voxels: the image trilinear (`align_corners = false`, no smoothing, as
    /// MONAI's `Resize` does it), the label by `label`. For the coarse network.
    Resized {
        /// Voxels of the result.
        size: Dhw<usize>,
        /// Labels on the new grid.
        label: LabelInterpolation,
    },
    /// The box of the foreground with a margin, cut at the volume's border; the whole volume where there is no
    /// foreground. For the fine network.
    Foreground {
        /// Voxels on every side.
        margin: usize,
    },
}

impl Default for OfflineStep {
    fn default() -> Self {
        Self::resized_paper()
    }
}

impl OfflineStep {
    /// The experiments' `origin/` → `resized/`: 128³ voxels.
    #[must_use]
    pub fn resized_paper() -> Self {
        Self::Resized { size: Dhw::splat(128), label: LabelInterpolation::Nearest }
    }

    /// The experiments' `origin/` → `foreground/`: a margin of 30 voxels.
    #[must_use]
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
        foreground: &LabelMap,
    ) -> (Volume<f32>, Volume<u8>) {
        let shape = image.shape();
        match *self {
            Self::Resized { size, label: interpolation } => {
                let how = Interpolation::Trilinear { align_corners: false };
                let grid = image.geometry.resized(shape, size);
                let labels = interpolation.resize(&label.data.view(), size);
                let labels = Volume::new(labels, label.geometry.resized(shape, size));
                (Volume::new(resize(&image.data.view(), size, how), grid), labels)
            }
            Self::Foreground { margin } => {
                let found = foreground_box(
                    &label.data.view(),
                    |v| foreground.table()[usize::from(*v)] != 0,
                    Dhw::splat(margin),
                );
                let region = found.map_or_else(|| BoxDhw::whole(shape), |region| region.clipped(shape));
                let labels = Volume::new(crop(&label.data.view(), &region, 0), label.geometry.cropped(region.start));
                (Volume::new(crop(&image.data.view(), &region, 0.0), image.geometry.cropped(region.start)), labels)
            }
        }
    }
}
