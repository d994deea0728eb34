//! The settings of one stage: a network, how it is fed, and how it is trained.

use medseg_bundle::NetworkConfig;
use medseg_inference::SlidingWindowConfig;
use medseg_losses::{DeepSupervision, LevelWeights, LossError};
use medseg_optim::{EmaConfig, Schedule, ScheduleConfig};
use medseg_transforms::{LabelInterpolation, Pipeline, Step};
use medseg_volume::{Dhw, error_chain};
use serde::{Deserialize, Serialize};

use super::{Clip, EarlyStopping, GradientConfig, LossConfig, OptimizerConfig, ScheduleUnit};
use crate::TrainError;

/// The part of a case that one training step sees.
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

/// Source of the boxes of `foreground_crops`, in training and in the stage's validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoxSource {
    /// The reference's foreground with `foreground_margin`, as in the reference experiments: better than anything the fine
    /// network meets when predicting.
    #[default]
    Reference,
    /// The same boxes with each face moved in or out by up to `box_jitter` voxels, drawn anew for every training step and
    /// once for a validation case.
    Jittered,
    /// The boxes that the trained coarse network finds, as when predicting: the whole volume where it finds nothing.
    Predicted,
}

/// Random choice of crops from a case.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CropSampling {
    /// Crops per case; they form one step's batch.
    pub samples: usize,
    /// Weight of crops centred on a foreground voxel.
    pub pos: f32,
    /// Weight of crops centred on a background voxel.
    pub neg: f32,
    /// Gives every class that a case has the same chance of a foreground centre, as nnU-Net does, instead of every
    /// foreground voxel.
    #[serde(default)]
    pub by_class: bool,
}

impl Default for CropSampling {
    /// Four crops, foreground and background equally likely.
    fn default() -> Self {
        Self { samples: 4, pos: 1.0, neg: 1.0, by_class: false }
    }
}

/// Criterion of the epoch whose weights are saved as `best`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BestBy {
    /// Highest mean validation Dice.
    ValidationDice,
    /// Lowest mean training loss of an epoch, as the reference experiments did.
    TrainingLoss,
    /// The last epoch, as in nnU-Net: no case chooses the weights, so the validation Dice flatters nobody.
    Last,
}

/// One stage of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageConfig {
    /// The network.
    pub network: NetworkConfig,
    /// Training crop, or the size a whole image is resized to: voxels `[depth, height, width]`. See also `window.roi` and
    /// [`set_size`](Self::set_size).
    pub size: Dhw<usize>,
    /// The part of a case that a training step sees.
    pub input: StageInput,
    /// Interpolation of the label of a whole image; unused when the input is crops.
    #[serde(default = "super::nearest_exact")]
    pub label_resize: LabelInterpolation,
    /// Choice of crops; unused when the input is the whole image.
    pub crops: CropSampling,
    /// Random changes of every crop (or whole image) of a training step, drawn anew in every epoch: steps of
    /// `medseg-transforms`, on voxels as they are (a millimetre each). None if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub augmentation: Vec<Step>,
    /// Voxels added on every side of the foreground's box, cut at the image's border; for `foreground_crops`.
    pub foreground_margin: usize,
    /// Source of that box.
    #[serde(default)]
    pub boxes: BoxSource,
    /// Voxels by which a jittered box's faces move at most.
    #[serde(default)]
    pub box_jitter: usize,
    /// Passes over the training cases.
    pub epochs: usize,
    /// Epochs between validations; the last epoch is always validated.
    pub validate_every: usize,
    /// The loss.
    #[serde(default)]
    pub loss: LossConfig,
    /// Weights of the outputs of a network with `deep_supervision`, from full resolution down.
    #[serde(default)]
    pub deep_supervision_weights: LevelWeights,
    /// Factor of the orthogonality penalty of all kernels, added to the loss; 0 leaves it out. See
    /// [`medseg_losses::module_orthogonality_penalty`].
    #[serde(default)]
    pub orthogonality: f64,
    /// The optimiser.
    pub optimizer: OptimizerConfig,
    /// The learning rate's course, in epochs; see [`ScheduleConfig`].
    pub schedule: ScheduleConfig,
    /// Unit of the schedule: an epoch or a step.
    #[serde(default)]
    pub schedule_unit: ScheduleUnit,
    /// Accumulation, clipping and checkpointing of gradients.
    #[serde(default)]
    pub gradient: GradientConfig,
    /// Validate and keep an exponential moving average of the weights instead of the weights themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ema: Option<EmaConfig>,
    /// End the stage when it no longer gets better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// The sliding window of validation and prediction; a stage on the whole image has one window of its `size`. `roi` is
    /// usually `size`; a larger one shows the network more context than it saw in training. Mirrored windows are for
    /// prediction; validation between epochs goes without.
    pub window: SlidingWindowConfig,
    /// Criterion of the best epoch.
    pub best_by: BestBy,
}

impl StageConfig {
    /// Refuses impossible values, naming the setting; `stage` prefixes the message.
    pub(crate) fn validate(&self, stage: &str) -> Result<(), TrainError> {
        let fail = |what: String| Err(TrainError::Config(format!("{stage}.{what}")));
        let positive = |v: f64| v.is_finite() && v > 0.0;
        self.network.validate().map_err(|e| TrainError::Config(format!("{stage}.network: {}", error_chain(&e))))?;
        if self.network.out_channels() == 2 {
            return fail("network.out_channels: one organ needs 1 channel, n classes and the background n + 1".into());
        }
        if self.size.to_array().contains(&0) {
            return fail(format!("size must be at least one voxel along every axis, not {}", self.size));
        }
        if let Err(e) = self.augmentation().validate() {
            return fail(format!("augmentation: {}", error_chain(&e)));
        }
        if self.epochs == 0 {
            return fail("epochs must be at least 1".into());
        }
        if self.validate_every == 0 {
            return fail("validate_every must be at least 1".into());
        }
        self.optimizer.validate().or_else(|e| fail(format!("optimizer.{e}")))?;
        self.loss.validate(self.network.out_channels()).or_else(|e| fail(format!("loss: {e}")))?;
        if !(self.orthogonality.is_finite() && self.orthogonality >= 0.0) {
            return fail(format!("orthogonality must be a factor that is not negative, not {}", self.orthogonality));
        }
        if let Err(e) = self.schedule_at_start() {
            return fail(format!("schedule: {}", error_chain(&e)));
        }
        self.validate_gradient().or_else(fail)?;
        self.validate_deep_supervision().or_else(fail)?;
        if self.boxes == BoxSource::Jittered && self.box_jitter == 0 {
            return fail("box_jitter must be at least 1 voxel where boxes = \"jittered\"".into());
        }
        if self.boxes != BoxSource::Reference && self.input != StageInput::ForegroundCrops {
            return fail("boxes: only a stage on \"foreground_crops\" has boxes".into());
        }
        self.window.validate().or_else(|e| fail(format!("window.{e}")))?;
        let CropSampling { samples, pos, neg, .. } = self.crops;
        if samples == 0 || !(pos >= 0.0 && neg >= 0.0 && positive(f64::from(pos + neg))) {
            return fail("crops needs samples >= 1 and pos, neg >= 0 that are not both 0".into());
        }
        Ok(())
    }

    fn validate_gradient(&self) -> Result<(), String> {
        if self.gradient.accumulate == 0 {
            return Err("gradient.accumulate must be at least 1".into());
        }
        if let Some(max) = self.gradient.clip.map(Clip::max).filter(|max| !(max.is_finite() && *max > 0.0)) {
            return Err(format!("gradient.clip: max must be a positive number, not {max}"));
        }
        if let Some(decay) = self.ema.map(|e| e.decay).filter(|decay| !(0.0..1.0).contains(decay)) {
            return Err(format!("ema.decay must lie in [0, 1), not {decay}"));
        }
        if self.early_stopping.is_some_and(|e| e.patience == 0) {
            return Err("early_stopping.patience must be at least 1 epoch".into());
        }
        if self.early_stopping.is_some() && self.best_by == BestBy::Last {
            return Err("early_stopping needs a best_by other than \"last\", by which every epoch is the best".into());
        }
        Ok(())
    }

    fn validate_deep_supervision(&self) -> Result<(), String> {
        let levels = self.network.outputs();
        let named = |e: LossError| format!("deep_supervision_weights: {}", error_chain(&e));
        let supervision = DeepSupervision::new(self.deep_supervision_weights.clone()).map_err(named)?;
        if levels == 1 {
            let given = matches!(self.deep_supervision_weights, LevelWeights::Given(_));
            let unused = "deep_supervision_weights are given, but the network has one output";
            return if given { Err(unused.into()) } else { Ok(()) };
        }
        supervision.weights(levels).map_err(named)?;
        let multiple = self.network.size_multiple();
        if self.size.to_array().into_iter().zip(multiple).any(|(n, of)| n % of != 0) {
            return Err(format!(
                "size must be multiples of {multiple:?}, as deep_supervision_weights weigh several outputs"
            ));
        }
        Ok(())
    }

    /// The learning rate's course at the first epoch.
    pub(crate) fn schedule_at_start(&self) -> Result<Schedule, TrainError> {
        Ok(self.schedule.init(self.optimizer.lr)?)
    }

    /// Classes of the network, the background left out; 1 for a network of one output channel.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.network.out_channels().max(2) - 1
    }

    /// True if a training step sees the whole image of a case.
    pub(crate) fn is_whole(&self) -> bool {
        self.input == StageInput::Whole
    }

    /// Sets the training crop and the prediction window, voxels.
    pub fn set_size(&mut self, size: Dhw<usize>) {
        self.size = size;
        self.window.roi = size;
    }

    /// The changes of a training step's crops.
    pub(crate) fn augmentation(&self) -> Pipeline {
        Pipeline::of(self.augmentation.iter().cloned())
    }

    /// True when this epoch, counted from 1, ends with a validation.
    pub(crate) fn validates_after(&self, epoch: usize) -> bool {
        epoch.is_multiple_of(self.validate_every) || epoch == self.epochs
    }
}
