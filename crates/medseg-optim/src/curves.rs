//! Learning rates that are a function of the epoch alone.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::OptimError;
use crate::error::{require, require_not_negative};

/// Linear warm-up, then half a cosine down to `eta_min`, where the rate stays.
///
/// At `e` epochs since the start, with `w` = `warmup_epochs` and `n` = `total_epochs`:
///
/// ```text
/// e < w:      base_lr (warmup_start + (1 - warmup_start) e / w)
/// w ≤ e < n:  eta_min + (base_lr - eta_min) (1 + cos(π (e - w) / (n - w))) / 2
/// e ≥ n:      eta_min
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarmupCosine {
    /// Epochs of the warm-up, 0 for none.
    pub warmup_epochs: u64,
    /// Epochs in all, more than `warmup_epochs`.
    pub total_epochs: u64,
    /// Share of the base rate that the warm-up starts from, 0 to 1.
    #[serde(default)]
    pub warmup_start: f64,
    /// Rate at the end.
    #[serde(default)]
    pub eta_min: f64,
}

impl WarmupCosine {
    /// The rate at `epoch` epochs since the start.
    #[must_use]
    pub fn lr_at(&self, base_lr: f64, epoch: f64) -> f64 {
        let warmup = self.warmup_epochs as f64;
        if epoch < warmup {
            return base_lr * (self.warmup_start + (1.0 - self.warmup_start) * epoch / warmup);
        }
        let progress = ((epoch - warmup) / (self.total_epochs as f64 - warmup)).min(1.0);
        self.eta_min + (base_lr - self.eta_min) * (1.0 + (PI * progress).cos()) / 2.0
    }

    /// Refuses impossible settings.
    ///
    /// # Errors
    /// [`OptimError::OutOfRange`] names the setting that is out of its range.
    pub fn validate(&self) -> Result<(), OptimError> {
        let total = self.total_epochs as f64;
        require(self.total_epochs > self.warmup_epochs, "total_epochs", total, "more than warmup_epochs")?;
        require((0.0..=1.0).contains(&self.warmup_start), "warmup_start", self.warmup_start, "between 0 and 1")?;
        require_not_negative("eta_min", self.eta_min)
    }
}

/// Polynomial decay `base_lr (1 - e / n)^power` over `n` = `total_epochs`, then 0.
///
/// Power 0.9 is nnU-Net's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Polynomial {
    /// Epochs until the rate is 0, at least 1.
    pub total_epochs: u64,
    /// Exponent, above 0: 1 is a straight line, smaller stays high for longer.
    #[serde(default = "Polynomial::usual_power")]
    pub power: f64,
}

impl Polynomial {
    fn usual_power() -> f64 {
        0.9
    }

    /// The rate at `epoch` epochs since the start.
    #[must_use]
    pub fn lr_at(&self, base_lr: f64, epoch: f64) -> f64 {
        let left = (1.0 - epoch / self.total_epochs as f64).max(0.0);
        base_lr * left.powf(self.power)
    }

    /// Refuses impossible settings.
    ///
    /// # Errors
    /// [`OptimError::OutOfRange`] names the setting that is out of its range.
    pub fn validate(&self) -> Result<(), OptimError> {
        require(self.total_epochs >= 1, "total_epochs", self.total_epochs as f64, "at least 1")?;
        require(self.power.is_finite() && self.power > 0.0, "power", self.power, "above 0 and finite")
    }
}
