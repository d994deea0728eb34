//! The optimiser of a stage.

use burn::optim::{self, ModuleOptimizer};
use medseg_optim::NovoGradConfig;
use medseg_volume::error_chain;
use serde::{Deserialize, Serialize};

use crate::TrainError;

/// Learning rate and rule of the optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerConfig {
    /// Learning rate at the schedule's maxima.
    pub lr: f64,
    /// Rule by which gradients become steps.
    #[serde(default)]
    pub rule: OptimizerRule,
}

/// Rule by which gradients become steps; in a file the entry `kind` chooses it and the other entries are that rule's own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum OptimizerRule {
    /// See [`NovoGradConfig`]; the optimiser of the reference experiments.
    NovoGrad(NovoGradConfig),
    /// Adam with decoupled weight decay, Burn's.
    AdamW(AdamWConfig),
    /// Stochastic gradient descent with momentum, Burn's.
    Sgd(SgdConfig),
}

impl Default for OptimizerRule {
    fn default() -> Self {
        Self::NovoGrad(NovoGradConfig::default())
    }
}

/// AdamW's settings; the default is PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamWConfig {
    /// Decay of the first moment, 0 to below 1.
    pub beta_1: f64,
    /// Decay of the second moment, 0 to below 1.
    pub beta_2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, weight_decay: 0.01 }
    }
}

/// SGD's settings; the default is nnU-Net's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SgdConfig {
    /// Share of the last step that goes on, 0 to below 1.
    pub momentum: f64,
    /// Nesterov's form of the momentum.
    pub nesterov: bool,
    /// Times the weights, added to the gradient.
    pub weight_decay: f64,
}

impl Default for SgdConfig {
    fn default() -> Self {
        Self { momentum: 0.99, nesterov: true, weight_decay: 3e-5 }
    }
}

impl OptimizerConfig {
    /// Refuses impossible values; the message begins with the setting's name.
    pub(crate) fn validate(&self) -> Result<(), String> {
        if !(self.lr.is_finite() && self.lr > 0.0) {
            return Err(format!("lr must be a positive number, not {}", self.lr));
        }
        let share = |name: &str, v: f64| {
            if (0.0..1.0).contains(&v) { Ok(()) } else { Err(format!("rule.{name} must lie in [0, 1), not {v}")) }
        };
        let not_negative = |name: &str, v: f64| {
            let fits = v.is_finite() && v >= 0.0;
            if fits { Ok(()) } else { Err(format!("rule.{name} must be a number that is not negative, not {v}")) }
        };
        match self.rule {
            OptimizerRule::NovoGrad(c) => c.build().map(drop).map_err(|e| format!("rule: {}", error_chain(&e))),
            OptimizerRule::AdamW(c) => {
                share("beta_1", c.beta_1)?;
                share("beta_2", c.beta_2)?;
                not_negative("epsilon", c.epsilon)?;
                not_negative("weight_decay", c.weight_decay)
            }
            OptimizerRule::Sgd(c) => {
                share("momentum", c.momentum)?;
                not_negative("weight_decay", c.weight_decay)
            }
        }
    }

    /// The optimiser of a whole network, at its start.
    pub(crate) fn init(&self) -> Result<ModuleOptimizer, TrainError> {
        Ok(match self.rule {
            OptimizerRule::NovoGrad(c) => c.init()?,
            OptimizerRule::AdamW(c) => optim::AdamWConfig::new()
                .with_beta_1(c.beta_1 as f32)
                .with_beta_2(c.beta_2 as f32)
                .with_epsilon(c.epsilon as f32)
                .with_weight_decay(c.weight_decay as f32)
                .init(),
            OptimizerRule::Sgd(c) => {
                let momentum =
                    optim::momentum::MomentumConfig { momentum: c.momentum, dampening: 0.0, nesterov: c.nesterov };
                let decay = optim::decay::WeightDecayConfig { penalty: c.weight_decay as f32 };
                optim::SgdConfig::new().with_momentum(Some(momentum)).with_weight_decay(Some(decay)).init()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> OptimizerConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn rules_are_chosen_by_kind_and_novograd_is_the_default() {
        assert_eq!(read("lr = 0.1").rule, OptimizerRule::default());
        let adamw = read("lr = 0.1\nrule = { kind = \"adamw\", weight_decay = 0.5 }");
        assert_eq!(adamw.rule, OptimizerRule::AdamW(AdamWConfig { weight_decay: 0.5, ..AdamWConfig::default() }));
        for text in ["novograd", "adamw", "sgd"] {
            let settings = read(&format!("lr = 0.1\nrule = {{ kind = {text:?} }}"));
            settings.validate().unwrap();
            settings.init().unwrap();
        }
    }

    #[test]
    fn impossible_values_are_named() {
        for (text, name) in [
            ("lr = -1.0", "lr"),
            ("lr = 1.0\nrule = { kind = \"novograd\", beta_2 = 1.0 }", "beta_2"),
            ("lr = 1.0\nrule = { kind = \"adamw\", beta_1 = -0.5 }", "beta_1"),
            ("lr = 1.0\nrule = { kind = \"sgd\", momentum = 1.5 }", "momentum"),
        ] {
            assert!(read(text).validate().unwrap_err().contains(name), "{text}");
        }
        assert!(toml::from_str::<OptimizerConfig>("lr = 1.0\nrule = { kind = \"sgd\", beta_1 = 1.0 }").is_err());
    }
}
