//! Gradients on their way to the optimiser, and the early end of a stage.

use serde::{Deserialize, Serialize};

/// From the gradients of single cases to that of one optimiser step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GradientConfig {
    /// Cases whose gradients are averaged for one step of the optimiser. Several devices share these cases, so that this
    /// number, and not that of the devices, decides the result.
    pub accumulate: usize,
    /// A limit to the averaged gradient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<Clip>,
    /// Gradient checkpointing: the results of norms, activations and elementwise operations are computed again in the backward
    /// pass instead of being saved; on the CPU the gradients are the same bits. In the reference experiments' network this
    /// is a quarter of the memory saved for backward.
    pub checkpointing: bool,
}

impl Default for GradientConfig {
    /// A step for each case, no limit, everything saved for backward.
    fn default() -> Self {
        Self { accumulate: 1, clip: None, checkpointing: false }
    }
}

/// A limit to the gradient.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Clip {
    /// The gradient of all weights together is scaled down to this length; see [`medseg_optim::clip_global_norm`].
    Norm {
        /// Greatest length.
        max: f64,
    },
    /// Every number of the gradient is cut to ± this.
    Value {
        /// Greatest absolute value.
        max: f64,
    },
}

impl Clip {
    pub(crate) fn max(self) -> f64 {
        match self {
            Self::Norm { max } | Self::Value { max } => max,
        }
    }
}

/// Ends a stage that no longer gets better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStopping {
    /// Epochs without a new best one (by the stage's `best_by`) after which it ends.
    pub patience: usize,
}

/// Interval between changes of the learning rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleUnit {
    /// Once an epoch, as in the reference experiments.
    #[default]
    Epoch,
    /// With every step of the optimiser, along the same curve: half way through epoch 3 it is that of epoch 2.5.
    Step,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clip_is_read_by_kind_and_unknown_keys_are_refused() {
        let settings: GradientConfig = toml::from_str("clip = { kind = \"norm\", max = 2.0 }").unwrap();
        assert_eq!(settings, GradientConfig { clip: Some(Clip::Norm { max: 2.0 }), ..GradientConfig::default() });
        assert!(toml::from_str::<GradientConfig>("clip = { kind = \"norm\", maximum = 2.0 }").is_err());
    }
}
