//! What a cascade found and how.

use std::fmt;

use medseg_transforms::{BoxDhw, resize_nearest_exact};
use medseg_volume::Dhw;
use ndarray::Array3;
use serde::{Deserialize, Serialize};

/// Why the whole image was searched instead of a box.
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

/// What happened in one case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// Why the whole image was searched, if it was.
    pub fallback: Option<FallbackReason>,
    /// Windows that the fine network predicted, all rounds together.
    pub windows: usize,
}

/// What a [`Cascade`](crate::Cascade) found.
#[derive(Clone, Debug, PartialEq)]
pub struct CascadeOutput {
    /// Labels of the fine network on the grid of the input; 0 outside the report's [`roi`](CascadeReport::roi).
    pub mask: Array3<u8>,
    /// Labels of the coarse network on the coarse grid, without its dirt.
    pub coarse: Array3<u8>,
    /// How they came about.
    pub report: CascadeReport,
}

impl CascadeOutput {
    /// The coarse network's labels on the grid of the input, by the nearest voxel centre.
    pub fn coarse_mask(&self) -> Array3<u8> {
        resize_nearest_exact(&self.coarse.view(), Dhw::from(self.mask.dim()))
    }
}
