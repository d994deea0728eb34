//! The training loop of a stage.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::tensor::Device;
use medseg_bundle::StageNetwork;
use medseg_optim::{Ema, EmaState, Schedule};
use medseg_report::{EpochRecord, ScalarLog, StageFolder};
use medseg_unet::Precision;

use super::checkpoint::{AVERAGE, Found, Weights, load, load_network};
use super::devices::Devices;
use super::epoch::Trained;
use super::threads::Threads;
use super::validation::{Validated, validate};
use super::{Checkpoints, StageState};
use crate::cases::CaseSource;
use crate::config::{BestBy, ScheduleUnit, StageConfig};
use crate::files::create_dir;
use crate::memory::peak_memory_bytes;
use crate::{EpochProgress, Observer, Ranks, TrainError};

/// One stage of a run, ready to be trained.
pub(crate) struct StageRun<'a> {
    /// `coarse`, `fine` or `one_stage`.
    pub name: &'static str,
    /// Its settings.
    pub config: &'a StageConfig,
    /// Seed of this stage.
    pub seed: u64,
    /// Loader threads.
    pub workers: usize,
    /// Devices of the training, without autodiff; the first one holds the network. At least one.
    pub devices: &'a [Device],
    /// Threads of the kernels.
    pub threads: &'a Threads,
    /// Of the forward passes.
    pub precision: Precision,
    /// The processes that share a step's cases and those of a validation. The first one alone writes.
    pub ranks: &'a dyn Ranks,
    /// The stage's folder.
    pub folder: StageFolder,
    /// Folder of TensorBoard's event file, if one is wanted.
    pub tensorboard: Option<PathBuf>,
}

/// State of the training between epochs.
pub(super) struct Progress {
    pub network: StageNetwork,
    pub optimizer: ModuleOptimizer,
    /// The moving average of the weights, if the settings want one.
    pub average: Option<Ema<StageNetwork>>,
    state: StageState,
}

impl Progress {
    /// The network that is validated and saved: the average, if there is one.
    pub(super) fn best_candidate(&self) -> StageNetwork {
        self.average.as_ref().map_or_else(|| self.network.valid(), |average| average.average().clone())
    }
}

impl StageRun<'_> {
    /// The device of validations, which holds the network.
    pub(super) fn device(&self) -> &Device {
        &self.devices[0]
    }

    /// Trains until the configured number of epochs is reached or early stopping ends it, going on from the newest
    /// undamaged checkpoint if there is one.
    pub fn train(
        &self,
        training: &Arc<CaseSource>,
        validation: &CaseSource,
        observer: &mut dyn Observer,
    ) -> Result<StageState, TrainError> {
        let writes = self.ranks.is_first();
        if writes {
            create_dir(self.folder.path())?;
        }
        let mut progress = self.start(observer)?;
        let mut schedule = self.schedule(progress.state.history.len())?;
        let history = &progress.state.history;
        let tensorboard = self.tensorboard.as_deref().filter(|_| writes);
        let mut log = tensorboard.map(|to| ScalarLog::create(to, history)).transpose()?;
        self.report(history, observer);
        for epoch in progress.state.history.len() + 1..=self.config.epochs {
            if self.has_stopped(&progress.state) {
                let patience = self.config.early_stopping.map_or(0, |e| e.patience);
                observer.message(&format!("{}: no better epoch in {patience}, stopping early", self.name));
                break;
            }
            let started = Instant::now();
            let trained = self.epoch(epoch, &mut schedule, &mut progress, training, observer)?;
            let validated = self.validated(epoch, &progress, validation, observer)?;
            let record = Self::record(epoch, trained, validated, started.elapsed().as_secs_f64());
            progress.state.history.push(record);
            self.keep(&mut progress)?;
            if let (Some(log), Some(last)) = (&mut log, progress.state.history.last()) {
                log.push(last)?;
            }
            self.report(&progress.state.history, observer);
            observer.message(&self.epoch_line(progress.state.history.last(), progress.state.best_epoch));
            match self.config.schedule_unit {
                ScheduleUnit::Epoch => schedule.step(),
                ScheduleUnit::Step => schedule.step_to(epoch as f64)?,
            }
        }
        if writes {
            self.folder.write_history(&progress.state.history)?;
        }
        Ok(progress.state)
    }

    /// State that an earlier run of the stage reached, without training.
    pub fn reached(folder: &Path) -> Result<Option<StageState>, TrainError> {
        Ok(Checkpoints::in_stage(folder).find()?.map(|found| found.state))
    }

    /// A fresh network, or the one of the newest undamaged checkpoint; the same on all ranks.
    pub(super) fn start(&self, observer: &mut dyn Observer) -> Result<Progress, TrainError> {
        let checkpoints = Checkpoints::in_stage(self.folder.path());
        let found = if self.ranks.is_first() {
            let found = self.settled(&checkpoints, observer)?;
            self.ranks.wait()?;
            found
        } else {
            // Once the first rank has put it in its place.
            self.ranks.wait()?;
            checkpoints.find()?
        };
        let epochs = found.as_ref().map_or(0, |found| found.state.history.len());
        self.ranks.agree_on("the checkpoint that it finds", epochs as u64)?;
        let progress = self.go_on(found)?;
        self.check_alike(&progress.network)?;
        if epochs > 0 {
            observer.message(&format!("{}: going on after epoch {epochs}", self.name));
        }
        Ok(progress)
    }

    /// The newest undamaged checkpoint in its place, with a warning for each damaged one.
    fn settled(&self, checkpoints: &Checkpoints, observer: &mut dyn Observer) -> Result<Option<Found>, TrainError> {
        let Some(found) = checkpoints.find()? else { return Ok(None) };
        for what in &found.damaged {
            observer.warn(&format!("{what}; going on from the checkpoint before"));
        }
        checkpoints.settle(found).map(Some)
    }

    /// The state in a checkpoint, or that of a new training.
    fn go_on(&self, found: Option<Found>) -> Result<Progress, TrainError> {
        let device = Devices::training_device(self.device(), self.config.gradient.checkpointing);
        let network = self.config.network.init_seeded(self.seed, &device)?.with_precision(self.precision);
        let optimizer = self.config.optimizer.init()?;
        let Some(found) = found else {
            let average = self.config.ema.map(|ema| ema.init(&network)).transpose()?;
            return Ok(Progress { network, optimizer, average, state: StageState::default() });
        };
        let state = found.state;
        let average = match self.config.ema {
            Some(ema) => {
                let average = load_network(&found.folder, AVERAGE, network.valid())?;
                Some(ema.resume(average, EmaState { updates: state.average_updates })?)
            }
            None => None,
        };
        let (network, optimizer) = load(&found.folder, network, optimizer)?;
        Ok(Progress { network, optimizer, average, state })
    }

    /// The learning rate's course after so many epochs.
    pub(super) fn schedule(&self, finished_epochs: usize) -> Result<Schedule, TrainError> {
        let mut schedule = self.config.schedule_at_start()?;
        match self.config.schedule_unit {
            ScheduleUnit::Epoch => (0..finished_epochs).for_each(|_| schedule.step()),
            ScheduleUnit::Step => schedule.step_to(finished_epochs as f64)?,
        }
        Ok(schedule)
    }

    /// True when early stopping has ended the stage.
    fn has_stopped(&self, state: &StageState) -> bool {
        let since_best = state.history.len() - state.best_epoch.min(state.history.len());
        self.config.early_stopping.is_some_and(|e| state.best_epoch > 0 && since_best >= e.patience)
    }

    fn validated(
        &self,
        epoch: usize,
        progress: &Progress,
        validation: &CaseSource,
        observer: &mut dyn Observer,
    ) -> Result<Validated, TrainError> {
        if !self.config.validates_after(epoch) {
            return Ok(Validated::default());
        }
        let first = progress.state.history.iter().all(|r| !self.config.validates_after(r.epoch));
        validate(self, &progress.best_candidate(), validation, first, observer)
    }

    fn record(epoch: usize, trained: Trained, validated: Validated, seconds: f64) -> EpochRecord {
        let Trained { lr, loss, seconds_waiting } = trained;
        let Validated { dice, class_dice } = validated;
        EpochRecord { epoch, lr, loss, validation_dice: dice, class_dice, seconds, seconds_waiting }
    }

    /// Writes the best weights if this epoch is the best, then the checkpoint, then the history; on the first rank.
    fn keep(&self, progress: &mut Progress) -> Result<(), TrainError> {
        let Some(last) = progress.state.history.last() else { return Ok(()) };
        let score = match self.config.best_by {
            BestBy::TrainingLoss => Some(-last.loss),
            BestBy::Last => Some(last.epoch as f64),
            // A validated epoch always has a candidate, so that a run whose validation cases are all empty keeps one too.
            BestBy::ValidationDice => {
                self.config.validates_after(last.epoch).then(|| last.validation_dice.unwrap_or(0.0))
            }
        };
        if let Some(score) = score.filter(|s| progress.state.best_score.is_none_or(|best| *s > best)) {
            progress.state.best_score = Some(score);
            progress.state.best_epoch = last.epoch;
            if self.ranks.is_first() {
                progress.best_candidate().save(self.folder.best_weights())?;
            }
        }
        progress.state.average_updates = progress.average.as_ref().map_or(0, |average| average.state().updates);
        // The parts of an interrupted run are processes of their own.
        progress.state.peak_memory_bytes = progress.state.peak_memory_bytes.max(peak_memory_bytes());
        if !self.ranks.is_first() {
            return Ok(());
        }
        let weights = Weights {
            network: &progress.network,
            optimizer: &progress.optimizer,
            average: progress.average.as_ref().map(Ema::average),
        };
        Checkpoints::in_stage(self.folder.path()).save(&weights, &progress.state)?;
        Ok(self.folder.write_history(&progress.state.history)?)
    }

    fn report(&self, history: &[EpochRecord], observer: &mut dyn Observer) {
        observer.epoch(&EpochProgress {
            stage: self.name,
            done: history.len(),
            epochs: self.config.epochs,
            last: history.last(),
            best_dice: history.iter().filter_map(|r| r.validation_dice).reduce(f64::max),
        });
    }

    fn epoch_line(&self, record: Option<&EpochRecord>, best_epoch: usize) -> String {
        let Some(r) = record else { return String::new() };
        let dice = r.validation_dice.map_or_else(String::new, |d| format!("  validation Dice {d:.4}"));
        let best = if r.validation_dice.is_some() && best_epoch == r.epoch { " (best)" } else { "" };
        // What is worth a look at the number of loader threads.
        let waiting = r.seconds_waiting / r.seconds.max(f64::MIN_POSITIVE);
        let waiting =
            if waiting >= 0.05 { format!(", {:.0} % of it waiting for data", waiting * 100.0) } else { String::new() };
        format!(
            "{} epoch {}/{}  loss {:.4}{dice}{best}  lr {:.2e}  {:.1} s{waiting}",
            self.name, r.epoch, self.config.epochs, r.loss, r.lr, r.seconds
        )
    }
}
