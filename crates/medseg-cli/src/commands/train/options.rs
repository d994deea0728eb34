//! The options of `medseg train`, and the settings that they ask for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;
use medseg_data::Grouping;
use medseg_report::RunFolder;
use medseg_train::{
    Alone, DiskCacheConfig, Experiment, ExperimentConfig, Fit, Folds, Part, Preset, Ranks, RunRequest, TrainError,
};
use medseg_transforms::{Intensity, nnunet_augmentation_for};
use medseg_volume::Dhw;

use super::limits::{Duration, Memory, groups};
use super::network::network;

/// The options of an experiment.
#[derive(Clone, Debug, clap::Args)]
pub struct TrainArgs {
    /// Folder with image/ and label/, or an MSD folder; without it a phantom set is made in the output folder
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Label values that count as foreground (default: every value above 0)
    #[arg(long, value_name = "1,2", value_delimiter = ',')]
    labels: Option<Vec<u8>>,
    /// Tell the label values apart, as classes 1, 2, ... in the order of --labels, instead of taking them as one
    #[arg(long, requires = "labels")]
    classes: bool,
    /// Settings to start from (default: quick, or auto where a folder stands for the experiment)
    #[arg(long, value_enum)]
    preset: Option<PresetName>,
    /// Time that --preset auto fills with the whole training, such as 90s, 30m or 2h (default: 30m)
    #[arg(long)]
    pub(super) time: Option<Duration>,
    /// Memory within which --preset auto plans, such as 8G (default: 8G)
    #[arg(long)]
    pub(super) memory: Option<Memory>,
    /// Train and validate this many times, each case validated once, and put the networks together
    #[arg(long, value_name = "N")]
    folds: Option<usize>,
    /// Of the folds train this one alone, from 0, as the jobs of an array do; the last to finish puts them together
    #[arg(long, value_name = "K", requires = "folds")]
    fold: Option<usize>,
    /// Keep cases together in the split: a regular expression on their names whose parentheses match the patient, or a CSV
    /// file of case and group
    #[arg(long, value_name = "PATTERN|FILE.csv")]
    groups: Option<String>,
    /// auto, cpu, ndarray, cuda, cuda:N, webgpu or webgpu:N; several with commas share the cases of a training step
    /// (default: auto)
    #[arg(long)]
    device: Option<String>,
    /// Output folder (default: runs/one_stage or runs/two_stage)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Epochs of every stage
    #[arg(long)]
    epochs: Option<usize>,
    /// Training crop, window and coarse grid in voxels
    #[arg(long, value_name = "D,H,W", value_delimiter = ',')]
    roi: Option<Vec<usize>>,
    /// The network of every stage: unet, unet++, vnet, or a file that describes one (see the README of medseg-architecture)
    #[arg(long, value_name = "NAME|FILE.json")]
    network: Option<String>,
    /// Channels of the levels, from the finest
    #[arg(long, value_name = "A,B,C,D,E", value_delimiter = ',')]
    channels: Option<Vec<usize>>,
    /// Learning rate
    #[arg(long, allow_negative_numbers = true)]
    lr: Option<f64>,
    /// Seed of everything random
    #[arg(long)]
    seed: Option<u64>,
    /// Overlap of neighbouring windows, in [0, 1)
    #[arg(long, allow_negative_numbers = true)]
    overlap: Option<f64>,
    /// auto (CT window or z-score, by a look at the data), window:LOW,HIGH, z-score, z-score-nonzero, percentile:LOW,HIGH
    #[arg(long, allow_hyphen_values = true)]
    intensity: Option<String>,
    /// Millimetres between voxels that every case is resampled to; predictions come back on the image's grid
    #[arg(long, value_name = "D,H,W", value_delimiter = ',')]
    spacing: Option<Vec<f64>>,
    /// Change any setting by its name in a configuration file, its value in TOML, such as fine.gradient.accumulate=2; may be
    /// repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Settings as a TOML or JSON file, instead of a preset
    #[arg(long, value_name = "FILE", conflicts_with = "preset")]
    config: Option<PathBuf>,
    /// Change every crop at random as nnU-Net does, mirroring apart: rotation, scaling, noise, blur, brightness, contrast,
    /// gamma; settings that change crops already stay as they are
    #[arg(long)]
    augment: bool,
    /// Keep prepared cases in this folder, so that later runs on the same data start at once
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Go on from the last checkpoint in the output folder
    #[arg(long)]
    resume: bool,
    /// Resume even if settings or data have changed since; the changes are printed
    #[arg(long, requires = "resume")]
    force_config: bool,
    /// Do one part of the experiment: train the coarse or the fine stage, or predict and report
    #[arg(long, value_enum, value_name = "PART")]
    stage: Option<PartName>,
    /// Write TensorBoard event files under tensorboard/ in the output folder
    #[arg(long)]
    tensorboard: bool,
    /// Share the cases of every step with the other processes that mpirun or srun started; needs a build with the feature mpi
    #[arg(long)]
    mpi: bool,
    /// Print settings, split, steps, windows and memory, and stop
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PresetName {
    /// Everything planned from the data, for a time; see medseg plan
    Auto,
    /// Small networks and windows, epochs and window fitted to the data: minutes on two cores
    Quick,
    /// The reference experiments; for one stage its first run
    #[value(name = "reference", alias = "paper")]
    Paper,
    /// The reference's first one-stage run
    PaperOneStage1,
    /// The reference's second one-stage run
    #[value(alias = "paper-run2")]
    PaperOneStage2,
    /// The reference's two-stage experiment
    PaperTwoStage,
}

impl PresetName {
    /// Its settings; a preset of the other experiment is refused by the caller.
    fn config(self, experiment: Experiment) -> ExperimentConfig {
        match self {
            Self::Quick | Self::Auto => Preset::Quick.config(experiment),
            Self::Paper => Preset::Reference.config(experiment),
            Self::PaperOneStage1 => Preset::Reference.config(Experiment::OneStage),
            Self::PaperOneStage2 => Preset::ReferenceRun2.config(Experiment::OneStage),
            Self::PaperTwoStage => Preset::Reference.config(Experiment::TwoStage),
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PartName {
    /// Train the coarse stage
    Coarse,
    /// Train the fine stage, or the only one
    Fine,
    /// Predict the held-out cases with the trained stages, and report
    Predict,
}

impl From<PartName> for Part {
    fn from(name: PartName) -> Self {
        match name {
            PartName::Coarse => Self::Coarse,
            PartName::Fine => Self::Fine,
            PartName::Predict => Self::Predict,
        }
    }
}

impl TrainArgs {
    /// The same options with a folder of cases.
    pub fn with_data(self, folder: PathBuf) -> Result<Self, TrainError> {
        if let Some(other) = &self.data {
            let reason = format!("{} and --data {} both name a folder of cases", folder.display(), other.display());
            return Err(TrainError::Config(reason));
        }
        if !folder.is_dir() {
            let reason = format!("{} is neither one-stage nor two-stage nor a folder of cases", folder.display());
            return Err(TrainError::Config(reason));
        }
        Ok(Self { data: Some(folder), ..self })
    }

    /// True if the settings come from a plan.
    pub fn plans(&self, experiment: Option<Experiment>) -> bool {
        match self.preset {
            Some(preset) => matches!(preset, PresetName::Auto),
            None => experiment.is_none() && self.config.is_none(),
        }
    }

    /// The settings these options ask for, without a plan.
    pub fn settings(&self, experiment: Option<Experiment>) -> Result<ExperimentConfig, TrainError> {
        let config = match (&self.config, experiment) {
            (Some(file), _) => ExperimentConfig::read(file)?,
            (None, Some(experiment)) => self.preset.unwrap_or(PresetName::Quick).config(experiment),
            (None, None) => {
                return Err(TrainError::Config("name one-stage or two-stage, or take --preset auto".into()));
            }
        };
        if experiment.is_some_and(|experiment| config.experiment != experiment) {
            return Err(TrainError::Config(format!(
                "the settings describe a {} experiment; name that one",
                config.experiment.name()
            )));
        }
        if self.time.is_some() || self.memory.is_some() {
            return Err(TrainError::Config("--time and --memory are limits of --preset auto".into()));
        }
        self.applied(config)
    }

    /// Settings with the changes that options ask for.
    pub fn applied(&self, mut config: ExperimentConfig) -> Result<ExperimentConfig, TrainError> {
        self.apply(&mut config)?;
        Ok(config)
    }

    /// The folder of the cases, if one is named.
    pub fn data(&self) -> Option<&Path> {
        self.data.as_deref()
    }

    /// The output folder of an experiment.
    pub fn out(&self, experiment: Experiment) -> PathBuf {
        self.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(experiment.name()))
    }

    /// The output folder, if one is named.
    pub fn named_out(&self) -> Option<&Path> {
        self.out.as_deref()
    }

    /// The label values that count as foreground.
    pub fn labels(&self) -> &[u8] {
        self.labels.as_deref().unwrap_or_default()
    }

    /// The cross-validation, if one is asked for.
    pub fn folds(&self) -> Option<Folds> {
        self.folds.map(|count| Folds { count, only: self.fold })
    }

    /// The rule that keeps cases together.
    pub fn groups(&self) -> Option<Grouping> {
        self.groups.as_deref().map(groups)
    }

    /// The seed, 0 by default.
    pub fn seed(&self) -> u64 {
        self.seed.unwrap_or(0)
    }

    /// True if the run goes on, so that it has settings already.
    pub fn goes_on(&self) -> bool {
        self.resume || matches!(self.stage, Some(PartName::Fine | PartName::Predict))
    }

    /// The processes that train together; this one alone without `--mpi`.
    ///
    /// # Errors
    /// [`TrainError::Config`] in a build without MPI; [`TrainError::Ranks`] if MPI does not start.
    pub fn ranks(&self) -> Result<Arc<dyn Ranks>, TrainError> {
        if !self.mpi {
            return Ok(Arc::new(Alone));
        }
        started()
    }

    /// True if nothing is to be written.
    pub fn is_dry(&self) -> bool {
        self.dry_run
    }

    /// The names of the devices.
    pub fn device_names(&self) -> &str {
        self.device.as_deref().unwrap_or("auto")
    }

    /// Refuses a file of settings that belongs to the run in the output folder, as a new run moves that one aside.
    ///
    /// # Errors
    /// [`TrainError::Config`] that names both.
    pub fn refuse_own_settings(&self, out: &Path) -> Result<(), TrainError> {
        let (Some(file), Ok(out)) = (&self.config, out.canonicalize()) else { return Ok(()) };
        let own = |entry: &str| file.canonicalize().is_ok_and(|file| file.starts_with(out.join(entry)));
        if !RunFolder::ENTRIES.into_iter().any(own) {
            return Ok(());
        }
        let (file, out) = (file.display(), out.display());
        Err(TrainError::Config(format!("{file} belongs to the run in {out}; copy it to another place first")))
    }

    /// True if the device is named on the command line.
    pub fn device_is_asked_for(&self) -> bool {
        self.device.is_some()
    }

    /// The run of these settings on devices of this name; what is `planned` is not fitted to the data again.
    pub fn request(
        &self,
        config: ExperimentConfig,
        planned: bool,
        device_name: &str,
        ranks: &Arc<dyn Ranks>,
    ) -> RunRequest {
        let out = self.out(config.experiment);
        let fit = self.config.is_none() && matches!(self.preset, None | Some(PresetName::Quick)) && !planned;
        RunRequest {
            config,
            data: self.data.clone(),
            out,
            device_name: device_name.to_string(),
            resume: self.resume,
            force_config: self.force_config,
            part: self.stage.map(Part::from),
            dry_run: self.dry_run,
            tensorboard: self.tensorboard,
            fit: Fit {
                channels: self.config.is_none() && !planned && !self.sets_channels(),
                epochs: fit && self.epochs.is_none() && !self.sets("epochs") && !self.sets("schedule"),
                schedule: fit && !self.sets("schedule"),
                size: fit && self.roi.is_none() && !self.sets("size") && !self.sets("roi"),
                components: fit && !self.sets("cleaning") && !self.sets("min_component_share"),
                intensity: match self.intensity.as_deref() {
                    None => fit && !self.sets("intensity"),
                    Some(choice) => choice == "auto",
                },
            },
            ranks: Arc::clone(ranks),
        }
    }

    /// True if `--set` gives a setting of this name, or one inside it, so that it is not fitted to the data.
    fn sets(&self, name: &str) -> bool {
        let key = |assignment: &str| assignment.split('=').next().unwrap_or_default().trim().to_string();
        self.set.iter().any(|assignment| key(assignment).split('.').any(|part| part == name))
    }

    /// True if `--set` says how many channels an image has.
    fn sets_channels(&self) -> bool {
        self.set.iter().any(|assignment| assignment.split('=').next().unwrap_or_default().trim() == "data.channels")
    }

    fn apply(&self, config: &mut ExperimentConfig) -> Result<(), TrainError> {
        if let Some(labels) = &self.labels {
            config.data.labels.clone_from(labels);
        }
        if let Some(folder) = &self.cache {
            config.data.disk_cache = Some(DiskCacheConfig::new(folder));
        }
        if let Some(groups) = self.groups() {
            config.data.groups = Some(groups);
        }
        if let Some(seed) = self.seed {
            config.seed = seed;
        }
        if let Some(choice) = self.intensity.as_deref().filter(|c| *c != "auto") {
            config.data.preprocessing.intensity = parse_intensity(choice)?;
        }
        if let Some(spacing) = self.spacing.as_deref() {
            config.data.preprocessing.spacing_mm = Some(parse_spacing(spacing)?);
        }
        let roi = self.roi.as_deref().map(parse_roi).transpose()?;
        for stage in config.stages_mut() {
            stage.epochs = self.epochs.unwrap_or(stage.epochs);
            if let Some(roi) = roi {
                stage.set_size(roi);
            }
            if self.augment && stage.augmentation.is_empty() {
                stage.augmentation = nnunet_augmentation_for(stage.size, Dhw::splat(false)).steps;
            }
            stage.optimizer.lr = self.lr.unwrap_or(stage.optimizer.lr);
            stage.window = self.overlap.map_or(stage.window, |overlap| stage.window.with_overlap(overlap));
        }
        if self.classes {
            config.separate_classes();
        }
        for stage in config.stages_mut() {
            if let Some(name) = &self.network {
                stage.network = network(name, self.channels.as_deref(), stage.network.out_channels())?;
            } else if let (Some(channels), Some(unet)) = (&self.channels, stage.network.as_unet_mut()) {
                unet.channels.clone_from(channels);
            } else if self.channels.is_some() {
                return Err(TrainError::Config("--channels: the settings describe a network with its own".into()));
            }
        }
        if let Some(device) = &self.device {
            config.device.clone_from(device);
        }
        for assignment in &self.set {
            config.set(assignment)?;
        }
        config.validate()
    }
}

/// The ranks of MPI.
#[cfg(feature = "mpi")]
fn started() -> Result<Arc<dyn Ranks>, TrainError> {
    Ok(Arc::new(medseg_train::Mpi::start()?))
}

/// Refuses, and says how a program with MPI is built.
#[cfg(not(feature = "mpi"))]
fn started() -> Result<Arc<dyn Ranks>, TrainError> {
    Err(TrainError::Config("--mpi: this program was built without MPI; build it with --features mpi".into()))
}

fn parse_spacing(values: &[f64]) -> Result<Dhw<f64>, TrainError> {
    match *values {
        [d, h, w] => Ok(Dhw::from([d, h, w])),
        [mm] => Ok(Dhw::splat(mm)),
        _ => Err(TrainError::Config(format!("--spacing takes D,H,W or one number, not {}", values.len()))),
    }
}

fn parse_roi(values: &[usize]) -> Result<Dhw<usize>, TrainError> {
    match *values {
        [d, h, w] => Ok(Dhw::from([d, h, w])),
        [length] => Ok(Dhw::splat(length)),
        _ => Err(TrainError::Config(format!("--roi takes D,H,W or one number, not {} numbers", values.len()))),
    }
}

fn parse_intensity(text: &str) -> Result<Intensity, TrainError> {
    let unknown = || {
        TrainError::Config(format!(
            "--intensity {text} is unknown; use auto, window:LOW,HIGH, z-score, z-score-nonzero or percentile:LOW,HIGH"
        ))
    };
    match text.split_once(':') {
        None if text == "z-score" => Ok(Intensity::ZScore { nonzero: false }),
        None if text == "z-score-nonzero" => Ok(Intensity::ZScore { nonzero: true }),
        Some((kind, range)) => {
            let (low, high) = range.split_once(',').ok_or_else(unknown)?;
            let (low, high) = (low.trim().parse().map_err(|_| unknown())?, high.trim().parse().map_err(|_| unknown())?);
            match kind {
                "window" => Ok(Intensity::Window { low, high }),
                "percentile" => Ok(Intensity::Percentile { low, high }),
                _ => Err(unknown()),
            }
        }
        None => Err(unknown()),
    }
}
