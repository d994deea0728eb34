//! The settings of one stage: a network, how it is fed, and how it is trained.

use medseg_inference::{Blend, SlidingWindow};
use medseg_unet::UNetConfig;
use medseg_volume::Dhw;
use serde::{Deserialize, Serialize};

use crate::TrainError;

/// What one training step sees of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageInput {
    /// The whole image, resized (image trilinear, label nearest) to the stage's size: the coarse stage.
    Whole,
    /// Random crops of the stage's size from the whole image, padded first if smaller (`RandCropByPosNegLabel`).
    Crops,
    /// The same crops from the box of the reference's foreground with a margin: the fine stage.
    ForegroundCrops,
}

/// How a label is resized to the coarse grid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelResize {
    /// PyTorch's and MONAI's `nearest`, as in the reference experiments: masks come out shifted by up to half a voxel.
    Nearest,
    /// The voxel at the centre, `nearest-exact`.
    #[default]
    NearestExact,
}

/// How random crops are drawn from a case.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CropSampling {
    /// Crops per case; they form one step's batch.
    pub samples: usize,
    /// Weight of crops centred on a foreground voxel.
    pub pos: f32,
    /// Weight of crops centred on a background voxel.
    pub neg: f32,
}

impl Default for CropSampling {
    /// Four crops, foreground and background equally likely.
    fn default() -> Self {
        Self { samples: 4, pos: 1.0, neg: 1.0 }
    }
}

/// NovoGrad's settings; see [`medseg_optim::NovoGradConfig`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerSettings {
    /// Learning rate at the schedule's maxima.
    pub lr: f64,
    /// Decay of the first and second moments.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Weight decay.
    pub weight_decay: f64,
}

/// Cosine annealing with warm restarts, stepped once an epoch; see [`medseg_optim::CosineWarmRestarts`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSettings {
    /// Epochs of the first period.
    pub t_0: usize,
    /// Factor between one period and the next.
    pub t_mult: usize,
    /// Lowest learning rate.
    pub eta_min: f64,
}

/// Which epoch's weights are kept as `best`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BestBy {
    /// Highest mean validation Dice.
    ValidationDice,
    /// Lowest mean training loss of an epoch, as the reference experiments did.
    TrainingLoss,
}

/// How whole volumes are predicted window by window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowSettings {
    /// Share of a window that neighbours have in common, in [0, 1).
    pub overlap: f64,
    /// Windows in one forward pass.
    pub batch: usize,
    /// Gaussian instead of constant weights where windows overlap.
    pub gaussian: bool,
}

/// One stage of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageConfig {
    /// The network.
    pub network: UNetConfig,
    /// Training crop, prediction window, or the size a whole image is resized to: voxels `[depth, height, width]`.
    pub size: Dhw<usize>,
    /// What a training step sees.
    pub input: StageInput,
    /// How the label of a whole image is resized; unused when the input is crops.
    #[serde(default)]
    pub label_resize: LabelResize,
    /// How crops are drawn; unused when the input is the whole image.
    pub crops: CropSampling,
    /// Voxels added on every side of the foreground's box, cut at the image's border; for `foreground_crops`.
    pub foreground_margin: usize,
    /// Passes over the training cases.
    pub epochs: usize,
    /// Epochs between validations; the last epoch is always validated.
    pub validate_every: usize,
    /// The optimiser.
    pub optimizer: OptimizerSettings,
    /// The learning-rate schedule.
    pub schedule: ScheduleSettings,
    /// The sliding window of validation and prediction.
    pub window: WindowSettings,
    /// What "best" means.
    pub best_by: BestBy,
}

impl StageConfig {
    /// Refuses impossible values, naming the setting; `stage` prefixes the message.
    pub(crate) fn validate(&self, stage: &str) -> Result<(), TrainError> {
        let fail = |what: String| Err(TrainError::Config(format!("{stage}.{what}")));
        let positive = |v: f64| v.is_finite() && v > 0.0;
        self.network.validate().map_err(|e| TrainError::Config(format!("{stage}.network: {e}")))?;
        if self.network.in_channels != 1 || self.network.out_channels != 1 {
            return fail("network: the experiments use one input channel and one output channel".into());
        }
        if self.network.deep_supervision != 0 {
            return fail(
                "network: the experiments' loss sees the last logits only, so deep_supervision must be 0".into(),
            );
        }
        if self.size.to_array().contains(&0) {
            return fail(format!("size must be at least one voxel along every axis, not {}", self.size));
        }
        if self.epochs == 0 {
            return fail("epochs must be at least 1".into());
        }
        if self.validate_every == 0 {
            return fail("validate_every must be at least 1".into());
        }
        if !positive(self.optimizer.lr) {
            return fail(format!("optimizer.lr must be a positive number, not {}", self.optimizer.lr));
        }
        if self.optimizer.betas.iter().any(|b| !(0.0..1.0).contains(b)) {
            return fail(format!("optimizer.betas must lie in [0, 1), not {:?}", self.optimizer.betas));
        }
        if !positive(self.optimizer.eps)
            || !self.optimizer.weight_decay.is_finite()
            || self.optimizer.weight_decay < 0.0
        {
            return fail("optimizer.eps must be positive and optimizer.weight_decay not negative".into());
        }
        if self.schedule.t_0 == 0
            || self.schedule.t_mult == 0
            || !(0.0..=self.optimizer.lr).contains(&self.schedule.eta_min)
        {
            return fail("schedule needs t_0 >= 1, t_mult >= 1 and 0 <= eta_min <= lr".into());
        }
        if !(0.0..1.0).contains(&self.window.overlap) {
            return fail(format!("window.overlap must lie in [0, 1), not {}", self.window.overlap));
        }
        if self.window.batch == 0 {
            return fail("window.batch must be at least 1".into());
        }
        let CropSampling { samples, pos, neg } = self.crops;
        if samples == 0 || !(pos >= 0.0 && neg >= 0.0 && positive(f64::from(pos + neg))) {
            return fail("crops needs samples >= 1 and pos, neg >= 0 that are not both 0".into());
        }
        Ok(())
    }

    /// The sliding window of validation and prediction.
    #[must_use]
    pub fn sliding_window(&self) -> SlidingWindow {
        let blend = if self.window.gaussian { Blend::gaussian() } else { Blend::Constant };
        SlidingWindow::new(self.size).with_overlap(self.window.overlap).with_batch(self.window.batch).with_blend(blend)
    }

    /// True when this epoch, counted from 1, ends with a validation.
    pub(crate) fn validates_after(&self, epoch: usize) -> bool {
        epoch.is_multiple_of(self.validate_every) || epoch == self.epochs
    }
}
