//! Fitting the quick preset to the data it meets.

use medseg_data::Case;
use medseg_transforms::{Connectivity, Intensity, label_components};
use medseg_volume::Dhw;

use crate::cases::load_label;
use crate::config::{Cleaning, ExperimentConfig, OnBadCase, StageInput, single_cosine_cycle};
use crate::{Observer, TrainError};

/// Optimiser steps of a quick stage on crops.
const CROP_STEPS: usize = 840;
/// Optimiser steps of a quick coarse stage; each sees a whole small image.
const WHOLE_STEPS: usize = 480;
/// Fewest passes over the cases, whatever their number.
const LEAST_EPOCHS: usize = 2;
/// Lengths are cut down to multiples of this, so that five levels need no padding.
const LENGTH_STEP: usize = 16;
/// Cases looked at to distinguish Hounsfield units from other intensities, and one organ from several.
const LOOKED_AT: usize = 5;

/// As many epochs as make a short run on this number of training cases.
pub(crate) fn fit_epochs(config: &mut ExperimentConfig, training_cases: usize) {
    for stage in config.stages_mut() {
        let steps = if stage.input == StageInput::Whole { WHOLE_STEPS } else { CROP_STEPS };
        stage.epochs = steps.div_ceil(training_cases.max(1)).max(LEAST_EPOCHS);
        stage.validate_every = stage.epochs.div_ceil(4);
    }
}

/// The schedule's period becomes the run's length, so that the learning rate ends near its minimum.
pub(crate) fn fit_schedule(config: &mut ExperimentConfig) {
    for stage in config.stages_mut() {
        stage.schedule = single_cosine_cycle(stage.epochs);
    }
}

/// Crops and windows no larger than the median case, in multiples of 16 voxels.
pub(crate) fn fit_size(config: &mut ExperimentConfig, shapes: &[Dhw<usize>]) {
    let typical = |axis: usize| {
        let mut lengths: Vec<usize> = shapes.iter().map(|s| s.to_array()[axis]).collect();
        lengths.sort_unstable();
        lengths.get(lengths.len() / 2).copied().unwrap_or(usize::MAX)
    };
    let median =
        [typical(0), typical(1), typical(2)].map(|length| (length / LENGTH_STEP * LENGTH_STEP).max(LENGTH_STEP));
    for stage in config.stages_mut() {
        let size = stage.size.to_array();
        stage.set_size(Dhw::from(std::array::from_fn(|axis| size[axis].min(median[axis]))));
    }
}

/// Keeps the CT window where the first images look like Hounsfield units (values well below 0 in each), else z-score.
pub(crate) fn fit_intensity(
    config: &mut ExperimentConfig,
    cases: &[Case],
    observer: &mut dyn Observer,
) -> Result<(), TrainError> {
    /// Below every soft tissue and fat: only air and lung in Hounsfield units reach it.
    const AIR: f32 = -200.0;
    for case in cases.iter().take(LOOKED_AT) {
        let unlabelled = Case { label: None, ..case.clone() };
        let Some(sample) = usable(config, unlabelled.read().map_err(TrainError::from))? else { continue };
        for channel in sample.image.outer_iter() {
            let lowest = channel.iter().copied().fold(f32::INFINITY, f32::min);
            if lowest > AIR {
                config.data.preprocessing.intensity = Intensity::ZScore { nonzero: false };
                observer.message("intensities are not Hounsfield units: z-score for each case (see --intensity)");
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Keeps a mask's largest component alone only where the first training labels consist of one: a pair of organs keeps
/// both.
pub(crate) fn fit_components(
    config: &mut ExperimentConfig,
    training: &[Case],
    observer: &mut dyn Observer,
) -> Result<(), TrainError> {
    /// Share of the foreground in the largest component from which on the rest is spurious.
    const ALMOST_ALL: f64 = 0.99;
    for case in training.iter().take(LOOKED_AT) {
        let label = load_label(case, &config.data.labels).map_err(|e| e.in_case(&case.id));
        let Some(label) = usable(config, label)?.flatten() else { continue };
        let sizes = label_components(&label.data.view(), Connectivity::Vertex).sizes;
        let (largest, all) = (sizes.iter().max().copied().unwrap_or(0), sizes.iter().sum::<usize>());
        if (largest as f64) < ALMOST_ALL * all as f64 {
            config.cascade.min_component_share = 0.0;
            config.cleaning = Cleaning::None;
            observer.message("the foreground has several parts: masks keep all of theirs, not only the largest");
            return Ok(());
        }
    }
    Ok(())
}

/// The content of a case; `None` if it cannot be read and such cases are left out, which the run reports when it comes to
/// use them.
fn usable<T>(config: &ExperimentConfig, read: Result<T, TrainError>) -> Result<Option<T>, TrainError> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(_) if config.data.on_bad_case == OnBadCase::Skip => Ok(None),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Experiment, Preset};

    #[test]
    fn few_cases_get_many_epochs_and_many_cases_two() {
        let mut config = Preset::Quick.config(Experiment::TwoStage);
        fit_epochs(&mut config, 10);
        assert_eq!((config.coarse.as_ref().unwrap().epochs, config.fine.epochs), (48, 84));
        fit_epochs(&mut config, 1000);
        fit_schedule(&mut config);
        assert_eq!(config.fine.epochs, LEAST_EPOCHS);
        assert_eq!(config.fine.schedule, single_cosine_cycle(LEAST_EPOCHS));
        config.validate().unwrap();
    }
}
