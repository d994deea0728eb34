//! The way of training: loss, optimiser, schedule, average, augmentation, crops.

use medseg_inference::Blend;
use medseg_losses::DiceCrossEntropyLossConfig;
use medseg_optim::{EmaConfig, NovoGradConfig, ScheduleConfig, WarmupCosine};
use medseg_train::{
    BestBy, CropSampling, GradientConfig, LossConfig, OptimizerConfig, OptimizerRule, ScheduleUnit, StageConfig,
};
use medseg_transforms::nnunet_augmentation_for;
use medseg_volume::Dhw;

use crate::decision::Decision;

/// Learning rate of NovoGrad, that of the quick preset.
const LEARNING_RATE: f64 = 0.01;
/// Share of the epochs in which the learning rate rises.
const WARM_UP: f64 = 0.04;
/// Share of all steps over which the moving average of the weights reaches.
const AVERAGED: f64 = 0.05;
/// Share of the crops that are centred on foreground, two to one as half of nnU-Net's crops besides random ones.
const FOREGROUND: [f32; 2] = [2.0, 1.0];
/// Validations of a stage.
pub(crate) const VALIDATIONS: usize = 4;

/// Sets everything of a stage but its network, size and length.
pub(crate) fn train_by(stage: &mut StageConfig, mirror: Dhw<bool>, cases_a_step: usize) {
    let channels = stage.network.out_channels();
    stage.loss = LossConfig::DiceCrossEntropy(DiceCrossEntropyLossConfig::default()).for_channels(channels);
    stage.optimizer = OptimizerConfig { lr: LEARNING_RATE, rule: OptimizerRule::NovoGrad(NovoGradConfig::default()) };
    stage.gradient = GradientConfig { accumulate: cases_a_step, ..GradientConfig::default() };
    stage.crops = CropSampling { samples: 1, pos: FOREGROUND[0], neg: FOREGROUND[1], by_class: true };
    stage.augmentation = nnunet_augmentation_for(stage.size, mirror).steps;
    stage.schedule_unit = ScheduleUnit::Step;
    stage.best_by = BestBy::Last;
    stage.window = stage.window.with_overlap(0.5).with_blend(Blend::gaussian()).with_mirror(mirror);
}

/// Sets the length of a stage that trains on `cases` in each epoch.
pub(crate) fn last_for(stage: &mut StageConfig, epochs: usize, cases: usize) {
    stage.epochs = epochs.max(1);
    let warmup =
        ((stage.epochs as f64 * WARM_UP).round() as u64).clamp(1, stage.epochs as u64 - u64::from(stage.epochs > 1));
    let total = stage.epochs as u64;
    stage.schedule = if warmup < total {
        ScheduleConfig::WarmupCosine(WarmupCosine {
            warmup_epochs: warmup,
            total_epochs: total,
            warmup_start: 0.1,
            eta_min: 0.0,
        })
    } else {
        ScheduleConfig::Constant
    };
    let steps = stage.epochs * cases.div_ceil(stage.gradient.accumulate);
    let reach = (steps as f64 * AVERAGED).max(2.0);
    stage.ema = Some(EmaConfig { decay: (1.0 - 1.0 / reach).min(0.999), ..EmaConfig::default() });
    stage.validate_every = stage.epochs.div_ceil(VALIDATIONS);
}

/// The recipe in words.
pub(crate) fn decisions(stage: &StageConfig) -> Vec<Decision> {
    vec![
        Decision::new(
            "Loss",
            "Dice and cross-entropy",
            "Dice follows the score; cross-entropy gives every voxel a gradient from the first step on.",
        ),
        Decision::new(
            "Optimiser",
            format!(
                "NovoGrad, learning rate {LEARNING_RATE}, one rise and a cosine to 0; moving average of the weights"
            ),
            "A short training ends on small steps and on the average of its last ones.",
        ),
        Decision::new(
            "Crops",
            format!(
                "{}; two crops in three centred on foreground, each class alike",
                match stage.gradient.accumulate {
                    1 => "one case a step".to_string(),
                    several => format!("{several} cases a step, one on each device"),
                }
            ),
            "In a short training many small steps are worth more than few exact ones. Small classes are seen as often as large \
             ones, as in nnU-Net.",
        ),
        Decision::new(
            "Augmentation",
            "nnU-Net's: rotation, scaling, noise, blur, brightness, contrast, resolution, gamma",
            "Few cases must show what others look like.",
        ),
        Decision::new(
            "Weights that are kept",
            "the last epoch's",
            "No validation case chooses them, so the validation Dice is that of cases nobody looked at.",
        ),
    ]
}
