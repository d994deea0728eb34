//! The shipped settings: `quick` for a first run on any machine, `reference` for the reference experiments.

use medseg_data::SplitRule;
use medseg_inference::{Blend, CascadeConfig, SlidingWindowConfig};
use medseg_losses::LevelWeights;
use medseg_optim::{NovoGradConfig, ScheduleConfig};
use medseg_transforms::{Intensity, LabelInterpolation, Preprocessing};
use medseg_unet::{BlockKind, Precision, UNetConfig};
use medseg_volume::{Dhw, Orientation};

use super::{
    BestBy, BoxSource, Cleaning, CropSampling, DataConfig, EXPERIMENT_SCHEMA, Experiment, ExperimentConfig,
    GradientConfig, LossConfig, OnBadCase, OnEmptyLabel, OptimizerConfig, OptimizerRule, ScheduleUnit, StageConfig,
    StageInput, automatic,
};

/// A named set of settings.
///
/// The reference experiments segment the liver in the LiTS cases of the Medical Segmentation Decathlon, in one stage and in
/// two, and were first run in Python with MONAI. `docs/book/src/experiments.md` lists their settings and results. Data: Bilic et
/// al., "The Liver Tumor Segmentation Benchmark (LiTS)", Medical Image Analysis 84, 2023, and Antonelli et al., "The Medical
/// Segmentation Decathlon", Nature Communications 13, 2022. Library: Cardoso et al., "MONAI: An open-source framework for
/// deep learning in healthcare", 2022, arXiv:2211.02701.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Small networks and windows: minutes on two cores.
    Quick,
    /// The reference experiments; for one stage the first run (plain blocks, lr 0.008, 50 epochs).
    Reference,
    /// The second one-stage run (residual blocks, lr 0.004, 200 epochs); for two stages the same as `Reference`.
    ReferenceRun2,
}

impl Preset {
    /// The settings of this preset for an experiment.
    #[must_use]
    pub fn config(self, experiment: Experiment) -> ExperimentConfig {
        let reference = matches!(self, Self::Reference | Self::ReferenceRun2);
        let (coarse, fine) = if reference { self.reference_stages(experiment) } else { quick_stages(experiment) };
        ExperimentConfig {
            schema: EXPERIMENT_SCHEMA,
            experiment,
            seed: 0,
            device: automatic(),
            precision: Precision::F32,
            data: DataConfig {
                channels: 1,
                folder: None,
                labels: Vec::new(),
                preprocessing: Preprocessing {
                    orientation: (!reference).then_some(Orientation::RAS),
                    spacing_mm: None,
                    intensity: Intensity::Window { low: -300.0, high: 300.0 },
                },
                label_interpolation: LabelInterpolation::NearestExact,
                split: if reference { reference_split(experiment) } else { SplitRule::default() },
                groups: None,
                cache_mib: 4096,
                disk_cache: None,
                workers: 2,
                on_bad_case: OnBadCase::Stop,
                on_empty_label: OnEmptyLabel::Use,
            },
            coarse,
            fine,
            // About the fine stage's margin in training, counted in voxels of the coarse grid.
            cascade: CascadeConfig {
                coarse_margin: Dhw::splat(if reference { 2 } else { 4 }),
                min_component_share: if reference { 0.0 } else { 1.0 },
                // A fine network that saw boxes only draws false parts beyond them: on the phantom set growing took the mean
                // Dice from 0.969 to 0.935.
                growth: None,
                ..CascadeConfig::reference()
            },
            cleaning: if reference { Cleaning::None } else { Cleaning::LargestOfEachLabel },
            surface_tolerance_mm: 2.0,
        }
    }

    fn reference_stages(self, experiment: Experiment) -> (Option<StageConfig>, StageConfig) {
        let stage = |block, input, lr, epochs| StageConfig {
            network: UNetConfig { encoder: block, decoder: block, ..UNetConfig::default() }.into(),
            size: Dhw::splat(128),
            input,
            label_resize: LabelInterpolation::Nearest,
            foreground_margin: 30,
            epochs,
            validate_every: 10,
            optimizer: novograd(lr),
            schedule: ScheduleConfig::CosineWarmRestarts { t_0: 5, t_mult: 3, eta_min: 0.0 },
            window: SlidingWindowConfig::default(),
            ..plain_stage()
        };
        let residual = BlockKind::ResTwoLayer;
        match (experiment, self) {
            (Experiment::OneStage, Self::ReferenceRun2) => (None, stage(residual, StageInput::Crops, 0.004, 200)),
            (Experiment::OneStage, _) => (None, stage(BlockKind::TwoLayer, StageInput::Crops, 0.008, 50)),
            (Experiment::TwoStage, _) => (
                Some(stage(residual, StageInput::Whole, 0.004, 100)),
                stage(residual, StageInput::ForegroundCrops, 0.004, 100),
            ),
        }
    }
}

fn reference_split(experiment: Experiment) -> SplitRule {
    match experiment {
        Experiment::OneStage => SplitRule::one_stage_paper(),
        Experiment::TwoStage => SplitRule::two_stage_paper(),
    }
}

fn novograd(lr: f64) -> OptimizerConfig {
    OptimizerConfig { lr, rule: OptimizerRule::NovoGrad(NovoGradConfig::default()) }
}

/// One cosine without restart over this many epochs, so that the learning rate ends near 0.
pub(crate) fn single_cosine_cycle(epochs: usize) -> ScheduleConfig {
    ScheduleConfig::CosineWarmRestarts { t_0: epochs as u64, t_mult: 1, eta_min: 0.0 }
}

/// Settings that the presets share or never use.
fn plain_stage() -> StageConfig {
    StageConfig {
        network: UNetConfig::default().into(),
        size: Dhw::splat(128),
        input: StageInput::Crops,
        label_resize: LabelInterpolation::NearestExact,
        crops: CropSampling::default(),
        augmentation: Vec::new(),
        foreground_margin: 0,
        boxes: BoxSource::Reference,
        box_jitter: 0,
        epochs: 1,
        validate_every: 1,
        loss: LossConfig::default(),
        deep_supervision_weights: LevelWeights::Halving,
        orthogonality: 0.0,
        optimizer: novograd(0.01),
        schedule: single_cosine_cycle(1),
        schedule_unit: ScheduleUnit::Epoch,
        gradient: GradientConfig::default(),
        ema: None,
        early_stopping: None,
        window: SlidingWindowConfig::default().with_blend(Blend::gaussian()),
        best_by: BestBy::ValidationDice,
    }
}

/// Small enough for two cores and ten minutes, with the reference's structure: the schedule's period is the run's length, so
/// that the learning rate ends near its minimum.
fn quick_stages(experiment: Experiment) -> (Option<StageConfig>, StageConfig) {
    let stage = |size, input, epochs| StageConfig {
        network: UNetConfig { channels: vec![8, 16, 32, 64, 128], dropout: 0.1, ..UNetConfig::default() }.into(),
        size: Dhw::splat(size),
        window: SlidingWindowConfig::new(Dhw::splat(size)).with_blend(Blend::gaussian()),
        input,
        // Many small steps are worth more in minutes than fewer on four crops each: on the phantom set 0.979
        // instead of 0.968 in about the same time.
        crops: CropSampling { samples: 1, ..CropSampling::default() },
        augmentation: Vec::new(),
        foreground_margin: 8,
        epochs,
        validate_every: epochs.div_ceil(4),
        optimizer: novograd(0.01),
        schedule: single_cosine_cycle(epochs),
        ..plain_stage()
    };
    match experiment {
        Experiment::OneStage => (None, stage(48, StageInput::Crops, 40)),
        Experiment::TwoStage => (Some(stage(48, StageInput::Whole, 16)), stage(48, StageInput::ForegroundCrops, 40)),
    }
}
