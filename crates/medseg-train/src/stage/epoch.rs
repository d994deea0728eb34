//! One pass over the training cases.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use medseg_bundle::StageNetwork;
use medseg_data::{Loader, LoaderOptions, epoch_order, mix};
use medseg_optim::Schedule;
use serde::{Deserialize, Serialize};

use super::devices::{Devices, Work, Worked};
use super::exchange::{Summed, rank_of, sum_over_ranks};
use super::gradients::{mean, sum};
use super::losses::{Losses, read};
use super::objective::Objective;
use super::training::{Progress, StageRun};
use crate::cases::{Batch, CaseSource};
use crate::config::ScheduleUnit;
use crate::{Observer, RanksError, TrainError};

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

/// A case as all ranks know it before a step.
#[derive(Serialize, Deserialize)]
struct Notice {
    /// In the epoch.
    position: usize,
    /// False for a case that is left out.
    used: bool,
    warning: Option<String>,
}

/// The cases of a step.
struct Step<'a> {
    epoch: usize,
    lr: f64,
    /// This rank's, each with its number in the step.
    mine: Vec<(usize, Work)>,
    /// The numbers of those of all ranks that are not left out.
    used: Vec<usize>,
    /// The name of a case by its number.
    name: &'a dyn Fn(usize) -> &'a str,
}

/// This rank's cases of a step, each with its number in the step, and what the other ranks should know of them.
type Group = (Vec<(usize, Work)>, Vec<Notice>);
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
        let order = epoch_order(self.seed, epoch as u32, cases);
        let mut loader = self.loader(epoch, training, &order);
        observer.begin(&format!("{} epoch {epoch}/{}", self.name, self.config.epochs), cases);
        let (mut sums, mut seconds_waiting) = (Sums::default(), 0.0);
        let lr = schedule.lr();
        for first in (0..cases).step_by(group) {
            if self.config.schedule_unit == ScheduleUnit::Step {
                schedule.step_to((epoch - 1) as f64 + first as f64 / cases as f64)?;
            }
            let positions = first..cases.min(first + group);
            let started = Instant::now();
            let (mine, notices) = self.next_group(epoch, positions.clone(), &mut loader)?;
            seconds_waiting += started.elapsed().as_secs_f64();
            let used = self.agree(epoch, positions.clone(), notices, observer)?;
            let name = |at: usize| training.id(order[first + at]);
            self.step(Step { epoch, lr: schedule.lr(), mine, used, name: &name }, progress, &objective, &mut sums)?;
            let mean = sums.loss / sums.cases.max(1) as f64;
            observer.advance(positions.end, &format!("loss {mean:.4}  lr {:.1e}", schedule.lr()));
        }
        observer.end();
        if sums.cases == 0 {
            return Err(TrainError::NothingToTrain { stage: self.name.into() });
        }
        self.check_weights(epoch, &progress.network)?;
        self.check_alike(&progress.network)?;
        Ok(Trained { lr, loss: sums.loss / sums.cases as f64, seconds_waiting })
    }

    /// This rank's cases of the epoch in their order, prepared ahead.
    fn loader(
        &self,
        epoch: usize,
        training: &Arc<CaseSource>,
        order: &[usize],
    ) -> impl Iterator<Item = Loaded> + use<> {
        let (source, seed, number) = (Arc::clone(training), self.seed, epoch as u32);
        let mine = order.iter().enumerate().filter(|(position, _)| self.is_mine(*position));
        let mine: Vec<usize> = mine.map(|(_, index)| *index).collect();
        let at_once = self.config.gradient.accumulate.div_ceil(self.ranks.size());
        let options = LoaderOptions { workers: self.workers, prefetch: PREFETCH.max(at_once) };
        Loader::new(mine.len(), options, move |i| source.batch(seed, number, mine[i]))
    }

    /// True if this rank works on the case at a position of the epoch.
    fn is_mine(&self, position: usize) -> bool {
        let ranks = self.ranks.size();
        rank_of(position % self.config.gradient.accumulate, ranks) == self.ranks.rank()
    }

    /// This rank's cases of one step, those left out apart, and what the other ranks should know of them.
    fn next_group(
        &self,
        epoch: usize,
        positions: Range<usize>,
        loader: &mut impl Iterator<Item = Loaded>,
    ) -> Result<Group, TrainError> {
        let (first, mut work, mut notices) = (positions.start, Vec::new(), Vec::new());
        for position in positions.filter(|position| self.is_mine(*position)) {
            let Some(loaded) = loader.next() else { break };
            let (batch, warning) = loaded?;
            // Warnings are passed on in the first epoch.
            notices.push(Notice { position, used: batch.is_some(), warning: warning.filter(|_| epoch == 1) });
            // The channels that dropout leaves out are drawn by the device: the same for the same epoch and position.
            let seed = mix(self.seed, epoch as u64, position as u64);
            work.extend(batch.map(|batch| (position - first, Work { batch, seed })));
        }
        Ok((work, notices))
    }

    /// Passes the warnings of all ranks on, and gives the numbers in the step of the cases that are not left out.
    fn agree(
        &self,
        epoch: usize,
        positions: Range<usize>,
        mine: Vec<Notice>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<usize>, TrainError> {
        let mut notices: Vec<Notice> = self.ranks.gather_values(mine)?.into_iter().flatten().collect();
        notices.sort_by_key(|notice| notice.position);
        if !notices.iter().map(|notice| notice.position).eq(positions.clone()) {
            return Err(RanksError::Differ { rank: self.ranks.rank(), what: "the cases of a step" }.into());
        }
        if epoch == 1 {
            notices.iter().filter_map(|notice| notice.warning.as_deref()).for_each(|warning| observer.warn(warning));
        }
        Ok(notices.iter().filter(|n| n.used).map(|n| n.position - positions.start).collect())
    }

    /// One optimiser step on the mean gradient of the cases; none without cases. Its numbers are read when all of it is
    /// queued: a GPU that waits for the host between two passes stands still.
    fn step(
        &self,
        step: Step<'_>,
        progress: &mut Progress,
        objective: &Objective,
        sums: &mut Sums,
    ) -> Result<(), TrainError> {
        let Step { epoch, lr, mine, used, name } = step;
        if used.is_empty() {
            return Ok(());
        }
        let devices = Devices::new(self.devices, self.threads, self.config.gradient.checkpointing);
        let Summed { losses, gradients } = if self.ranks.size() == 1 {
            let worked = devices.work(&progress.network, objective, mine);
            let (losses, gradients) = worked.into_iter().map(|w: Worked| (w.loss, w.gradients)).unzip();
            Summed { losses: Losses::OnDevice(losses), gradients: sum(&progress.network, gradients) }
        } else {
            sum_over_ranks(self.ranks, &devices, &progress.network, objective, mine, &used)?
        };
        let (gradient, length) = mean(&progress.network, gradients, used.len(), self.config.gradient.clip)?;
        progress.network = medseg_optim::step(&mut progress.optimizer, lr, progress.network.clone(), gradient);
        if let Some(average) = &mut progress.average {
            average.update(&progress.network)?;
        }
        let losses = losses.read()?;
        if let Some((at, loss)) = used.iter().zip(&losses).find(|(_, loss)| !loss.is_finite()) {
            let (stage, case) = (self.name.into(), name(*at).to_string());
            return Err(TrainError::Diverged { stage, epoch, case, loss: *loss });
        }
        sums.cases += losses.len();
        sums.loss += losses.iter().map(|loss| f64::from(*loss)).sum::<f64>();
        let value = length.map_or(Ok(0.0), read)?;
        if !value.is_finite() {
            let names = used.iter().map(|at| name(*at)).collect::<Vec<_>>().join(", ");
            let (stage, cases) = (self.name.into(), format!("case {names}"));
            return Err(TrainError::Overflow { stage, epoch, what: "the gradient", value, cases });
        }
        Ok(())
    }

    /// Refuses to go on where the ranks' weights are not the same bits, as on processors of different kinds.
    pub(super) fn check_alike(&self, network: &StageNetwork) -> Result<(), TrainError> {
        if self.ranks.size() == 1 {
            return Ok(());
        }
        let mut sum = Checksum { hasher: crc32fast::Hasher::new(), failed: None };
        network.valid().visit(&mut sum);
        match sum.failed {
            Some(error) => Err(TrainError::Device(error)),
            None => self.ranks.agree_on("the weights", sum.hasher.finalize().into()),
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

/// The checksum of all weights.
struct Checksum {
    hasher: crc32fast::Hasher,
    failed: Option<String>,
}

impl ModuleVisitor for Checksum {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        match param.val().try_into_vec_as::<f32>() {
            Ok(weights) => {
                let bytes: Vec<u8> = weights.into_iter().flat_map(f32::to_le_bytes).collect();
                self.hasher.update(&bytes);
            }
            Err(error) => self.failed = Some(error.to_string()),
        }
    }
}
