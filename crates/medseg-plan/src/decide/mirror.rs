//! Axes along which training and prediction mirror.

use medseg_volume::Dhw;

use crate::decision::Decision;
use crate::fingerprint::{CaseVoxels, Fingerprint};

/// Share of the cases in which a class must lie on the same side for an axis to have a direction.
const SAME: f64 = 0.75;
/// Names of the axes that point to RAS, from depth to width.
const NAMES: [&str; 3] = ["superior-inferior", "anterior-posterior", "left-right"];

/// The axes along which the data look alike in both directions: no class lies on the same side of another, or of the
/// image's centre, in three cases of four. Mirrored along another one, a heart would lie on the right, and a left organ
/// would look like the right one and keep its label: images that do not occur.
pub(crate) fn axes(found: &Fingerprint) -> (Dhw<bool>, Decision) {
    let labels = &found.labels;
    let pairs = labels.iter().enumerate().flat_map(|(n, a)| labels[n + 1..].iter().map(move |b| (*a, Some(*b))));
    let pairs: Vec<(u8, Option<u8>)> = pairs.chain(labels.iter().map(|a| (*a, None))).collect();
    let directed = [0, 1, 2].map(|axis| pairs.iter().find(|pair| has_direction(found, **pair, axis)));
    let mirrored: Vec<&str> = (0..3).filter(|axis| directed[*axis].is_none()).map(|axis| NAMES[axis]).collect();
    let value = if mirrored.is_empty() { "none".to_string() } else { mirrored.join(", ") };
    let reasons: Vec<String> =
        (0..3).filter_map(|axis| directed[axis].map(|pair| format!("{} ({})", NAMES[axis], named(*pair)))).collect();
    let reason = match (reasons.is_empty(), mirrored.is_empty()) {
        (true, _) => "No class lies on the same side in most cases. Prediction averages the mirror images.".to_string(),
        (false, true) => format!("Every axis has a direction: {}.", reasons.join(", ")),
        (false, false) => format!(
            "These axes have a direction: {}. Prediction averages the mirror images along the other axes.",
            reasons.join(", ")
        ),
    };
    (Dhw::from(directed.map(|pair| pair.is_none())), Decision::new("Mirroring", value, reason))
}

/// Two classes, or one and the image's centre, in words.
fn named((a, b): (u8, Option<u8>)) -> String {
    b.map_or_else(|| format!("label {a} and the image's centre"), |b| format!("labels {a} and {b}"))
}

/// True if label `a` lies on the same side of label `b`, or of the image's centre, in most cases that have them.
fn has_direction(found: &Fingerprint, (a, b): (u8, Option<u8>), axis: usize) -> bool {
    let along = |case: &CaseVoxels, label: u8| Some(case.labels.get(&label)?.centre.to_array()[axis]);
    let difference = |case: &CaseVoxels| Some(along(case, a)? - b.map_or(Some(0.5), |b| along(case, b))?);
    let differences: Vec<f64> = found.sampled.iter().filter_map(difference).collect();
    let beyond = |sign: f64| differences.iter().filter(|difference| **difference * sign > 0.0).count() as f64;
    let needed = SAME * differences.len() as f64;
    !differences.is_empty() && (beyond(1.0) >= needed || beyond(-1.0) >= needed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::fingerprint::LabelFacts;

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
    fn an_axis_along_which_classes_lie_in_one_order_is_not_mirrored() {
        // Label 1 beside label 2 along the width, now on one side and now on the other along the others.
        let cases = |right: usize, left: usize| -> Vec<CaseVoxels> {
            let at = |n: usize| if n.is_multiple_of(2) { 0.4 } else { 0.6 };
            let one = |n: usize, shift: f64| {
                let (d, h, w) = (at(n), at(n / 2), at(n / 2));
                case(&[(1, [d, h, w + shift]), (2, [1.0 - d, 1.0 - h, w - shift])])
            };
            (0..right).map(|n| one(n, 0.05)).chain((right..right + left).map(|n| one(n, -0.05))).collect()
        };
        assert_eq!(mirrored(cases(8, 0), &[1, 2]), [true, true, false]);
        assert_eq!(mirrored(cases(0, 8), &[1, 2]), [true, true, false]);
        assert_eq!(mirrored(cases(8, 0), &[1]), [true; 3]);
        // One case in four may be an exception, more may not.
        assert_eq!(mirrored(cases(6, 2), &[1, 2]), [true, true, false]);
        assert_eq!(mirrored(cases(5, 3), &[1, 2]), [true; 3]);
    }

    #[test]
    fn an_axis_along_which_a_class_lies_on_one_side_of_the_image_is_not_mirrored() {
        let cases: Vec<_> = [0.4, 0.6, 0.4, 0.6].map(|at| case(&[(1, [at, 0.45, at])])).into();
        assert_eq!(mirrored(cases.clone(), &[1]), [true, false, true]);
        // In the middle it lies on neither side; cases without the label say nothing.
        assert_eq!(mirrored(vec![case(&[(1, [0.5; 3])])], &[1]), [true; 3]);
        assert_eq!(mirrored([cases, vec![case(&[]); 9]].concat(), &[1]), [true, false, true]);
        assert_eq!(mirrored(vec![case(&[])], &[1, 2]), [true; 3]);
    }
}
