//! The error type of the crate.

use std::error::Error;

use medseg_volume::Dhw;

/// An error of inference. Every message names the parameter or the tensor at fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InferenceError {
    /// A parameter is outside its range.
    #[error("{parameter} = {value}: {rule}")]
    Parameter {
        /// Name of the parameter, as its field is called.
        parameter: &'static str,
        /// The value given.
        value: String,
        /// The rule that the value must satisfy.
        rule: &'static str,
    },

    /// The image has no voxel or no channel.
    #[error("the image is empty: {channels} channel(s) of {shape} voxels")]
    EmptyImage {
        /// Channels of the image.
        channels: usize,
        /// Shape of the image.
        shape: Dhw<usize>,
    },

    /// Reflecting padding needs more voxels than the image has.
    #[error("an image of {shape} voxels is too small to be padded to {padded} by reflection")]
    ReflectionTooWide {
        /// Shape of the image.
        shape: Dhw<usize>,
        /// Shape after padding.
        padded: Dhw<usize>,
    },

    /// The memory needed cannot even be counted on this machine.
    #[error("stitching {channels} channel(s) of {shape} voxels needs more memory than this machine can address")]
    TooLarge {
        /// Channels to stitch.
        channels: usize,
        /// Shape of the (padded) image.
        shape: Dhw<usize>,
    },

    /// Less memory is allowed than the least demanding way takes.
    #[error("the memory budget of {budget} bytes is too small: {needed} bytes are needed even with one window a batch")]
    OverBudget {
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        budget: u64,
    },

    /// No window touches the region, so nothing was predicted and the number of classes is unknown.
    #[error("the region to predict in has no voxel")]
    EmptyRegion,

    /// The predictor reported a failure.
    #[error("the predictor failed")]
    Predictor(#[source] Box<dyn Error + Send + Sync>),

    /// The predictor's output does not fit its input.
    #[error(
        "the predictor returned a tensor of shape {got:?} for windows of shape {windows:?}; it must keep the batch and the three spatial sizes"
    )]
    OutputShape {
        /// Shape of the batch of windows given to the predictor.
        windows: [usize; 5],
        /// Shape of the tensor returned.
        got: [usize; 5],
    },

    /// The predictor's number of output channels changed between batches.
    #[error("the predictor returned {got} output channel(s) after {expected} before")]
    OutputChannels {
        /// Channels of the first batch.
        expected: usize,
        /// Channels of this batch.
        got: usize,
    },

    /// A score of the predictor is NaN or infinite, as after an overflow in half precision: a mask of it would be background.
    #[error(
        "{}the network's output in window {window} (from voxel {start} on) is not made of finite numbers",
        of(stage)
    )]
    NotFinite {
        /// The stage, if there are several or the caller has named it.
        stage: Option<&'static str>,
        /// Number of the window, from 0, in the plan's order.
        window: usize,
        /// First voxel of the window in the padded image.
        start: Dhw<usize>,
    },

    /// A mask of u8 labels cannot hold this many classes.
    #[error("{channels} output channels do not fit a mask of u8 labels (at most 256)")]
    TooManyClasses {
        /// Channels of the predictor's output.
        channels: usize,
    },

    /// Two arrays that must have the same shape do not.
    #[error("{what}: expected {expected} voxels, got {got}")]
    Shape {
        /// The array at fault.
        what: &'static str,
        /// Shape expected.
        expected: Dhw<usize>,
        /// Shape got.
        got: Dhw<usize>,
    },

    /// The voxels of one grid do not lie along the axes of another.
    #[error("a mask of {from} voxels cannot be brought to a grid of {to}: their axes are not parallel")]
    Grids {
        /// Shape of the mask.
        from: Dhw<usize>,
        /// Shape of the grid wanted.
        to: Dhw<usize>,
    },

    /// The predictor's output could not be read from the device.
    #[error("cannot read the predictor's output from the device")]
    Device(#[source] Box<dyn Error + Send + Sync>),

    /// The device failed while windows were stitched on it.
    #[error(
        "stitching on the device failed, which takes up to {needed} bytes there besides the network (stitch = \"host\" takes a batch of windows and logits alone)"
    )]
    OnDevice {
        /// Bytes that stitching takes there, as [`WindowPlan::device_memory`](crate::WindowPlan::device_memory) counts them.
        needed: u64,
        /// The device's reason.
        source: Box<dyn Error + Send + Sync>,
    },

    /// The progress callback asked to stop.
    #[error("cancelled after {done} of {total} windows")]
    Cancelled {
        /// Windows done.
        done: usize,
        /// Windows planned.
        total: usize,
    },
}

/// The beginning of a message about a stage.
fn of(stage: &Option<&'static str>) -> String {
    stage.map_or_else(String::new, |stage| format!("stage {stage}: "))
}

impl InferenceError {
    /// The error with the name of its stage, where it tells of scores that are not finite and has none yet.
    #[must_use]
    pub fn in_stage(self, name: &'static str) -> Self {
        match self {
            Self::NotFinite { stage: None, window, start } => Self::NotFinite { stage: Some(name), window, start },
            other => other,
        }
    }

    /// A [`Parameter`](InferenceError::Parameter) error.
    pub(crate) fn parameter(parameter: &'static str, value: impl ToString, rule: &'static str) -> Self {
        Self::Parameter { parameter, value: value.to_string(), rule }
    }
}
