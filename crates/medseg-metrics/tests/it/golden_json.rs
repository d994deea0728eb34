//! Counts, overlap scores, surface Dice and lesions against MONAI and scipy, written by `tests/golden/generate.py`.

use std::collections::BTreeMap;

use medseg_metrics::{
    CaseMetrics, Confusion, Dhw, EmptyPolicy, LesionDetection, SurfaceDistances, confusion, lesion_detection,
};
use medseg_testing::is_close;
use ndarray::Array3;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct File {
    shape: [usize; 3],
    tolerances: Vec<f64>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    predicted: Vec<usize>,
    reference: Vec<usize>,
    spacing: [f64; 3],
    confusion: [u64; 4],
    scores: BTreeMap<String, Value>,
    surface_dice: Vec<Value>,
    lesions: [u64; 4],
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().expect("a number or its name").parse().expect("nan or inf"))
}

fn assert_close(what: &str, got: f64, want: &Value) {
    let want = number(want);
    assert!(is_close(got, want, 2e-6, 2e-6), "{what}: {got}, not {want}");
}

fn mask(shape: [usize; 3], voxels: &[usize]) -> Array3<u8> {
    let mut mask = Array3::<u8>::zeros(shape);
    let flat = mask.as_slice_mut().expect("a new array is contiguous");
    voxels.iter().for_each(|&at| flat[at] = 1);
    mask
}

#[test]
fn scores_equal_the_references() {
    let text = std::fs::read_to_string("tests/golden/scores.json").expect("the golden values");
    let file: File = serde_json::from_str(&text).expect("golden values as the script writes them");
    assert!(file.cases.len() >= 17);
    for (index, case) in file.cases.iter().enumerate() {
        let (predicted, reference) = (mask(file.shape, &case.predicted), mask(file.shape, &case.reference));
        let (predicted, reference) = (predicted.view(), reference.view());
        let spacing = Dhw::from(case.spacing);

        let counts = confusion(predicted, reference).unwrap();
        let [tp, fp, tn, fn_] = case.confusion;
        assert_eq!(counts, Confusion { tp, fp, fn_, tn }, "case {index}");
        let distances = SurfaceDistances::new(predicted, reference, spacing).unwrap();
        for (name, got) in [
            ("precision", counts.precision()),
            ("recall", counts.recall()),
            ("specificity", counts.specificity()),
            ("dice", counts.dice(EmptyPolicy::SkipEmptyReference)),
            ("iou", counts.iou(EmptyPolicy::SkipEmptyReference)),
            ("hd", distances.hausdorff()),
            ("hd95", distances.hd95()),
            ("assd", distances.assd()),
        ] {
            assert_close(&format!("case {index}, {name}"), got, &case.scores[name]);
        }
        for (tolerance, want) in file.tolerances.iter().zip(&case.surface_dice) {
            let got = distances.surface_dice(*tolerance).unwrap();
            assert_close(&format!("case {index}, surface Dice at {tolerance} mm"), got, want);
        }
        let [tp, fn_, tp_predicted, fp] = case.lesions;
        let lesions = lesion_detection(predicted, reference, 0.0).unwrap();
        assert_eq!(lesions, LesionDetection { tp, fn_, tp_predicted, fp }, "case {index}");

        let row = CaseMetrics::evaluate(predicted, reference, spacing, file.tolerances[1]).unwrap();
        assert_eq!(row.recall.to_bits(), counts.recall().to_bits());
        if counts.predicted() > 0 && counts.reference() > 0 {
            assert_close(&format!("case {index}, row"), row.hd_mm, &case.scores["hd"]);
        } else {
            assert!(row.hd_mm.is_nan());
        }
    }
}
