#![doc = include_str!("../README.md")]

mod bundle;
mod config;
mod error;
mod network;
mod plan;
mod predict;
mod stage;
mod upgrade;
mod weights;

pub use bundle::Bundle;
pub use config::{BUNDLE_SCHEMA, BundleConfig, CONFIG_FILE, Stages};
pub use error::BundleError;
pub use medseg_files::FileDigest;
pub use medseg_inference::{NoProgress, PostProcessing, Progress};
pub use medseg_transforms::{LabelInterpolation, Preprocessing};
pub use network::{
    Average, Calibrated, Calibration, NETWORK_BUNDLE_SCHEMA, NetworkBundle, NetworkBundleConfig, NetworkPlan,
    NetworkPrediction, Restoring, Wanted,
};
pub use plan::{MemoryPlan, PredictionPlan};
pub use predict::{Prediction, PredictionReport};
pub use stage::{NetworkConfig, NetworkConfigError, StageNetwork, StageNetworkCost};
