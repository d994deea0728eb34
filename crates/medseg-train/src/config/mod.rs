//! The settings of an experiment: one readable file, checked before anything runs.

mod presets;
mod stage;

use std::path::Path;

use medseg_data::SplitRule;
use medseg_inference::Growth;
use medseg_transforms::Intensity;
use medseg_volume::{AxisChange, Geometry, Orientation};
use serde::{Deserialize, Serialize};

pub use presets::Preset;
pub use stage::{
    BestBy, CropSampling, LabelResize, OptimizerSettings, ScheduleSettings, StageConfig, StageInput, WindowSettings,
};

use crate::TrainError;
use crate::files::read_text;

/// Version of the configuration's layout that this crate reads and writes.
pub const SCHEMA: u32 = 1;

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

/// What is read of the cases and how it is prepared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Label values that count as foreground; empty means every value above 0.
    pub labels: Vec<u8>,
    /// Turn every volume's axes to point this way before anything else, such as `RAS`; masks are turned back. As in the
    /// file if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orientation: Option<Orientation>,
    /// How intensities are brought to the network's range.
    pub intensity: Intensity,
    /// Which cases train and which validate.
    pub split: SplitRule,
    /// Memory for prepared cases, in MiB; what does not fit is prepared again in every epoch.
    pub cache_mib: usize,
    /// Threads that prepare the next steps while the network works; results do not depend on it.
    pub workers: usize,
}

impl DataConfig {
    /// What turns the axes of a volume with this geometry as the settings want them.
    #[must_use]
    pub fn axis_change(&self, geometry: &Geometry) -> AxisChange {
        let from = geometry.orientation();
        AxisChange::between(from, self.orientation.unwrap_or(from))
    }
}

/// The box between the coarse and the fine stage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CascadeSettings {
    /// Voxels of the coarse grid added around the coarse mask's box.
    pub margin: usize,
    /// Keep only the coarse mask's largest component before taking its box.
    pub largest_component: bool,
    /// Millimetres added on every side beyond `margin`.
    #[serde(default)]
    pub margin_mm: f64,
    /// How the box follows a mask that it cuts; not at all if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
}

/// The part of a run's `config.json` that says how to repeat it.
#[derive(Deserialize)]
struct RunFile {
    settings: ExperimentConfig,
}

/// A whole experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExperimentConfig {
    /// Layout version, [`SCHEMA`].
    pub schema: u32,
    /// One stage or two.
    pub experiment: Experiment,
    /// Seed of everything random.
    pub seed: u64,
    /// Cases and preprocessing.
    pub data: DataConfig,
    /// The coarse stage; only in a two-stage experiment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coarse: Option<StageConfig>,
    /// The fine stage, or the only one.
    pub fine: StageConfig,
    /// From the coarse mask to the fine stage's box.
    pub cascade: CascadeSettings,
    /// Keep only the final mask's largest component.
    pub largest_component: bool,
    /// Distance within which surfaces count as equal in the surface Dice, in millimetres.
    pub surface_tolerance_mm: f64,
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
    ///
    /// # Errors
    /// An unreadable file, an unknown key, a missing key or a value of the wrong type, naming file and place. The values
    /// themselves are checked by [`validate`](Self::validate).
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let text = read_text(path).map_err(|e| TrainError::Config(e.to_string()))?;
        let fail = |reason: String| TrainError::Config(format!("{}: {}", path.display(), reason.trim()));
        if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) {
            let parse = || {
                let of_a_run = serde_json::from_str::<serde_json::Value>(&text)?.get("settings").is_some();
                if of_a_run {
                    Ok(serde_json::from_str::<RunFile>(&text)?.settings)
                } else {
                    serde_json::from_str(&text)
                }
            };
            parse().map_err(|e: serde_json::Error| fail(e.to_string()))
        } else {
            toml::from_str(&text).map_err(|e| fail(e.to_string()))
        }
    }

    /// Refuses impossible settings.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the first setting that cannot work.
    pub fn validate(&self) -> Result<(), TrainError> {
        let fail = |what: &str| Err(TrainError::Config(what.to_string()));
        if self.schema != SCHEMA {
            return Err(TrainError::Config(format!(
                "schema {} is unknown; this version reads schema {SCHEMA}",
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
        if self.data.workers == 0 {
            return fail("data.workers must be at least 1");
        }
        if !(self.surface_tolerance_mm.is_finite() && self.surface_tolerance_mm >= 0.0) {
            return fail("surface_tolerance_mm must be a number of millimetres that is not negative");
        }
        if self.cascade.margin_mm < 0.0 || !self.cascade.margin_mm.is_finite() {
            return fail("cascade.margin_mm must be a number of millimetres that is not negative");
        }
        if self.cascade.growth.is_some_and(|g| g.step_mm < 0.0 || !g.step_mm.is_finite()) {
            return fail("cascade.growth.step_mm must be a number of millimetres that is not negative");
        }
        self.data.intensity.validate().map_err(|e| TrainError::Config(format!("data.intensity: {e}")))?;
        self.stages().into_iter().try_for_each(|(name, stage)| stage.validate(name))
    }
}
