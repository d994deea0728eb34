//! Inference on whole medical volumes: the sliding window, the two-stage cascade, and the way from logits to a clean mask.
//!
//! | Item | What it does |
//! |---|---|
//! | [`SlidingWindow`] | runs a network over an image of any size, overlapping windows averaged by [`Blend`] |
//! | [`WindowPlan`] | how many windows there will be, where, and what they cost in operations and bytes, before anything runs |
//! | [`RegionWindow`] | a sliding window that leaves out what lies outside a mask |
//! | [`Stitch`] | whether windows are put together on the host or stay on the device |
//! | [`Predictor`] | what a network has to offer; closures do |
//! | [`Cascade`] | coarse network → box → fine network → mask on the input's grid |
//! | [`MaskRule`] | logits to labels: sigmoid and threshold, or argmax |
//! | [`Activation`] | logits to probabilities |
//! | [`sigmoid`], [`softmax`], [`one_hot`] | activations and one-hot channels |
//! | [`PostProcessing`] | largest components, hole filling, minimum volume |
//! | [`restore_labels`] | a mask back on the grid of the image it was predicted from |
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use medseg_inference::{Blend, Dhw, MaskRule, NoProgress, SlidingWindow};
//! use ndarray::Array4;
//!
//! let image = Array4::from_shape_fn((1, 20, 24, 28), |(_, z, ..)| z as f32); // `[channel, depth, height, width]`
//! let sliding = SlidingWindow::new(Dhw { d: 16, h: 16, w: 16 }).with_overlap(0.5).with_blend(Blend::gaussian());
//!
//! let plan = sliding.plan(Dhw { d: 20, h: 24, w: 28 })?;
//! assert_eq!(plan.len(), 2 * 2 * 3);
//!
//! // Any closure from a batch of windows to logits stands for the network.
//! let mut network = |windows: Tensor<5>| windows - 9.5;
//! let mask = sliding.predict_mask(
//!     &image.view(),
//!     MaskRule::default(),
//!     &Device::flex(),
//!     &mut network,
//!     &mut |done: usize, total: usize| eprintln!("{done} of {total} windows"),
//! )?;
//! assert_eq!(mask[[9, 0, 0]], 0);
//! assert_eq!(mask[[10, 0, 0]], 1);
//! # Ok::<(), medseg_inference::InferenceError>(())
//! ```
//!
//! # Conventions
//! Arrays are `[depth, height, width]` in C order, `[channel, depth, height, width]` with channels; tensors are
//! `[batch, channel, depth, height, width]`. Images are preprocessed `f32`, masks are `u8`. Geometry stays with the caller: every
//! result has the shape of its input, voxel for voxel.
//!
//! # Memory and determinism
//! Beside the image and the network, stitching holds one batch of windows and logits and, for every class, the overlap of two
//! layers of windows: a voxel is averaged and reduced with the last window that covers it. Results do not depend on the number
//! of threads, nor on the number of windows in a batch (as far as the predictor treats the windows of a batch independently).
//!
//! On a GPU all of that is in its memory: the image goes there once, and the mask (or the scores, where these are asked for)
//! comes back in parts as it is finished. [`WindowPlan::memory`] and [`WindowPlan::device_memory`] say beforehand what either
//! way takes, and [`Stitch`] chooses.

mod activation;
mod blend;
mod cascade;
mod cost;
mod error;
mod mirror;
mod padding;
mod path;
mod plan;
mod post;
mod predictor;
mod progress;
mod region;
mod restore;
mod rule;
mod run;
mod sink;
mod sliding_window;
mod weights;

pub use activation::{Activation, one_hot, sigmoid, softmax};
pub use blend::Blend;
pub use cascade::{Cascade, CascadeConfig, CascadeOutput, CascadeReport, Fallback, FallbackReason, Growth, map_box};
pub use cost::{DeviceMemory, NetworkCost, PlanCost, StitchingMemory};
pub use error::InferenceError;
pub use medseg_transforms::{BoxDhw, LabelInterpolation};
pub use medseg_volume::Dhw;
pub use padding::Padding;
pub use path::Stitch;
pub use plan::WindowPlan;
pub use post::{PostProcessing, PostStep};
pub use predictor::{IntoPrediction, Predictor};
pub use progress::{IntoControlFlow, NoProgress, Progress};
pub use region::RegionWindow;
pub use restore::{BeyondMask, restore_labels};
pub use rule::MaskRule;
pub use sliding_window::SlidingWindow;
