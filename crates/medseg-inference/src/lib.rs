#![doc = include_str!("../README.md")]

mod cascade;
mod config;
mod error;
mod inference;
mod mirror;
mod plan;
mod post;
mod predictor;
mod probabilities;
mod progress;
mod restore;
mod rule;
mod sink;
mod stitching;
mod window;

pub use cascade::{
    Cascade, CascadeConfig, CascadeInference, CascadeOutput, CascadeReport, Fallback, FallbackReason, Growth, Located,
    image_and_mask, map_box,
};
pub use config::{Blend, Padding, SlidingWindowConfig, Stitch};
pub use error::InferenceError;
pub use inference::Inference;
pub use medseg_transforms::{BoxDhw, LabelInterpolation, Probabilities};
pub use medseg_volume::{Dhw, Geometry};
pub use mirror::mirror_images;
pub use ndarray;
pub use plan::{ForwardCost, PlanCost, StitchingMemory, StitchingOnDevice, WindowPlan};
pub use post::{PostProcessing, PostStep};
pub use predictor::{IntoPrediction, Predictor};
pub use probabilities::to_probabilities;
pub use progress::{IntoControlFlow, NoProgress, Progress};
pub use restore::{BeyondMask, Certainty, Extras, RestoredScores, ScoreRestorer, restore_labels};
pub use rule::{MaskRule, RegionLabel};
pub use sink::ScoreSlab;
pub use window::SlidingWindow;
