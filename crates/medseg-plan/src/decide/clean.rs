//! Post-processing that the training labels allow.

use crate::decision::Decision;
use crate::fingerprint::Fingerprint;

/// Share of a label in its largest component from which on the rest is spurious.
const ALMOST_ALL: f64 = 0.99;

/// True if every label of every sampled case is one component, so that a mask's further ones are errors.
pub(crate) fn largest_component(found: &Fingerprint) -> (bool, Decision) {
    let facts = found.sampled.iter().flat_map(|case| &case.labels);
    let parts = facts.filter(|(label, facts)| found.labels.contains(label) && facts.largest_share < ALMOST_ALL).count();
    let cases = found.sampled.len();
    if parts == 0 {
        let reason = format!("In all {cases} cases that were read each label is one component.");
        return (true, Decision::new("Cleaning", "the largest component of every label", reason));
    }
    let reason = format!("{parts} labels of {cases} cases that were read have several components.");
    (false, Decision::new("Cleaning", "none", reason))
}
