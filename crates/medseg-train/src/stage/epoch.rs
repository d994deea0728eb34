//! One pass over the training cases.

use std::sync::Arc;
use std::time::Instant;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use medseg_bundle::StageNetwork;
use medseg_data::{Loader, LoaderOptions, epoch_order, mix};
use medseg_optim::Schedule;

use super::devices::{Devices, Work, Worked};
use super::gradients::average;
use super::objective::Objective;
use super::training::{Progress, StageRun};
use crate::cases::{Batch, CaseSource};
use crate::config::ScheduleUnit;
use crate::{Observer, TrainError};

/// Cases that wait ready for the network, at most, beside those of one step.
const PREFETCH: usize = 4;

/// Result of an epoch of training.
pub(super) struct Trained {
    /// Learning rate of its first step.
    pub lr: f64,
    /// Mean over its cases.
    pub loss: f64,
    /// Seconds in which the network waited for data.
    pub seconds_waiting: f64,
}

/// Sums over an epoch.
#[derive(Default)]
struct Sums {
    loss: f64,
    cases: usize,
}

type Loaded = Result<(Option<Batch>, Option<String>), TrainError>;

impl StageRun<'_> {
    /// Trains on every case once, in a shuffled order.
    pub(super) fn epoch(
        &self,
        epoch: usize,
        schedule: &mut Schedule,
        progress: &mut Progress,
        training: &Arc<CaseSource>,
        observer: &mut dyn Observer,
    ) -> Result<Trained, TrainError> {
        let (cases, group) = (training.len(), self.config.gradient.accumulate);
        let objective = Objective::of(self.config)?;
        let mut loader = self.loader(epoch, training, group);
        observer.begin(&format!("{} epoch {epoch}/{}", self.name, self.config.epochs), cases);
        let (mut sums, mut seconds_waiting) = (Sums::default(), 0.0);
        let lr = schedule.lr();
        for first in (0..cases).step_by(group) {
            if self.config.schedule_unit == ScheduleUnit::Step {
                schedule.step_to((epoch - 1) as f64 + first as f64 / cases as f64)?;
            }
            let started = Instant::now();
            let work = self.next_group(epoch, first..cases.min(first + group), &mut loader, observer)?;
            seconds_waiting += started.elapsed().as_secs_f64();
            self.step(epoch, schedule.lr(), progress, &objective, work, &mut sums)?;
            let mean = sums.loss / sums.cases.max(1) as f64;
            observer.advance(cases.min(first + group), &format!("loss {mean:.4}  lr {:.1e}", schedule.lr()));
        }
        observer.end();
        if sums.cases == 0 {
            return Err(TrainError::NothingToTrain { stage: self.name.into() });
        }
        self.check_weights(epoch, &progress.network)?;
        Ok(Trained { lr, loss: sums.loss / sums.cases as f64, seconds_waiting })
    }

    /// The epoch's cases in their order, prepared ahead.
    fn loader(&self, epoch: usize, training: &Arc<CaseSource>, group: usize) -> impl Iterator<Item = Loaded> + use<> {
        let (source, seed, number) = (Arc::clone(training), self.seed, epoch as u32);
        let order = epoch_order(seed, number, source.len());
        let options = LoaderOptions { workers: self.workers, prefetch: PREFETCH.max(group) };
        Loader::new(source.len(), options, move |i| source.batch(seed, number, order[i]))
    }

    /// The cases of one step, those left out apart; warnings are passed on in the first epoch.
    fn next_group(
        &self,
        epoch: usize,
        positions: std::ops::Range<usize>,
        loader: &mut impl Iterator<Item = Loaded>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Work>, TrainError> {
        let mut work = Vec::with_capacity(positions.len());
        for position in positions {
            let Some(loaded) = loader.next() else { break };
            let (batch, warning) = loaded?;
            if let Some(warning) = warning.filter(|_| epoch == 1) {
                observer.warn(&warning);
            }
            // The channels that dropout leaves out are drawn by the device: the same for the same epoch and position.
            let seed = mix(self.seed, epoch as u64, position as u64);
            work.extend(batch.map(|batch| Work { batch, seed }));
        }
        Ok(work)
    }

    /// One optimiser step on the mean gradient of the cases; none without cases.
    fn step(
        &self,
        epoch: usize,
        lr: f64,
        progress: &mut Progress,
        objective: &Objective,
        work: Vec<Work>,
        sums: &mut Sums,
    ) -> Result<(), TrainError> {
        if work.is_empty() {
            return Ok(());
        }
        let devices = Devices::new(self.devices, self.threads, self.config.gradient.checkpointing);
        let worked = devices.work(&progress.network, objective, work)?;
        if let Some(Worked { case, loss, .. }) = worked.iter().find(|w| !w.loss.is_finite()) {
            return Err(TrainError::Diverged { stage: self.name.into(), epoch, case: case.clone(), loss: *loss });
        }
        sums.cases += worked.len();
        sums.loss += worked.iter().map(|w| f64::from(w.loss)).sum::<f64>();
        let cases = worked.iter().map(|w| w.case.as_str()).collect::<Vec<_>>().join(", ");
        let gradients = worked.into_iter().map(|w| w.gradients).collect();
        let (gradient, length) = average(&progress.network, gradients, self.config.gradient.clip)?;
        if !length.is_finite() {
            let (stage, cases) = (self.name.into(), format!("case {cases}"));
            return Err(TrainError::Overflow { stage, epoch, what: "the gradient", value: length, cases });
        }
        progress.network = progress.optimizer.step(lr, progress.network.clone(), gradient);
        match &mut progress.average {
            Some(average) => Ok(average.update(&progress.network)?),
            None => Ok(()),
        }
    }

    /// Refuses to go on, and to save, with weights that are not numbers.
    fn check_weights(&self, epoch: usize, network: &StageNetwork) -> Result<(), TrainError> {
        let mut sum = AbsoluteSum(None);
        network.valid().visit(&mut sum);
        let value = sum.0.map_or(Ok(0.0), |s| s.try_into_scalar::<f32>());
        let value = value.map_err(|e| TrainError::Device(e.to_string()))?;
        if value.is_finite() {
            return Ok(());
        }
        let (stage, cases) = (self.name.into(), "the last case of the epoch".into());
        Err(TrainError::Overflow { stage, epoch, what: "a weight", value, cases })
    }
}

/// Finite if and only if all weights are (and are not absurdly large).
struct AbsoluteSum(Option<Tensor<1>>);

impl ModuleVisitor for AbsoluteSum {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let sum = param.val().abs().sum();
        self.0 = Some(match self.0.take() {
            Some(all) => all + sum,
            None => sum,
        });
    }
}
