//! Pipelines, traces and settings that were stored before types were renamed stay readable.

use medseg_transforms::{
    BorderMode, CropBody, CropForeground, LabelInterpolation, PadMethod, PadMode, Pipeline, Preprocessing, Reorient,
    ResampleMeaning, Respace, SpatialChange, SpatialPad, Step, Trace,
};
use medseg_volume::{Dhw, Orientation};

#[test]
fn steps_keep_the_names_they_were_stored_under() {
    let stored = r#"{"steps": [
        {"transform": "orientation", "to": "RAS"},
        {"transform": "spacing", "spacing": [2.0, 1.0, 1.0], "padding": "reflection"},
        {"transform": "spatial_pad", "size": [8, 8, 8], "method": "end", "value": -1.0},
        {"transform": "crop_foreground", "margin": [1, 2, 3], "allow_smaller": true}
    ]}"#;
    let pipeline: Pipeline = serde_json::from_str(stored).unwrap();
    let steps: [Step; 4] = [
        Reorient { to: Orientation::RAS }.into(),
        Respace { padding: BorderMode::Reflection, ..Respace::to(Dhw { d: 2.0, h: 1.0, w: 1.0 }) }.into(),
        SpatialPad::new(Dhw::splat(8)).with_method(PadMethod::End).with_value(-1.0).into(),
        CropForeground { margin: Dhw { d: 1, h: 2, w: 3 }, allow_smaller: true, ..CropForeground::default() }.into(),
    ];
    assert_eq!(pipeline.steps, steps);
    let again: Pipeline = serde_json::from_str(&serde_json::to_string(&pipeline).unwrap()).unwrap();
    assert_eq!(again, pipeline);
}

#[test]
fn traces_keep_their_form() {
    let stored = r#"{"id": "a", "shape": [2, 3, 4],
        "affine": [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]],
        "steps": [{"transform": "flip",
            "draw": {"spatial": [{"axes": {"order": [0, 1, 2], "reversed": [true, false, false]}}]}}],
        "warnings": []}"#;
    let trace: Trace = serde_json::from_str(stored).unwrap();
    let label = ndarray::Array3::from_shape_fn((2, 3, 4), |(z, ..)| z as u8);
    assert_eq!(trace.invert_label(&label.view()).unwrap(), label.mapv(|z| 1 - z));
}

#[test]
fn changes_stored_before_padding_had_modes_are_read() {
    let crop = r#"{"crop": {"region": {"start": [0, -1, 0], "size": [2, 4, 4]}, "outside": 0.0}}"#;
    let resample = r#"{"resample": {"shape": [2, 3, 8], "map": {"linear":
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.5]], "offset": [0.0, 0.0, -0.25]},
        "kernel": "linear", "padding": "border"}}"#;
    let SpatialChange::Crop { mode: PadMode::Constant, .. } = serde_json::from_str(crop).unwrap() else {
        panic!("{crop}");
    };
    let SpatialChange::Resample(read) = serde_json::from_str(resample).unwrap() else { panic!("{resample}") };
    assert_eq!(read.meaning, ResampleMeaning::Other);
    for text in [crop, resample] {
        let change: SpatialChange = serde_json::from_str(text).unwrap();
        let stored: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(change).unwrap(), stored);
    }
}

#[test]
fn preprocessing_is_read_as_bundles_hold_it() {
    let stored =
        r#"{"orientation": "RAS", "spacing_mm": [3.0, 1.5, 1.5], "intensity": {"z_score": {"nonzero": true}}}"#;
    let preprocessing: Preprocessing = serde_json::from_str(stored).unwrap();
    assert_eq!(preprocessing.spacing_mm, Some(Dhw { d: 3.0, h: 1.5, w: 1.5 }));
    assert_eq!(serde_json::to_string(&preprocessing).unwrap().replace(['\n', ' '], ""), stored.replace(' ', ""));
    let plain: Preprocessing =
        serde_json::from_str(r#"{"intensity": {"window": {"low": -300.0, "high": 300.0}}}"#).unwrap();
    assert_eq!(plain, Preprocessing::default());
    assert!(
        serde_json::from_str::<Preprocessing>(r#"{"intensity": {"window": {"low": 0, "high": 1}}, "x": 1}"#).is_err()
    );
}

#[test]
fn interpolations_of_labels_have_pytorchs_names() {
    let names = [
        ("\"nearest\"", LabelInterpolation::Nearest),
        ("\"nearest_exact\"", LabelInterpolation::NearestExact),
        ("\"linear\"", LabelInterpolation::Linear),
    ];
    for (name, how) in names {
        assert_eq!(serde_json::from_str::<LabelInterpolation>(name).unwrap(), how);
        assert_eq!(serde_json::to_string(&how).unwrap(), name);
    }
}

#[test]
fn the_body_is_cut_out_as_bundles_say() {
    let stored = r#"{"steps": [
        {"transform": "crop_body"},
        {"transform": "crop_body", "above": -200.5, "opening": 0, "axes": [true, false, true]}
    ]}"#;
    let pipeline: Pipeline = serde_json::from_str(stored).unwrap();
    let steps: [Step; 2] = [
        CropBody::default().into(),
        CropBody { above: -200.5, opening: 0, axes: Dhw { d: true, h: false, w: true } }.into(),
    ];
    assert_eq!(pipeline.steps, steps);
    let again: Pipeline = serde_json::from_str(&serde_json::to_string(&pipeline).unwrap()).unwrap();
    assert_eq!(again, pipeline);
    let unknown = r#"{"steps": [{"transform": "crop_body", "closing": 2}]}"#;
    assert!(serde_json::from_str::<Pipeline>(unknown).is_err());
}
