//! The shipped settings: `quick` for a first run on any machine, `paper` for the reference experiments.

use medseg_data::SplitRule;
use medseg_inference::Growth;
use medseg_transforms::Intensity;
use medseg_unet::{BlockKind, UNetConfig};
use medseg_volume::{Dhw, Orientation};

use super::{
    BestBy, CascadeSettings, CropSampling, DataConfig, Experiment, ExperimentConfig, LabelResize, OptimizerSettings,
    SCHEMA, ScheduleSettings, StageConfig, StageInput, WindowSettings,
};

/// A named set of settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Small networks and windows: minutes on two cores.
    Quick,
    /// The reference experiments on LiTS; for one stage its first run (plain blocks, lr 0.008, 50 epochs).
    Paper,
    /// The reference's second one-stage run (residual blocks, lr 0.004, 200 epochs); for two stages the same as `Paper`.
    PaperRun2,
}

impl Preset {
    /// The settings of this preset for an experiment.
    #[must_use]
    pub fn config(self, experiment: Experiment) -> ExperimentConfig {
        let paper = matches!(self, Self::Paper | Self::PaperRun2);
        let (coarse, fine) = if paper { self.paper_stages(experiment) } else { quick_stages(experiment) };
        ExperimentConfig {
            schema: SCHEMA,
            experiment,
            seed: 0,
            data: DataConfig {
                labels: Vec::new(),
                orientation: (!paper).then_some(Orientation::RAS),
                intensity: Intensity::Window { low: -300.0, high: 300.0 },
                split: if paper { paper_split(experiment) } else { SplitRule::default() },
                cache_mib: 4096,
                workers: 2,
            },
            coarse,
            fine,
            // About the fine stage's margin in training, counted in voxels of the coarse grid.
            cascade: CascadeSettings {
                margin: if paper { 2 } else { 4 },
                largest_component: !paper,
                margin_mm: 0.0,
                growth: (!paper).then(Growth::default),
            },
            largest_component: !paper,
            surface_tolerance_mm: 2.0,
        }
    }

    fn paper_stages(self, experiment: Experiment) -> (Option<StageConfig>, StageConfig) {
        let stage = |block, input, lr, epochs| StageConfig {
            network: UNetConfig { encoder: block, decoder: block, ..UNetConfig::default() },
            size: Dhw::splat(128),
            input,
            label_resize: LabelResize::Nearest,
            crops: CropSampling::default(),
            foreground_margin: 30,
            epochs,
            validate_every: 10,
            optimizer: novograd(lr),
            schedule: ScheduleSettings { t_0: 5, t_mult: 3, eta_min: 0.0 },
            window: WindowSettings { overlap: 0.25, batch: 4, gaussian: false },
            best_by: BestBy::ValidationDice,
        };
        let residual = BlockKind::ResTwoLayer;
        match (experiment, self) {
            (Experiment::OneStage, Self::PaperRun2) => (None, stage(residual, StageInput::Crops, 0.004, 200)),
            (Experiment::OneStage, _) => (None, stage(BlockKind::TwoLayer, StageInput::Crops, 0.008, 50)),
            (Experiment::TwoStage, _) => (
                Some(stage(residual, StageInput::Whole, 0.004, 100)),
                stage(residual, StageInput::ForegroundCrops, 0.004, 100),
            ),
        }
    }
}

fn paper_split(experiment: Experiment) -> SplitRule {
    match experiment {
        Experiment::OneStage => SplitRule::one_stage_paper(),
        Experiment::TwoStage => SplitRule::two_stage_paper(),
    }
}

fn novograd(lr: f64) -> OptimizerSettings {
    OptimizerSettings { lr, betas: [0.9, 0.98], eps: 1e-8, weight_decay: 0.0 }
}

/// Small enough for two cores and ten minutes, with the paper's structure: the schedule's period is the run's length, so
/// that the learning rate ends near its minimum.
fn quick_stages(experiment: Experiment) -> (Option<StageConfig>, StageConfig) {
    let stage = |size, input, epochs| StageConfig {
        network: UNetConfig { channels: vec![8, 16, 32, 64, 128], dropout: 0.1, ..UNetConfig::default() },
        size: Dhw::splat(size),
        input,
        label_resize: LabelResize::NearestExact,
        crops: CropSampling::default(),
        foreground_margin: 8,
        epochs,
        validate_every: 4,
        optimizer: novograd(0.01),
        schedule: ScheduleSettings { t_0: epochs, t_mult: 1, eta_min: 0.0 },
        window: WindowSettings { overlap: 0.25, batch: 4, gaussian: true },
        best_by: BestBy::ValidationDice,
    };
    match experiment {
        Experiment::OneStage => (None, stage(48, StageInput::Crops, 12)),
        Experiment::TwoStage => (Some(stage(48, StageInput::Whole, 16)), stage(48, StageInput::ForegroundCrops, 10)),
    }
}
