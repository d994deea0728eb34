//! Cleaning of masks that the validation cases choose.

use medseg_data::Case;
use medseg_inference::{PostProcessing, PostStep};
use medseg_metrics::{EmptyPolicy, confusion_of_class, mean_ignoring_nan};
use medseg_volume::Volume;
use ndarray::Array3;
use serde::{Deserialize, Serialize};

use super::TrainedRun;
use super::predict::{Loaded, load, share};
use crate::config::OnBadCase;
use crate::{Observer, Ranks, Silent, TrainError};

/// The run with the steps by which its validation cases' Dice is highest; see
/// [`Cleaning::ChosenByValidation`](crate::Cleaning::ChosenByValidation).
pub(super) fn cleaned_by_validation(
    run: TrainedRun,
    cases: &[Case],
    ranks: &dyn Ranks,
    observer: &mut dyn Observer,
) -> Result<TrainedRun, TrainError> {
    let config = run.config();
    let (classes, skip) = (config.fine.classes(), config.data.on_bad_case == OnBadCase::Skip);
    let labels = if classes == 1 { vec![1] } else { config.data.labels.clone() };
    let mine = share(cases, ranks);
    let mut scores = Vec::new();
    observer.begin("cleaning", mine.len());
    for (done, (number, case)) in mine.into_iter().enumerate() {
        match load(case, &config.data, classes) {
            Ok(Loaded { image, geometry, reference: Some(reference) }) => {
                let predicted = run.predict_channels(image, &geometry, &mut Silent);
                let mask = predicted.map_err(|e| e.in_case(&case.id))?.mask;
                scores.push((number, CaseDice::of(&mask, &reference.data, &labels)?));
            }
            Err(e) if !skip => return Err(e),
            Ok(Loaded { reference: None, .. }) | Err(_) => {}
        }
        observer.advance(done + 1, &case.id);
    }
    observer.end();
    let mut scores: Vec<_> = ranks.gather_values(scores)?.into_iter().flatten().collect();
    scores.sort_by_key(|(number, _)| *number);
    let (steps, line) = choice(&labels, &scores.into_iter().map(|(_, dice)| dice).collect::<Vec<_>>());
    observer.message(&line);
    run.with_postprocessing(steps)
}

/// The steps that more than half of the choices have.
pub(super) fn of_most(choices: &[PostProcessing]) -> PostProcessing {
    let mut steps: Vec<PostStep> = Vec::new();
    for step in choices.iter().flat_map(|choice| &choice.0) {
        let holders = choices.iter().filter(|choice| choice.0.contains(step)).count();
        if 2 * holders > choices.len() && !steps.contains(step) {
            steps.push(step.clone());
        }
    }
    // The union first and then the labels, as one choice has them.
    steps.sort_by_key(|step| match step {
        PostStep::KeepLargest { labels, .. } => labels.clone(),
        _ => vec![u8::MAX],
    });
    PostProcessing(steps)
}

/// Ways of cleaning that are tried.
#[derive(Clone, Copy)]
enum Way {
    Plain,
    Union,
    EachLabel,
    UnionThenEachLabel,
}

const WAYS: [Way; 4] = [Way::Plain, Way::Union, Way::EachLabel, Way::UnionThenEachLabel];

impl Way {
    fn steps(self) -> PostProcessing {
        let none = PostProcessing::default();
        match self {
            Self::Plain => none,
            Self::Union => none.keep_largest_of_union(1),
            Self::EachLabel => none.keep_largest(1),
            Self::UnionThenEachLabel => none.keep_largest_of_union(1).keep_largest(1),
        }
    }
}

/// Dice of a case, `[way][label]`; nothing where neither mask nor reference has the label.
#[derive(Serialize, Deserialize)]
struct CaseDice([Vec<Option<f64>>; WAYS.len()]);

impl CaseDice {
    /// Scores a mask after every way of cleaning.
    fn of(mask: &Volume<u8>, reference: &Array3<u8>, labels: &[u8]) -> Result<Self, TrainError> {
        let mut dice = [(); WAYS.len()].map(|()| Vec::with_capacity(labels.len()));
        for way in WAYS {
            let mut cleaned = mask.data.clone();
            way.steps().apply(&mut cleaned, &mask.geometry)?;
            for label in labels {
                let counts = confusion_of_class(cleaned.view(), reference.view(), *label)?;
                let score = counts.dice(EmptyPolicy::SkipBothEmpty);
                dice[way as usize].push((!score.is_nan()).then_some(score));
            }
        }
        Ok(Self(dice))
    }
}

/// The steps that raise the Dice of the cases, and a line about them.
fn choice(labels: &[u8], cases: &[CaseDice]) -> (PostProcessing, String) {
    let means = |way: Way| -> Vec<f64> {
        let of_label = |at: usize| cases.iter().map(move |case| case.0[way as usize][at].unwrap_or(f64::NAN));
        (0..labels.len()).map(|at| mean_ignoring_nan(&of_label(at).collect::<Vec<_>>())).collect()
    };
    let [plain, union] = [Way::Plain, Way::Union].map(means);
    let rises = mean_ignoring_nan(&union) > mean_ignoring_nan(&plain);
    let lowers_one = plain.iter().zip(&union).any(|(before, after)| after < before);
    let by_union = rises && !lowers_one;
    let (mut steps, before, after) = if by_union {
        (vec![keep_largest(Vec::new(), false)], union, means(Way::UnionThenEachLabel))
    } else {
        (Vec::new(), plain.clone(), means(Way::EachLabel))
    };
    let rising = |at: &usize| after[*at] > before[*at];
    let chosen: Vec<usize> = (0..labels.len()).filter(rising).collect();
    steps.extend(chosen.iter().map(|at| keep_largest(vec![labels[*at]], true)));
    let reached: Vec<f64> =
        (0..before.len()).map(|at| if chosen.contains(&at) { after[at] } else { before[at] }).collect();
    let mut parts = Vec::from_iter(by_union.then(|| "of the union of all labels".to_string()));
    parts.extend(chosen.iter().map(|at| format!("of label {}", labels[*at])));
    let line = if parts.is_empty() {
        format!("cleaning: none, as none raises the Dice of the {} validation cases", cases.len())
    } else {
        format!(
            "cleaning: the largest component {}; mean Dice of the {} validation cases {:.4}, {:.4} without it",
            parts.join(", "),
            cases.len(),
            mean_ignoring_nan(&reached),
            mean_ignoring_nan(&plain)
        )
    };
    (PostProcessing(steps), line)
}

fn keep_largest(labels: Vec<u8>, independent: bool) -> PostStep {
    PostStep::KeepLargest { count: 1, labels, independent }
}

#[cfg(test)]
mod tests {
    use medseg_volume::{Dhw, Geometry};
    use ndarray::array;

    use super::*;

    fn choice(cases: &[(Array3<u8>, Array3<u8>)]) -> (PostProcessing, String) {
        let geometry = Geometry::from_spacing(Dhw::splat(1.0)).unwrap();
        let dice = |(mask, reference): &(Array3<u8>, Array3<u8>)| {
            CaseDice::of(&Volume::new(mask.clone(), geometry.clone()), reference, &[1, 2]).unwrap()
        };
        // On the way from rank to rank nothing is lost.
        let sent = serde_json::to_vec(&cases.iter().map(dice).collect::<Vec<_>>()).unwrap();
        super::choice(&[1, 2], &serde_json::from_slice::<Vec<_>>(&sent).unwrap())
    }

    #[test]
    fn far_parts_of_touching_labels_go_with_the_union() {
        let reference = array![[[0_u8, 0, 0, 1, 2, 2, 1, 0]]];
        let (steps, line) = choice(&[(array![[[2_u8, 1, 0, 1, 2, 2, 1, 0]]], reference)]);
        // Label 1 has two parts in the reference, which cleaning by label would spoil.
        assert_eq!(steps, PostProcessing(vec![keep_largest(vec![], false)]));
        assert!(line.contains("union") && line.contains("1.0000"), "{line}");
    }

    #[test]
    fn a_label_is_cleaned_alone_where_the_union_would_cost_another() {
        let reference = array![[[1_u8, 1, 1, 0, 0, 2, 2, 0]]];
        let (steps, _) = choice(&[(array![[[1_u8, 1, 1, 0, 1, 0, 2, 0]]], reference)]);
        assert_eq!(steps, PostProcessing(vec![keep_largest(vec![1], true)]));
    }

    #[test]
    fn nothing_is_cleaned_where_nothing_rises_and_without_cases() {
        let reference = array![[[1_u8, 0, 1, 0, 2, 0, 2, 0]]];
        let (steps, line) = choice(&[(reference.clone(), reference)]);
        assert!(steps.0.is_empty() && line.contains("none"), "{line}");
        assert!(choice(&[]).0.0.is_empty());
    }

    #[test]
    fn an_absent_label_counts_where_the_mask_has_it() {
        let (steps, _) = choice(&[
            (array![[[1_u8, 1, 1, 0, 2, 0, 0, 0]]], array![[[1_u8, 1, 1, 0, 0, 0, 0, 0]]]),
            (array![[[1_u8, 2, 2, 0, 2, 0, 0, 0]]], array![[[1_u8, 2, 2, 0, 0, 0, 0, 0]]]),
        ]);
        assert_eq!(steps, PostProcessing(vec![keep_largest(vec![], false)]));
    }

    #[test]
    fn an_ensemble_cleans_as_most_of_its_members() {
        let of =
            |labels: &[&[u8]]| PostProcessing(labels.iter().map(|l| keep_largest(l.to_vec(), !l.is_empty())).collect());
        let found = of_most(&[of(&[&[2]]), of(&[&[], &[2]]), of(&[&[], &[1]])]);
        assert_eq!(found, of(&[&[], &[2]]));
        assert_eq!(of_most(&[of(&[&[1]]), of(&[])]), of(&[]));
        assert_eq!(of_most(&[]), of(&[]));
    }
}
