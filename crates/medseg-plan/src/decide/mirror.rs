//! Axes along which training and prediction mirror.

use medseg_volume::Dhw;

use crate::decision::Decision;
use crate::fingerprint::Fingerprint;

/// Share of the cases in which two classes must lie in the same order along an axis.
const ALWAYS: f64 = 0.9;
/// Distance of their centres, as share of the case's length, from which the order counts.
const APART: f64 = 0.1;
/// Names of the axes that point to RAS, from depth to width.
const NAMES: [&str; 3] = ["superior-inferior", "anterior-posterior", "left-right"];

/// The axes along which no two classes lie in the same order in nearly all cases. Mirrored along another one, a left organ
/// would look like the right one and keep its label.
pub(crate) fn axes(found: &Fingerprint) -> (Dhw<bool>, Decision) {
    let labels = &found.labels;
    let pairs = labels.iter().enumerate().flat_map(|(n, a)| labels[n + 1..].iter().map(move |b| (*a, *b)));
    let pairs: Vec<(u8, u8)> = pairs.collect();
    let order = |axis: usize| pairs.iter().find(|pair| in_order(found, **pair, axis));
    let ordered = [0, 1, 2].map(order);
    let reasons: Vec<String> =
        (0..3).filter_map(|axis| ordered[axis].map(|(a, b)| format!("{} (labels {a} and {b})", NAMES[axis]))).collect();
    let mirrored: Vec<&str> = (0..3).filter(|axis| ordered[*axis].is_none()).map(|axis| NAMES[axis]).collect();
    let value = if mirrored.is_empty() { "none".to_string() } else { mirrored.join(", ") };
    let reason = if reasons.is_empty() {
        "No two classes lie in the same order along an axis in nearly all cases. Prediction averages the mirror images."
            .to_string()
    } else {
        format!(
            "Classes differ by their order along {}; prediction averages mirror images along the other axes.",
            reasons.join(", ")
        )
    };
    (Dhw::from(ordered.map(|pair| pair.is_none())), Decision::new("Mirroring", value, reason))
}

/// True if two labels lie in the same order along an axis, and apart, in nearly all cases that have both.
fn in_order(found: &Fingerprint, (a, b): (u8, u8), axis: usize) -> bool {
    let both = found.sampled.iter().filter_map(|case| Some((case.labels.get(&a)?, case.labels.get(&b)?)));
    let apart: Vec<f64> = both.map(|(a, b)| a.centre.to_array()[axis] - b.centre.to_array()[axis]).collect();
    let needed = ALWAYS * apart.len() as f64;
    let beyond = |sign: f64| apart.iter().filter(|distance| **distance * sign > APART).count() as f64;
    !apart.is_empty() && (beyond(1.0) >= needed || beyond(-1.0) >= needed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::fingerprint::{CaseVoxels, LabelFacts};

    fn case(centres: &[(u8, [f64; 3])]) -> CaseVoxels {
        let facts = |centre: [f64; 3]| LabelFacts {
            voxels: 1,
            ml: 1.0,
            components: 1,
            largest_share: 1.0,
            centre: Dhw::from(centre),
        };
        CaseVoxels {
            id: "a".into(),
            lowest: 0.0,
            highest: 1.0,
            zero_share: 0.0,
            not_finite: 0,
            box_share: Some(0.5),
            largest_share: Some(1.0),
            labels: centres.iter().map(|(label, centre)| (*label, facts(*centre))).collect::<BTreeMap<_, _>>(),
            foreground: Vec::new(),
        }
    }

    fn mirrored(cases: Vec<CaseVoxels>, labels: &[u8]) -> [bool; 3] {
        let found = Fingerprint {
            headers: Vec::new(),
            sampled: cases,
            channels: 1,
            labels: labels.to_vec(),
            oddities: Vec::new(),
        };
        axes(&found).0.to_array()
    }

    #[test]
    fn an_axis_along_which_classes_are_told_apart_is_not_mirrored() {
        let left_right = |shift: f64| case(&[(1, [0.5, 0.5 + shift, 0.2]), (2, [0.5, 0.5 - shift, 0.8])]);
        let cases: Vec<_> = (0..10).map(|n| left_right(0.3 * f64::from(n % 2 * 2 - 1))).collect();
        assert_eq!(mirrored(cases.clone(), &[1, 2]), [true, true, false]);
        assert_eq!(mirrored(cases.clone(), &[1]), [true; 3]);
        // One case in ten may be an exception, two may not.
        let other = case(&[(1, [0.5, 0.5, 0.8]), (2, [0.5, 0.5, 0.2])]);
        assert_eq!(mirrored([&cases[1..], std::slice::from_ref(&other)].concat(), &[1, 2]), [true, true, false]);
        assert_eq!(mirrored([&cases[2..], &[other.clone(), other]].concat(), &[1, 2]), [true; 3]);
        // Cases without one of the labels say nothing, and none of both leaves all axes.
        assert_eq!(mirrored(vec![case(&[(1, [0.1; 3])])], &[1, 2]), [true; 3]);
    }
}
