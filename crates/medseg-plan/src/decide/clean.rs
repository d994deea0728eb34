//! Cleaning of masks that the training labels allow.

use medseg_train::Cleaning;

use crate::decision::Decision;
use crate::fingerprint::Fingerprint;

/// Share of a label in its largest component from which on the rest is spurious.
const ALMOST_ALL: f64 = 0.99;

/// The largest component of every label if each is one component in every sampled case, so that a mask's further ones
/// are errors; otherwise the choice of the validation cases, if there are any.
pub(crate) fn cleaning(found: &Fingerprint, validation: usize) -> (Cleaning, Decision) {
    let facts = found.sampled.iter().flat_map(|case| &case.labels);
    let parts = facts.filter(|(label, facts)| found.labels.contains(label) && facts.largest_share < ALMOST_ALL).count();
    let cases = found.sampled.len();
    let decision = |value, reason| Decision::new("Cleaning", value, reason);
    if parts == 0 {
        let reason = format!("In all {cases} cases that were read each label is one component.");
        return (Cleaning::LargestOfEachLabel, decision("the largest component of every label", reason));
    }
    let several = format!("{parts} labels of {cases} cases that were read have several components");
    if validation == 0 {
        return (Cleaning::None, decision("none", format!("{several}, and no validation case can choose.")));
    }
    let value = "largest components, where they raise the Dice of the validation cases";
    (Cleaning::ChosenByValidation, decision(value, format!("{several}: the labels alone do not tell.")))
}

/// True if the foreground of every sampled case is one component, so that a coarse mask's further ones are errors.
pub(crate) fn one_component(found: &Fingerprint) -> bool {
    found.sampled.iter().filter_map(|case| case.largest_share).all(|share| share >= ALMOST_ALL)
}
