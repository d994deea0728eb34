//! Bundles of any network: one architecture, the weights of one or more folds, and everything around them.

mod bundle;
mod calibrate;
mod config;
mod folds;
mod plan;
mod predict;
mod resampling;

pub use bundle::NetworkBundle;
pub use calibrate::{Calibrated, Calibration};
pub use config::{Average, NETWORK_BUNDLE_SCHEMA, NetworkBundleConfig, Restoring};
pub use plan::NetworkPlan;
pub use predict::{NetworkPrediction, Wanted};
