//! Padding modes: image, label and geometry together, and the way back.

use medseg_transforms::{
    BoxDhw, CropBox, DivisiblePad, PadMethod, PadMode, Pipeline, Sample, SpatialPad, Step, TransformError, crop_padded,
};
use medseg_volume::{Dhw, Geometry};
use ndarray::{Array3, array};

fn row(values: &[u8]) -> Array3<u8> {
    Array3::from_shape_vec((1, 1, values.len()), values.to_vec()).unwrap()
}

fn sample(values: &[u8]) -> Sample {
    let label = row(values);
    Sample::new("a", label.mapv(f32::from), Some(label), Geometry::from_spacing(Dhw::splat(1.0)).unwrap())
}

fn padded(mode: PadMode, values: &[u8], width: usize) -> Vec<u8> {
    let pad = SpatialPad::new(Dhw { d: 1, h: 1, w: width }).with_mode(mode);
    let done = Pipeline::new().then(pad).apply_one(sample(values), 0).unwrap();
    let label = done.sample.label.unwrap();
    assert_eq!(done.sample.image.index_axis(ndarray::Axis(0), 0), label.mapv(f32::from));
    assert_eq!(pad.apply(&row(values).view(), 0), label);
    assert_eq!(done.trace.invert_label(&label.view()).unwrap(), row(values));
    assert_eq!(done.sample.geometry.voxel_to_world(Dhw::splat(0.0))[0], -(((width - values.len()) / 2) as f64));
    label.into_iter().collect()
}

#[test]
fn label_and_image_are_padded_alike() {
    assert_eq!(padded(PadMode::Constant, &[1, 2, 3], 7), [0, 0, 1, 2, 3, 0, 0]);
    assert_eq!(padded(PadMode::Edge, &[1, 2, 3], 7), [1, 1, 1, 2, 3, 3, 3]);
    assert_eq!(padded(PadMode::Reflect, &[1, 2, 3], 7), [3, 2, 1, 2, 3, 2, 1]);
}

#[test]
fn reflections_repeat_where_the_volume_ends() {
    assert_eq!(padded(PadMode::Reflect, &[1, 2], 9), [2, 1, 2, 1, 2, 1, 2, 1, 2]);
    assert_eq!(padded(PadMode::Reflect, &[5], 4), [5, 5, 5, 5]);
}

#[test]
fn a_box_repeats_what_it_cut_out() {
    let region = BoxDhw { start: Dhw { d: 0, h: 0, w: -2 }, size: Dhw { d: 1, h: 1, w: 4 } };
    let image = array![[[1, 2, 3, 4]]];
    assert_eq!(crop_padded(&image.view(), &region, PadMode::Reflect, 0), array![[[1, 2, 1, 2]]]);
    let step = CropBox { region, mode: PadMode::Reflect, value: 0.0 };
    let done = Pipeline::new().then(step).apply_one(sample(&[1, 2, 3, 4]), 0).unwrap();
    assert_eq!(done.sample.label.unwrap(), array![[[1, 2, 1, 2]]]);
}

#[test]
fn nothing_cannot_be_repeated() {
    let region = BoxDhw { start: Dhw { d: 0, h: 0, w: 4 }, size: Dhw { d: 1, h: 1, w: 2 } };
    let step = CropBox { region, mode: PadMode::Edge, value: 0.0 };
    let error = Pipeline::new().then(step).apply_one(sample(&[1, 2, 3]), 0).unwrap_err();
    let TransformError::Case { source, .. } = error else { panic!("{error}") };
    let TransformError::Step { source, .. } = *source else { panic!("{source}") };
    let volume = Dhw { d: 1, h: 1, w: 3 };
    assert_eq!(*source, TransformError::NothingToRepeat { mode: PadMode::Edge, volume });
    // As a function of arrays it fills, so that nothing panics.
    let empty = Array3::<u8>::zeros((0, 2, 2));
    let pad = SpatialPad::new(Dhw::splat(3)).with_mode(PadMode::Reflect);
    assert_eq!(pad.apply(&empty.view(), 9), Array3::from_elem((3, 3, 3), 9));
}

#[test]
fn modes_are_written_by_their_names() {
    let text = r#"{"steps": [
        {"transform": "spatial_pad", "size": [8, 8, 8], "mode": "reflect"},
        {"transform": "divisible_pad", "k": [4, 4, 4], "mode": "edge"}
    ]}"#;
    let steps: [Step; 2] = [
        SpatialPad::new(Dhw::splat(8)).with_mode(PadMode::Reflect).into(),
        DivisiblePad { k: Dhw::splat(4), method: PadMethod::Symmetric, mode: PadMode::Edge, value: 0.0 }.into(),
    ];
    let pipeline: Pipeline = serde_json::from_str(text).unwrap();
    assert_eq!(pipeline.steps, steps);
    let done = pipeline.apply_one(sample(&[1, 2, 3]), 0).unwrap();
    let trace = serde_json::from_str(&serde_json::to_string(&done.trace).unwrap()).unwrap();
    assert_eq!(pipeline.replay(sample(&[1, 2, 3]), &trace).unwrap(), done);
}
