//! Results of a cascade.

use std::fmt;

use medseg_transforms::{BoxDhw, resize_nearest_exact};
use medseg_volume::Dhw;
use ndarray::{Array3, Array4};
use serde::{Deserialize, Serialize};

/// Reason why the whole image was searched instead of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FallbackReason {
    /// The coarse mask was empty or too small.
    CoarseMissed,
    /// The fine network found nothing in the box that the coarse one pointed to.
    FineEmpty,
    /// The mask still reached a face of the box after the last round of growth.
    StillCut,
}

impl fmt::Display for FallbackReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CoarseMissed => "the coarse network found nothing",
            Self::FineEmpty => "the fine network found nothing where the coarse one did",
            Self::StillCut => "the organ still reached the box's face after the last growth",
        })
    }
}

/// Boxes, volumes and fallbacks of one case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CascadeReport {
    /// The coarse mask was empty or too small.
    pub coarse_missed: bool,
    /// Volume of the coarse mask, millilitres.
    pub coarse_ml: f64,
    /// The box that the coarse mask gave; of size 0 if it was missed.
    pub coarse_roi: BoxDhw,
    /// The part of the image that the fine network saw at last; of size 0 if it did not run.
    pub roi: BoxDhw,
    /// Times that the box grew.
    pub roi_grown: usize,
    /// Reason why the whole image was searched, if it was.
    pub fallback: Option<FallbackReason>,
    /// Windows that the fine network predicted, all rounds together.
    pub windows: usize,
}

/// The box that the coarse network gave.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Located {
    /// Labels of the coarse network on the coarse grid, without spurious components.
    pub coarse: Array3<u8>,
    /// The box and its origin.
    pub report: CascadeReport,
}

impl Located {
    /// The part of the image in which the fine network looks: the whole of it after a fallback, of size 0 for none.
    #[must_use]
    pub fn roi(&self) -> &BoxDhw {
        &self.report.roi
    }
}

/// Result of a [`Cascade`](crate::Cascade).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CascadeOutput {
    /// Labels of the fine network on the grid of the input; 0 outside the report's [`roi`](CascadeReport::roi).
    pub mask: Array3<u8>,
    /// Labels of the coarse network on the coarse grid, without spurious components.
    pub coarse: Array3<u8>,
    /// Probabilities of the fine network `[class, depth, height, width]` on the grid of the input, if they are
    /// [wanted](crate::CascadeInference::with_probabilities): outside the report's `roi` those of the background.
    pub probabilities: Option<Array4<f32>>,
    /// Boxes, volumes and fallbacks.
    pub report: CascadeReport,
}

impl CascadeOutput {
    /// The coarse network's labels on the grid of the input, by the nearest voxel centre.
    #[must_use]
    pub fn coarse_mask(&self) -> Array3<u8> {
        resize_nearest_exact(&self.coarse.view(), Dhw::from(self.mask.dim()))
    }
}
