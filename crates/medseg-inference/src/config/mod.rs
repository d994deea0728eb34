//! The settings of a sliding window.

mod blend;
mod padding;
mod per_axis;
mod stitch;

use medseg_volume::Dhw;
use serde::{Deserialize, Serialize};

use crate::error::InferenceError;

pub use blend::Blend;
pub(crate) use blend::Importance;
pub use padding::Padding;
pub use stitch::Stitch;

/// Settings of a [`SlidingWindow`](crate::SlidingWindow), to be written in a program or read from a file.
///
/// Windows and weights are those of MONAI's `sliding_window_inference`. In files every key may be left out; `overlap` is one
/// number or three.
///
/// ```
/// use medseg_inference::{Blend, Dhw, SlidingWindowConfig};
///
/// let config = SlidingWindowConfig::new(Dhw::splat(96)).with_overlap(0.5).with_blend(Blend::gaussian());
/// let stored = r#"{"roi": [96, 96, 96], "overlap": 0.5, "blend": {"gaussian": {"sigma_scale": 0.125}}}"#;
/// assert_eq!(serde_json::from_str::<SlidingWindowConfig>(stored)?, config);
/// let window = config.init()?; // checked
/// assert_eq!(window.plan(Dhw::splat(192))?.len(), 27);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlidingWindowConfig {
    /// Shape of a window, voxels.
    pub roi: Dhw<usize>,
    /// Fraction of a window that it shares with the next one on every axis, 0 to below 1.
    #[serde(with = "per_axis")]
    pub overlap: Dhw<f64>,
    /// Weights of overlapping windows.
    pub blend: Blend,
    /// Windows given to the network at once.
    pub batch: usize,
    /// Values around an image that is smaller than the window.
    pub padding: Padding,
    /// Test-time augmentation: each window is also predicted flipped along every subset of these axes, and the probabilities
    /// are averaged. The work is 2, 4 or 8 times as much; memory grows by a batch of windows and two of logits.
    pub mirror: Dhw<bool>,
    /// Fills up the last batch with copies of its last window, for networks compiled for one shape. The copies' logits are
    /// ignored. On a GPU the last batch is always as large as the others.
    pub full_batches: bool,
    /// Memory in which windows are cut out and put together; left out of files where automatic.
    #[serde(skip_serializing_if = "is_auto")]
    pub stitch: Stitch,
}

fn is_auto(stitch: &Stitch) -> bool {
    *stitch == Stitch::Auto
}

impl Default for SlidingWindowConfig {
    /// Validation in the reference experiments: windows of 128³, overlap 0.25, constant blending, 4 windows a batch.
    fn default() -> Self {
        Self::new(Dhw::splat(128))
    }
}

impl SlidingWindowConfig {
    /// Windows of `roi` voxels with overlap 0.25, constant blending, 4 windows a batch, padded with 0.
    #[must_use]
    pub fn new(roi: Dhw<usize>) -> Self {
        Self {
            roi,
            overlap: Dhw::splat(0.25),
            blend: Blend::Constant,
            batch: 4,
            padding: Padding::default(),
            mirror: Dhw::splat(false),
            full_batches: false,
            stitch: Stitch::Auto,
        }
    }

    /// One window that covers an image of `shape`: the network sees all of it at once.
    #[must_use]
    pub fn whole(shape: Dhw<usize>) -> Self {
        Self { overlap: Dhw::splat(0.0), batch: 1, ..Self::new(shape) }
    }

    /// Sets the shape of a window, voxels.
    #[must_use]
    pub fn with_roi(self, roi: Dhw<usize>) -> Self {
        Self { roi, ..self }
    }

    /// Sets the same overlap on all axes, 0 to below 1.
    #[must_use]
    pub fn with_overlap(self, overlap: f64) -> Self {
        Self { overlap: Dhw::splat(overlap), ..self }
    }

    /// Sets the weights of overlapping windows.
    #[must_use]
    pub fn with_blend(self, blend: Blend) -> Self {
        Self { blend, ..self }
    }

    /// Sets the number of windows given to the network at once.
    #[must_use]
    pub fn with_batch(self, batch: usize) -> Self {
        Self { batch, ..self }
    }

    /// Sets the values around an image that is smaller than the window.
    #[must_use]
    pub fn with_padding(self, padding: Padding) -> Self {
        Self { padding, ..self }
    }

    /// Sets the axes along which windows are predicted flipped too.
    #[must_use]
    pub fn with_mirror(self, mirror: Dhw<bool>) -> Self {
        Self { mirror, ..self }
    }

    /// Sets whether the last batch is filled up to the full number of windows.
    #[must_use]
    pub fn with_full_batches(self, full_batches: bool) -> Self {
        Self { full_batches, ..self }
    }

    /// Sets the memory in which windows are cut out and put together.
    #[must_use]
    pub fn with_stitch(self, stitch: Stitch) -> Self {
        Self { stitch, ..self }
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// [`InferenceError::Parameter`] for a window without voxels, an overlap outside 0..1, a batch of 0, a `sigma_scale` that
    /// is not positive.
    pub fn validate(&self) -> Result<(), InferenceError> {
        if self.roi.to_array().contains(&0) {
            return Err(InferenceError::parameter("roi", self.roi, "must be at least 1 voxel along every axis"));
        }
        if let Some(overlap) = self.overlap.to_array().into_iter().find(|overlap| !(0.0..1.0).contains(overlap)) {
            return Err(InferenceError::parameter("overlap", overlap, "must be at least 0 and below 1"));
        }
        if self.batch == 0 {
            return Err(InferenceError::parameter("batch", 0, "must be at least 1"));
        }
        self.blend.validate()
    }

    /// True where windows are predicted flipped too, so that probabilities instead of logits are averaged.
    pub(crate) fn is_mirrored(&self) -> bool {
        self.mirror.to_array().contains(&true)
    }
}
