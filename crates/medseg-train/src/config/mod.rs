//! The settings of an experiment: one readable file, checked before anything runs.

mod cleaning;
mod gradient;
mod loss;
mod optimizer;
mod overrides;
mod presets;
mod stage;
mod upgrade;

use std::path::{Path, PathBuf};

use medseg_data::{Grouping, SplitRule};
use medseg_inference::CascadeConfig;
use medseg_transforms::{LabelInterpolation, Preprocessing, Step, TransformError};
use medseg_unet::Precision;
use medseg_volume::error_chain;
use serde::{Deserialize, Serialize};

pub use cleaning::Cleaning;
pub use gradient::{Clip, EarlyStopping, GradientConfig, ScheduleUnit};
pub(crate) use loss::Loss;
pub use loss::LossConfig;
pub use optimizer::{AdamWConfig, OptimizerConfig, OptimizerRule, SgdConfig};
pub use presets::Preset;
pub(crate) use presets::single_cosine_cycle;
pub use stage::{BestBy, BoxSource, CropSampling, StageConfig, StageInput};

use crate::TrainError;
use crate::cases::IN_MASK;
use crate::files::read_text;
pub(crate) use upgrade::upgraded;

/// Version of the configuration's layout that this crate reads and writes.
pub const EXPERIMENT_SCHEMA: u32 = 3;

/// Which of the two experiments is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Experiment {
    /// One network on full-resolution crops, applied by sliding window.
    OneStage,
    /// A coarse network finds the organ's box on the resized image, a fine one segments inside it.
    TwoStage,
}

impl Experiment {
    /// The name used for the example, the output folder and in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OneStage => "one_stage",
            Self::TwoStage => "two_stage",
        }
    }
}

/// Cases and their preparation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Folder of the cases; the command line's `--data` goes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Label values that count as foreground; empty means every value above 0. Where a network has several classes, the
    /// values in the order of the classes: class 1 is the first. Masks then hold these values.
    pub labels: Vec<u8>,
    /// Channels of an image, such as the sequences of an MR examination: files `NAME_0000`, `NAME_0001` and so on, on one grid.
    #[serde(default = "one_channel", skip_serializing_if = "is_one_channel")]
    pub channels: usize,
    /// From a file's voxels to the networks': orientation, spacing, intensities, for training and prediction alike. Masks
    /// are taken back to the file's grid.
    pub preprocessing: Preprocessing,
    /// Labels where `preprocessing.spacing_mm` resamples a training case.
    #[serde(default = "nearest_exact")]
    pub label_interpolation: LabelInterpolation,
    /// Which cases train and which validate.
    pub split: SplitRule,
    /// The cases that belong together, such as the images of one patient: a split puts them on one side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Grouping>,
    /// Memory for prepared cases, in MiB; what does not fit is prepared again in every epoch.
    pub cache_mib: usize,
    /// A folder of prepared cases for later runs, which then start at once; none is used if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_cache: Option<DiskCacheConfig>,
    /// Threads that prepare the next steps while the network works; results do not depend on it.
    pub workers: usize,
    /// Action on a case whose files cannot be read or whose image holds numbers that are not finite.
    #[serde(default)]
    pub on_bad_case: OnBadCase,
    /// Action on a training or validation case whose label has no foreground.
    #[serde(default)]
    pub on_empty_label: OnEmptyLabel,
}

/// A place in which prepared cases outlive a run. Entries are known by their files' length and modification time and by all settings
/// that matter, so runs may share a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskCacheConfig {
    /// The folder; made if it is not there.
    pub folder: PathBuf,
    /// The most it may take, in MiB: entries that were not used for longest go first.
    #[serde(default = "DiskCacheConfig::default_mib")]
    pub mib: u64,
}

impl DiskCacheConfig {
    /// In this folder, up to 64 GiB.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), mib: Self::default_mib() }
    }

    fn default_mib() -> u64 {
        64 << 10
    }
}

/// Action on a case that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBadCase {
    /// End the run with an error that names the case and the file.
    #[default]
    Stop,
    /// Warn, name it, and go on without it.
    Skip,
}

/// Action on a case without foreground.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnEmptyLabel {
    /// Warn, name it, and use it: it shows the network what is background.
    #[default]
    Use,
    /// Warn, name it, and go on without it.
    Skip,
    /// End the run with an error that names it.
    Stop,
}

/// Most channels of an image.
const MOST_CHANNELS: usize = 256;

/// A whole experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExperimentConfig {
    /// Layout version, [`EXPERIMENT_SCHEMA`].
    pub schema: u32,
    /// One stage or two.
    pub experiment: Experiment,
    /// Seed of everything random.
    pub seed: u64,
    /// The device for binaries that choose one by name; the command line's `--device` goes before it.
    #[serde(default = "automatic")]
    pub device: String,
    /// Precision of the networks' forward passes.
    #[serde(default)]
    pub precision: Precision,
    /// Cases and preprocessing.
    pub data: DataConfig,
    /// The coarse stage; only in a two-stage experiment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coarse: Option<StageConfig>,
    /// The fine stage, or the only one.
    pub fine: StageConfig,
    /// From the coarse mask to the fine stage's box; unused with one stage.
    pub cascade: CascadeConfig,
    /// Components that final masks keep.
    pub cleaning: Cleaning,
    /// Distance within which surfaces count as equal in the surface Dice, in millimetres.
    pub surface_tolerance_mm: f64,
}

fn one_channel() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_one_channel(channels: &usize) -> bool {
    *channels == 1
}

fn automatic() -> String {
    "auto".into()
}

pub(crate) fn nearest_exact() -> LabelInterpolation {
    LabelInterpolation::NearestExact
}

impl ExperimentConfig {
    /// The stages in training order with the names of their folders.
    #[must_use]
    pub fn stages(&self) -> Vec<(&'static str, &StageConfig)> {
        match &self.coarse {
            Some(coarse) => vec![("coarse", coarse), ("fine", &self.fine)],
            None => vec![("one_stage", &self.fine)],
        }
    }

    /// The stages for changing them together, as the command line does.
    pub fn stages_mut(&mut self) -> Vec<&mut StageConfig> {
        self.coarse.iter_mut().chain(std::iter::once(&mut self.fine)).collect()
    }

    /// Reads a TOML file, or a JSON file if its name ends in `.json`; the `config.json` of a run gives that run's settings.
    /// A file of an older [`EXPERIMENT_SCHEMA`] is brought to this one.
    ///
    /// # Errors
    /// An unreadable file, an unknown key, a missing key or a value of the wrong type, naming file and place. The values
    /// themselves are checked by [`validate`](Self::validate).
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let text = read_text(path).map_err(|e| TrainError::Config(error_chain(&e)))?;
        let fail = |reason: String| TrainError::Config(format!("{}: {}", path.display(), reason.trim()));
        if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) {
            let parse = || {
                let mut file: serde_json::Value = serde_json::from_str(&text)?;
                let of_a_run = file.get_mut("settings").map(serde_json::Value::take);
                let old = of_a_run.is_some() || upgrade::is_old(&file);
                // Straight from the text a mistake has its line.
                if old { upgraded(of_a_run.unwrap_or(file)) } else { serde_json::from_str(&text) }
            };
            return parse().map_err(|e| fail(e.to_string()));
        }
        let file: toml::Table = toml::from_str(&text).map_err(|e| fail(e.to_string()))?;
        match serde_json::to_value(&file) {
            Ok(file) if upgrade::is_old(&file) => upgraded(file).map_err(|e| fail(e.to_string())),
            _ => toml::from_str(&text).map_err(|e| fail(e.to_string())),
        }
    }

    /// Refuses impossible settings.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the first setting that cannot work.
    pub fn validate(&self) -> Result<(), TrainError> {
        let fail = |what: &str| Err(TrainError::Config(what.to_string()));
        if self.schema != EXPERIMENT_SCHEMA {
            return Err(TrainError::Config(format!(
                "schema {} is unknown; this version reads schema {EXPERIMENT_SCHEMA}",
                self.schema
            )));
        }
        match (self.experiment, &self.coarse) {
            (Experiment::OneStage, Some(_)) => return fail("a one_stage experiment has no coarse stage"),
            (Experiment::TwoStage, None) => return fail("a two_stage experiment needs a coarse stage"),
            _ => {}
        }
        if self.coarse.as_ref().is_some_and(|c| c.input != StageInput::Whole) {
            return fail("coarse.input must be \"whole\": the coarse network sees the whole resized image");
        }
        if self.fine.input == StageInput::Whole {
            return fail("fine.input must be \"crops\" or \"foreground_crops\"");
        }
        if self.experiment == Experiment::OneStage && self.fine.input == StageInput::ForegroundCrops {
            return fail("fine.input \"foreground_crops\" needs a coarse stage to find the box when predicting");
        }
        if self.data.labels.contains(&0) {
            return fail("data.labels: 0 is the background and cannot count as foreground");
        }
        if !(1..=MOST_CHANNELS).contains(&self.data.channels) {
            return Err(TrainError::Config(format!("data.channels must be from 1 to {MOST_CHANNELS}")));
        }
        if self.data.workers == 0 {
            return fail("data.workers must be at least 1");
        }
        if !(self.surface_tolerance_mm.is_finite() && self.surface_tolerance_mm >= 0.0) {
            return fail("surface_tolerance_mm must be a number of millimetres that is not negative");
        }
        self.cascade.validate().map_err(|e| TrainError::Config(format!("cascade.{e}")))?;
        self.validate_classes()?;
        let named = |part: &'static str| {
            move |e: TransformError| TrainError::Config(format!("data.preprocessing{part}: {}", error_chain(&e)))
        };
        self.data.preprocessing.intensity.validate().map_err(named(".intensity"))?;
        self.data.preprocessing.validate().map_err(named(""))?;
        self.validate_mask_channel()?;
        self.stages().into_iter().try_for_each(|(name, stage)| stage.validate(name))
    }

    /// Sets the channels of an image, and of the networks that take them. A described network that cannot take so many is left
    /// as it is.
    pub fn set_channels(&mut self, channels: usize) {
        self.data.channels = channels;
        self.fine.network.set_in_channels(self.cascade.fine_channels(channels));
        if let Some(coarse) = &mut self.coarse {
            coarse.network.set_in_channels(channels);
        }
    }

    /// The fine network gets the image, and the coarse mask where the cascade says so; the coarse one the image.
    fn validate_mask_channel(&self) -> Result<(), TrainError> {
        let fail = |reason: String| Err(TrainError::Config(reason));
        let masked = self.cascade.mask_channel;
        if masked && self.coarse.is_none() {
            return fail("cascade.mask_channel: a one_stage experiment has no coarse mask".into());
        }
        for (name, stage) in self.stages() {
            let channels = self.data.channels;
            let gets = if name == "fine" { self.cascade.fine_channels(channels) } else { channels };
            if stage.network.in_channels() != gets {
                let and = if gets == channels { "" } else { ", and cascade.mask_channel adds one" };
                return fail(format!("{name}.network.in_channels must be {gets}: data.channels is {channels}{and}"));
            }
        }
        if masked && self.fine.classes() >= usize::from(IN_MASK) {
            return fail(format!("cascade.mask_channel: at most {} classes, not {}", IN_MASK - 1, self.fine.classes()));
        }
        let relabels = |step: &Step| {
            matches!(
                step,
                Step::MapLabels(_) | Step::KeepLargestComponents(_) | Step::RemoveSmallObjects(_) | Step::FillHoles(_)
            )
        };
        if masked && self.fine.augmentation.iter().any(relabels) {
            return fail("cascade.mask_channel: fine.augmentation must not change label values".into());
        }
        Ok(())
    }

    /// Networks of several classes need a label value for each.
    fn validate_classes(&self) -> Result<(), TrainError> {
        let labels = &self.data.labels;
        for (name, stage) in self.stages().into_iter().filter(|(_, s)| s.classes() > 1) {
            if labels.len() != stage.classes() {
                return Err(TrainError::Config(format!(
                    "{name}.network.out_channels = {} makes {} classes, but data.labels names {} values: one for each class",
                    stage.network.out_channels(),
                    stage.classes(),
                    labels.len()
                )));
            }
        }
        match labels.iter().enumerate().find(|(at, v)| labels[..*at].contains(v)) {
            Some((_, value)) => Err(TrainError::Config(format!("data.labels names {value} twice"))),
            None => Ok(()),
        }
    }

    /// Tells the label values of `data.labels` apart: as many classes in the last stage, softmax and class numbers in its
    /// loss. The coarse stage keeps looking for all of them as one. The
    /// channels of a described network are left as they are.
    pub fn separate_classes(&mut self) {
        let channels = self.data.labels.len() + 1;
        if channels > 2 {
            if let Some(network) = self.fine.network.as_unet_mut() {
                network.out_channels = channels;
            }
            self.fine.loss = self.fine.loss.clone().for_channels(channels);
        }
    }
}
