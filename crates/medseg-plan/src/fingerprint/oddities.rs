//! Sentences on what is unusual in a data set.

use std::collections::BTreeMap;

use medseg_data::{Case, Grouping};

use super::{Fingerprint, quantile};
use crate::PlanError;

/// Cases that a sentence names.
const NAMED: usize = 5;

/// Everything that a user should look at before training.
pub(super) fn of(found: &Fingerprint, cases: &[Case], groups: Option<&Grouping>) -> Result<Vec<String>, PlanError> {
    let mut sentences = Vec::new();
    sentences.extend(orientations(found));
    sentences.extend(spacings(found));
    sentences.extend(sizes(found));
    sentences.extend(intensities(found));
    sentences.extend(labels(found));
    sentences.extend(patients(cases, groups)?);
    Ok(sentences)
}

/// The first names of a list and how many there are.
fn named<'a>(ids: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let ids: Vec<&str> = ids.into_iter().collect();
    match ids.len() {
        0 => None,
        n if n <= NAMED => Some(ids.join(", ")),
        n => Some(format!("{}, and {} more", ids[..NAMED].join(", "), n - NAMED)),
    }
}

fn orientations(found: &Fingerprint) -> Option<String> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    found.headers.iter().for_each(|case| *count.entry(&case.orientation).or_default() += 1);
    let list: Vec<String> = count.iter().map(|(orientation, n)| format!("{orientation} ({n})")).collect();
    (count.len() > 1).then(|| format!("The files' axes differ: {}. All are brought to RAS.", list.join(", ")))
}

fn spacings(found: &Fingerprint) -> Option<String> {
    let median = found.spacing_mm(0.5).to_array();
    let odd = found.headers.iter().filter(|case| {
        let ratio = |axis: usize| case.spacing_mm.to_array()[axis] / median[axis];
        (0..3).any(|axis| ratio(axis) > 3.0 || ratio(axis) < 1.0 / 3.0)
    });
    let ids = named(odd.map(|case| case.id.as_str()))?;
    Some(format!(
        "The spacing is more than three times, or less than a third of, the median in {ids}. Check their headers."
    ))
}

fn sizes(found: &Fingerprint) -> Option<String> {
    let thin = found.headers.iter().filter(|case| case.shape.to_array().contains(&1));
    let ids = named(thin.map(|case| case.id.as_str()))?;
    Some(format!("A single plane is in {ids}; a network in three dimensions learns little from it."))
}

fn intensities(found: &Fingerprint) -> Vec<String> {
    let mut sentences = Vec::new();
    let holes = found.sampled.iter().filter(|case| case.not_finite > 0).map(|case| case.id.as_str());
    if let Some(ids) = named(holes) {
        sentences.push(format!("Voxels that are NaN or infinite are in {ids}; such cases are refused in training."));
    }
    let flat = found.sampled.iter().filter(|case| case.highest <= case.lowest).map(|case| case.id.as_str());
    if let Some(ids) = named(flat) {
        sentences.push(format!("All voxels have the same intensity in {ids}."));
    }
    let range = |case: &super::CaseVoxels| f64::from(case.highest) - f64::from(case.lowest);
    let median = quantile(found.sampled.iter().map(range), 0.5);
    let far = found.sampled.iter().filter(|case| range(case) > 20.0 * median || range(case) < median / 20.0);
    if let Some(ids) = named(far.map(|case| case.id.as_str())) {
        sentences.push(format!("The range of intensities is 20 times larger or smaller than usual in {ids}."));
    }
    sentences
}

fn labels(found: &Fingerprint) -> Vec<String> {
    let mut sentences = Vec::new();
    let empty = found.sampled.iter().filter(|case| case.labels.is_empty()).map(|case| case.id.as_str());
    if let Some(ids) = named(empty) {
        sentences.push(format!("No voxel counts as foreground in {ids}."));
    }
    for value in &found.labels {
        let have = found.sampled.iter().filter(|case| case.labels.contains_key(value)).count();
        if have == 0 {
            sentences.push(format!("Label {value} is in none of the {} cases that were read.", found.sampled.len()));
        } else if have * 2 < found.sampled.len() {
            sentences.push(format!("Label {value} is in {have} of the {} cases that were read.", found.sampled.len()));
        }
        let median = quantile(found.sampled.iter().filter_map(|c| c.labels.get(value)).map(|l| l.ml), 0.5);
        let tiny = found.sampled.iter().filter(|c| c.labels.get(value).is_some_and(|l| l.ml < median / 20.0));
        if let Some(ids) = named(tiny.map(|case| case.id.as_str())) {
            sentences.push(format!("Label {value} has less than a twentieth of its usual volume in {ids}."));
        }
    }
    sentences
}

/// Names that look like several images of a patient, where no groups are given.
fn patients(cases: &[Case], groups: Option<&Grouping>) -> Result<Option<String>, PlanError> {
    if groups.is_some() {
        return Ok(None);
    }
    let guess = "^([A-Za-z]+[-_]?[0-9]+)[-_.]";
    let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
    for group in Grouping::Pattern(guess.into()).groups(cases)? {
        *sizes.entry(group).or_default() += 1;
    }
    let shared = sizes.values().filter(|n| **n > 1).count();
    let example = sizes.iter().find(|(_, n)| **n > 1).map(|(name, _)| name.clone()).unwrap_or_default();
    Ok((shared * 2 > sizes.len()).then(|| {
        format!(
            "Names such as {example}… belong to several cases. If these are one patient's, keep them together: \
             --groups '{guess}'."
        )
    }))
}
