//! The training loop.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Device;
use medseg_data::{Loader, LoaderOptions, epoch_order};
use medseg_losses::{Activation, DiceLoss, DiceLossConfig};
use medseg_optim::{CosineWarmRestarts, NovoGradConfig};
use medseg_unet::{UNet, save_weights};

use super::checkpoint::load;
use super::validation::validate;
use super::{EpochRecord, LastCheckpoint, StageState, history_csv};
use crate::cases::{CaseSource, TrainingStep};
use crate::config::{BestBy, ScheduleSettings, StageConfig};
use crate::files::{create_dir, write_atomic};
use crate::report::curves_svg;
use crate::{Observer, TrainError};

/// Steps that wait ready for the network, at most.
const PREFETCH: usize = 4;

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
    /// Where the network trains, without autodiff.
    pub device: &'a Device,
    /// The stage's folder.
    pub folder: PathBuf,
}

/// What training holds between epochs.
struct Progress {
    network: UNet,
    optimizer: ModuleOptimizer,
    state: StageState,
}

impl StageRun<'_> {
    /// Weights of the best epoch.
    pub fn best_weights(folder: &Path) -> PathBuf {
        folder.join("best.safetensors")
    }

    /// Trains until the configured number of epochs is reached, going on from the last checkpoint if there is one.
    pub fn train(
        &self,
        training: &Arc<CaseSource>,
        validation: &CaseSource,
        observer: &mut dyn Observer,
    ) -> Result<StageState, TrainError> {
        create_dir(&self.folder)?;
        let mut progress = self.start(observer)?;
        let mut schedule = self.schedule(progress.state.history.len())?;
        for epoch in progress.state.history.len() + 1..=self.config.epochs {
            let started = Instant::now();
            let lr = schedule.lr();
            let loss;
            (progress.network, loss) =
                self.epoch(epoch, lr, progress.network, &mut progress.optimizer, training, observer)?;
            let validation_dice = if self.config.validates_after(epoch) {
                let first = progress.state.history.iter().all(|r| !self.config.validates_after(r.epoch));
                validate(self, &progress.network.valid(), validation, first, observer)?
            } else {
                None
            };
            let seconds = started.elapsed().as_secs_f64();
            progress.state.history.push(EpochRecord { epoch, lr, loss, validation_dice, seconds });
            self.keep(&mut progress)?;
            observer.message(&self.epoch_line(progress.state.history.last(), progress.state.best_epoch));
            schedule.step();
        }
        self.write_history(&progress.state)?;
        Ok(progress.state)
    }

    /// A fresh network, or the one of the last checkpoint.
    fn start(&self, observer: &mut dyn Observer) -> Result<Progress, TrainError> {
        let device = self.device.clone().autodiff();
        let network = self.config.network.init_seeded(self.seed, &device)?;
        let o = self.config.optimizer;
        let [beta_1, beta_2] = o.betas;
        let weight_decay = o.weight_decay;
        let novograd = NovoGradConfig { beta_1, beta_2, epsilon: o.eps, weight_decay, ..NovoGradConfig::default() };
        let optimizer = novograd.init()?;
        let Some((folder, state)) = LastCheckpoint::in_stage(&self.folder).find() else {
            return Ok(Progress { network, optimizer, state: StageState::default() });
        };
        let (network, optimizer) = load(&folder, network, optimizer)?;
        observer.message(&format!("{}: going on after epoch {}", self.name, state.history.len()));
        Ok(Progress { network, optimizer, state })
    }

    fn schedule(&self, finished_epochs: usize) -> Result<CosineWarmRestarts, TrainError> {
        let ScheduleSettings { t_0, t_mult, eta_min } = self.config.schedule;
        let mut schedule = CosineWarmRestarts::new(self.config.optimizer.lr, t_0 as u64, t_mult as u64, eta_min)?;
        for _ in 0..finished_epochs {
            schedule.step();
        }
        Ok(schedule)
    }

    /// One pass over the training cases in a shuffled order; returns the network and the mean loss.
    fn epoch(
        &self,
        epoch: usize,
        lr: f64,
        mut network: UNet,
        optimizer: &mut ModuleOptimizer,
        training: &Arc<CaseSource>,
        observer: &mut dyn Observer,
    ) -> Result<(UNet, f64), TrainError> {
        let steps = training.len();
        let (source, seed, number) = (Arc::clone(training), self.seed, epoch as u32);
        let order = epoch_order(seed, number, steps);
        let options = LoaderOptions { workers: self.workers, prefetch: PREFETCH };
        let loader = Loader::new(steps, options, move |i| source.training_step(seed, number, order[i]));
        let loss = DiceLossConfig { activation: Activation::Sigmoid, ..DiceLossConfig::default() }.init()?;
        observer.begin(&format!("{} epoch {epoch}/{}", self.name, self.config.epochs), steps);
        let mut sum = 0.0;
        for (done, step) in loader.enumerate() {
            let step = step?;
            if let Some(warning) = step.warning.as_ref().filter(|_| epoch == 1) {
                observer.warn(warning);
            }
            // The channels that dropout leaves out are drawn by the device: the same for the same epoch and step.
            self.device.seed(mix(self.seed, epoch as u64, done as u64));
            let value;
            (network, value) = self.step(epoch, lr, network, optimizer, &loss, step)?;
            sum += f64::from(value);
            observer.advance(done + 1, &format!("loss {:.4}  lr {lr:.2e}", sum / (done + 1) as f64));
        }
        observer.end();
        Ok((network, sum / steps as f64))
    }

    /// One optimiser step; returns the network and the loss before it.
    fn step(
        &self,
        epoch: usize,
        lr: f64,
        network: UNet,
        optimizer: &mut ModuleOptimizer,
        dice: &DiceLoss,
        step: TrainingStep,
    ) -> Result<(UNet, f32), TrainError> {
        let case = step.case.clone();
        let (image, target) = step.into_tensors(&self.device.clone().autodiff());
        let loss = dice.forward(network.forward(image), target);
        let value = loss.clone().try_into_scalar::<f32>().map_err(|e| TrainError::Device(e.to_string()))?;
        if !value.is_finite() {
            return Err(TrainError::Diverged { stage: self.name.into(), epoch, case, loss: value });
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        Ok((optimizer.step(lr, network, gradients), value))
    }

    /// Writes the best weights if this epoch is the best, then the checkpoint, then the history.
    fn keep(&self, progress: &mut Progress) -> Result<(), TrainError> {
        let Some(last) = progress.state.history.last() else { return Ok(()) };
        let score = match self.config.best_by {
            BestBy::TrainingLoss => Some(-last.loss),
            // A validated epoch always has a candidate, so that a run whose validation cases are all empty keeps one too.
            BestBy::ValidationDice => {
                self.config.validates_after(last.epoch).then(|| last.validation_dice.unwrap_or(0.0))
            }
        };
        if let Some(score) = score.filter(|s| progress.state.best_score.is_none_or(|best| *s > best)) {
            progress.state.best_score = Some(score);
            progress.state.best_epoch = last.epoch;
            save_weights(&progress.network.valid(), Self::best_weights(&self.folder))?;
        }
        LastCheckpoint::in_stage(&self.folder).save(&progress.network, &progress.optimizer, &progress.state)?;
        self.write_history(&progress.state)
    }

    fn write_history(&self, state: &StageState) -> Result<(), TrainError> {
        write_atomic(&self.folder.join("history.csv"), history_csv(&state.history).as_bytes())?;
        write_atomic(&self.folder.join("curves.svg"), curves_svg(self.name, &state.history)?.as_bytes())
    }

    fn epoch_line(&self, record: Option<&EpochRecord>, best_epoch: usize) -> String {
        let Some(r) = record else { return String::new() };
        let dice = r.validation_dice.map_or_else(String::new, |d| format!("  validation Dice {d:.4}"));
        let best = if r.validation_dice.is_some() && best_epoch == r.epoch { "  (best so far)" } else { "" };
        format!(
            "{} epoch {}/{}  loss {:.4}{dice}{best}  lr {:.2e}  {:.1} s",
            self.name, r.epoch, self.config.epochs, r.loss, r.lr, r.seconds
        )
    }
}

/// A seed that depends on every bit of its parts (SplitMix64's finaliser).
pub(crate) fn mix(seed: u64, a: u64, b: u64) -> u64 {
    [a, b].into_iter().fold(seed, |state, part| {
        let mut z = (state ^ part).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}
