//! Time of a stage's work, measured before it is trained.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::StageRun;
use super::validation::validate;
use crate::cases::CaseSource;
use crate::{Silent, TrainError};

/// Seconds that a stage takes for a case, on the computer at hand.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct StageTiming {
    /// Reading and preparing a case, which happens once as far as memory allows.
    pub preparing: f64,
    /// A case in an epoch of training: crops, forward, backward and its share of the optimiser's step.
    pub training: f64,
    /// A case of a validation between epochs.
    pub validating: f64,
}

impl StageRun<'_> {
    /// Trains on these cases for at least `least` after a first epoch that does not count, and validates; nothing is
    /// written.
    pub fn time(
        &self,
        training: &Arc<CaseSource>,
        validation: &CaseSource,
        least: Duration,
    ) -> Result<StageTiming, TrainError> {
        let (mut progress, mut schedule) = (self.start(&mut Silent)?, self.schedule(0)?);
        let cases = training.len() as f64;
        let started = Instant::now();
        self.epoch(1, &mut schedule, &mut progress, training, &mut Silent)?;
        let first = started.elapsed().as_secs_f64() / cases;
        let (started, mut epochs) = (Instant::now(), 0);
        while epochs == 0 || started.elapsed() < least {
            epochs += 1;
            self.epoch(epochs + 1, &mut schedule, &mut progress, training, &mut Silent)?;
        }
        let per_case = started.elapsed().as_secs_f64() / (epochs as f64 * cases);
        let network = progress.best_candidate();
        // Reads the cases.
        validate(self, &network, validation, false, &mut Silent)?;
        let started = Instant::now();
        validate(self, &network, validation, false, &mut Silent)?;
        let validating = started.elapsed().as_secs_f64() / validation.len() as f64;
        Ok(StageTiming { preparing: (first - per_case).max(0.0), training: per_case, validating })
    }
}
