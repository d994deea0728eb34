//! Mean Dice of a stage over the validation cases.

use burn::tensor::Tensor;
use medseg_bundle::StageNetwork;
use medseg_inference::{MaskRule, SlidingWindowConfig, image_and_mask};
use medseg_metrics::{Dhw, EmptyPolicy, confusion_of_class, mean_ignoring_nan};
use ndarray::Array3;
use serde::{Deserialize, Serialize};

use super::StageRun;
use crate::cases::{CaseSource, TrainingCase};
use crate::config::StageInput;
use crate::{Observer, RanksError, TrainError};

/// Result of a validation.
#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct Validated {
    /// Mean over the cases with foreground of the mean over their classes; `None` if no case has any.
    pub dice: Option<f64>,
    /// Mean of each class over the cases that have it, where there are several.
    pub class_dice: Vec<Option<f64>>,
}

/// A validated case as all ranks know it.
#[derive(Serialize, Deserialize)]
struct Scored {
    index: usize,
    warning: Option<String>,
    /// The bits of the Dice of every class, some of which may be NaN; `None` for a case that is left out.
    dice: Option<Vec<u64>>,
}

/// Dice per case and class on the stage's own grid (resized, whole, or cut to the box), then the means. `warn` names the
/// cases without foreground and those left out. Case `i` is predicted by rank `i % ranks`; the means are those of all cases
/// on every rank.
pub(super) fn validate(
    run: &StageRun<'_>,
    network: &StageNetwork,
    cases: &CaseSource,
    warn: bool,
    observer: &mut dyn Observer,
) -> Result<Validated, TrainError> {
    observer.begin(&format!("{} validation", run.name), cases.len());
    let classes = run.config.classes();
    let (me, ranks) = (run.ranks.rank(), run.ranks.size());
    let mut mine: Vec<Scored> = Vec::new();
    for index in (me..cases.len()).step_by(ranks) {
        observer.advance(index, "");
        let item = cases.get(index)?;
        let (case, warning) = item.parts();
        let score = |case: &TrainingCase| -> Result<Vec<u64>, TrainError> {
            let mask = predict(run, network, case).map_err(|e| e.in_case(cases.id(index)))?;
            let dice = |class: usize| {
                let counts = confusion_of_class(mask.view(), case.label.view(), class as u8)?;
                Ok(counts.dice(EmptyPolicy::default()).to_bits())
            };
            (1..=classes).map(dice).collect()
        };
        let warning = warning.filter(|_| warn).map(ToString::to_string);
        mine.push(Scored { index, warning, dice: case.map(score).transpose()? });
    }
    let mut all: Vec<Scored> = run.ranks.gather_values(mine)?.into_iter().flatten().collect();
    all.sort_by_key(|scored| scored.index);
    let complete = all.iter().map(|scored| scored.index).eq(0..cases.len());
    if !complete || all.iter().filter_map(|s| s.dice.as_ref()).any(|dice| dice.len() != classes) {
        return Err(RanksError::Differ { rank: me, what: "the validation cases" }.into());
    }
    for warning in all.iter().filter_map(|scored| scored.warning.as_deref()) {
        observer.warn(&format!("{warning}; it is left out of the validation Dice"));
    }
    let numbers = |dice: Vec<u64>| dice.into_iter().map(f64::from_bits).collect();
    let scores: Vec<Vec<f64>> = all.into_iter().filter_map(|scored| scored.dice.map(numbers)).collect();
    observer.end();
    Ok(Validated::of(&scores, classes))
}

impl Validated {
    /// The means of scores `[case][class]`, NaN where a case lacks a class.
    fn of(scores: &[Vec<f64>], classes: usize) -> Self {
        let number = |mean: f64| (!mean.is_nan()).then_some(mean);
        let cases: Vec<f64> = scores.iter().map(|case| mean_ignoring_nan(case)).collect();
        let class = |at: usize| mean_ignoring_nan(&scores.iter().map(|case| case[at]).collect::<Vec<_>>());
        let class_dice = if classes > 1 { (0..classes).map(|at| number(class(at))).collect() } else { Vec::new() };
        Self { dice: number(mean_ignoring_nan(&cases)), class_dice }
    }
}

fn predict(run: &StageRun<'_>, network: &StageNetwork, case: &TrainingCase) -> Result<Array3<u8>, TrainError> {
    let mut predictor = |windows: Tensor<5>| network.forward(windows);
    let window = match run.config.input {
        StageInput::Whole => SlidingWindowConfig::whole(case.shape()),
        StageInput::Crops | StageInput::ForegroundCrops => run.config.window.with_mirror(Dhw::splat(false)),
    };
    let with_mask = case.coarse.as_ref().map(|coarse| image_and_mask(&case.image.view(), &coarse.view()));
    let image = match &with_mask {
        Some(both) => both.view(),
        None => case.image.view(),
    };
    let window = window.init()?;
    let mask = window.infer(image, run.device(), &mut predictor).mask(MaskRule::default());
    Ok(mask.map_err(|error| error.in_stage(run.name))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_and_classes_without_reference_are_left_out_of_the_means() {
        let nan = f64::NAN;
        let found = Validated::of(&[vec![0.5, 1.0], vec![0.25, nan], vec![nan, nan]], 2);
        assert_eq!(found, Validated { dice: Some(0.5), class_dice: vec![Some(0.375), Some(1.0)] });
        assert_eq!(Validated::of(&[vec![nan]], 1), Validated::default());
        assert_eq!(Validated::of(&[], 1), Validated::default());
    }
}
