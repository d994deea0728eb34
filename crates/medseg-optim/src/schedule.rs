//! Any learning-rate schedule behind one type.

use serde::{Deserialize, Serialize};

use crate::error::require_not_negative;
use crate::{CosineWarmRestarts, OptimError, Polynomial, ScheduleState, WarmupCosine};

/// Choice of a schedule, apart from the base rate.
///
/// In a configuration file the entry `kind` chooses it:
///
/// ```
/// use medseg_optim::ScheduleConfig;
///
/// let text = r#"{ "kind": "cosine_warm_restarts", "t_0": 5, "t_mult": 3 }"#;
/// let config: ScheduleConfig = serde_json::from_str(text)?;
/// assert_eq!(config, ScheduleConfig::CosineWarmRestarts { t_0: 5, t_mult: 3, eta_min: 0.0 });
/// let mut schedule = config.init(0.004)?;
/// schedule.step_to(65.0)?;
/// assert_eq!(schedule.lr(), 0.004);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ScheduleConfig {
    /// The base rate throughout.
    Constant,
    /// See [`CosineWarmRestarts`].
    CosineWarmRestarts {
        /// Epochs of the first cycle.
        t_0: u64,
        /// Growth of the cycles.
        #[serde(default = "no_growth")]
        t_mult: u64,
        /// Rate that a cycle falls towards.
        #[serde(default)]
        eta_min: f64,
    },
    /// See [`WarmupCosine`].
    WarmupCosine(WarmupCosine),
    /// See [`Polynomial`].
    Polynomial(Polynomial),
}

fn no_growth() -> u64 {
    1
}

impl ScheduleConfig {
    /// Refuses impossible settings.
    ///
    /// # Errors
    /// [`OptimError::OutOfRange`] names the setting that is out of its range.
    pub fn validate(&self) -> Result<(), OptimError> {
        self.init(0.0).map(drop)
    }

    /// The schedule with this base rate, at its start.
    ///
    /// # Errors
    /// [`OptimError::OutOfRange`] names the setting that is out of its range.
    pub fn init(&self, base_lr: f64) -> Result<Schedule, OptimError> {
        require_not_negative("base_lr", base_lr)?;
        let rule = match *self {
            Self::Constant => Rule::Constant,
            Self::CosineWarmRestarts { t_0, t_mult, eta_min } => {
                Rule::Restarts(CosineWarmRestarts::new(base_lr, t_0, t_mult, eta_min)?)
            }
            Self::WarmupCosine(curve) => {
                curve.validate()?;
                Rule::WarmupCosine(curve)
            }
            Self::Polynomial(curve) => {
                curve.validate()?;
                Rule::Polynomial(curve)
            }
        };
        Ok(Schedule { base_lr, rule, epoch: 0.0 })
    }
}

/// A learning-rate schedule of any kind, with its position.
///
/// Counts as [`CosineWarmRestarts`] does: a new schedule gives the rate of epoch 1, and [`step`](Self::step) is called
/// at the end of each epoch. The same works with optimizer steps in place of epochs, if lengths are given in steps;
/// or call [`step_to`](Self::step_to) with a fraction, `epoch + batch / batches`.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    base_lr: f64,
    rule: Rule,
    /// Of all rules but the one that keeps its own time.
    epoch: f64,
}

#[derive(Clone, Debug, PartialEq)]
enum Rule {
    Constant,
    Restarts(CosineWarmRestarts),
    WarmupCosine(WarmupCosine),
    Polynomial(Polynomial),
}

impl Schedule {
    /// The learning rate to use now.
    #[must_use]
    pub fn lr(&self) -> f64 {
        match &self.rule {
            Rule::Constant => self.base_lr,
            Rule::Restarts(restarts) => restarts.lr(),
            Rule::WarmupCosine(curve) => curve.lr_at(self.base_lr, self.epoch),
            Rule::Polynomial(curve) => curve.lr_at(self.base_lr, self.epoch),
        }
    }

    /// Goes on by one epoch.
    pub fn step(&mut self) {
        match &mut self.rule {
            Rule::Restarts(restarts) => restarts.step(),
            _ => self.epoch += 1.0,
        }
    }

    /// Goes to a point in time, in epochs since the start.
    ///
    /// # Errors
    /// [`OptimError::OutOfRange`] if `epoch` is negative or not finite.
    pub fn step_to(&mut self, epoch: f64) -> Result<(), OptimError> {
        if let Rule::Restarts(restarts) = &mut self.rule {
            return restarts.step_to(epoch);
        }
        require_not_negative("epoch", epoch)?;
        self.epoch = epoch;
        Ok(())
    }

    /// The position, to be saved.
    #[must_use]
    pub fn state(&self) -> ScheduleState {
        match &self.rule {
            Rule::Restarts(restarts) => restarts.state(),
            _ => ScheduleState { epoch: self.epoch, cycle: None },
        }
    }

    /// Goes back to a saved position of a schedule with the same settings.
    ///
    /// # Errors
    /// [`OptimError::ForeignState`] if the state is that of another kind of schedule, [`OptimError::OutOfRange`] if it
    /// is not a position.
    pub fn restore(&mut self, state: &ScheduleState) -> Result<(), OptimError> {
        let schedule = match &mut self.rule {
            Rule::Restarts(restarts) => return restarts.restore(state),
            Rule::Constant => "constant",
            Rule::WarmupCosine(_) => "warmup_cosine",
            Rule::Polynomial(_) => "polynomial",
        };
        if state.cycle.is_some() {
            return Err(OptimError::ForeignState { schedule });
        }
        self.step_to(state.epoch)
    }
}
