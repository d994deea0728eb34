//! Bad input: a defined result, or an error that names the case, the step and the parameter.

use medseg_transforms::{
    Affine, BorderMode, BoxDhw, CenterCrop, CropBox, CropForeground, ForegroundSource, Kernel, PadMethod, PadMode,
    Pipeline, RandAffine, RandCropByPosNegLabel, RandElastic, RandFlip, RandRotate90, RandSpatialCrop, Range, Resize,
    Respace, Rotate90, Sample, SpatialCrop, SpatialPad, Step, TransformError, Zoom,
};
use medseg_volume::{Dhw, Geometry, error_chain};
use ndarray::{Array3, Array4, array};

fn geometry() -> Geometry {
    Geometry::from_spacing(Dhw { d: 5.0, h: 0.8, w: 0.8 }).unwrap()
}

fn sample(lengths: [usize; 3]) -> Sample {
    let label = Array3::from_shape_fn(lengths, |(d, h, w)| u8::from(d + h + w > 2));
    Sample::new("liver_12", label.mapv(f32::from), Some(label), geometry())
}

fn refused(step: impl Into<Step>, sample: Sample) -> String {
    let result = Pipeline::new().then(step).apply(sample, 0);
    let Err(error @ TransformError::Case { .. }) = result else { panic!("{result:?}") };
    let text = error_chain(&error);
    assert!(text.starts_with("case liver_12: "), "{text}");
    text
}

#[test]
fn errors_name_case_step_and_parameter() {
    let (kernel, padding) = (Kernel::Linear, BorderMode::Border);
    let in_channel_3 = CropForeground {
        source: ForegroundSource::ChannelsAbove { channels: vec![0, 3], threshold: 0.5 },
        ..CropForeground::default()
    };
    let steps: Vec<(Step, &str)> = vec![
        (RandSpatialCrop { size: Dhw::splat(9), samples: 1 }.into(), "9x9x9"),
        (
            RandCropByPosNegLabel { size: Dhw::splat(9), pos: 1.0, neg: 1.0, samples: 1, by_class: false }.into(),
            "9x9x9",
        ),
        (
            RandCropByPosNegLabel { size: Dhw::splat(2), pos: 0.0, neg: 0.0, samples: 1, by_class: false }.into(),
            "pos,neg",
        ),
        (
            RandCropByPosNegLabel { size: Dhw::splat(2), pos: 1.0, neg: 1.0, samples: 0, by_class: false }.into(),
            "samples",
        ),
        (SpatialCrop { center: Dhw::splat(20), size: Dhw::splat(2) }.into(), "20x20x20"),
        (
            CropBox {
                region: BoxDhw { start: Dhw::splat(0), size: Dhw::splat(0) },
                mode: PadMode::Constant,
                value: 0.0,
            }
            .into(),
            "0x0x0",
        ),
        (
            CropBox { region: BoxDhw { start: Dhw::splat(4), size: Dhw::splat(2) }, mode: PadMode::Edge, value: 0.0 }
                .into(),
            "edge",
        ),
        (in_channel_3.into(), "channel 3"),
        (Resize { size: Dhw { d: 0, h: 1, w: 1 }, kernel, align_corners: false }.into(), "0x1x1"),
        (Resize { size: Dhw::splat(1 << 20), kernel, align_corners: false }.into(), "shape"),
        (SpatialPad::new(Dhw::splat(usize::MAX)).with_method(PadMethod::End).into(), "shape"),
        (SpatialPad::new(Dhw::splat(usize::MAX)).with_mode(PadMode::Reflect).into(), "shape"),
        (Respace::to(Dhw::splat(f64::NAN)).into(), "spacing"),
        (Respace::to(Dhw::splat(1e-9)).into(), "spacing"),
        (Respace { kernel: Kernel::Area, ..Respace::to(Dhw::splat(1.0)) }.into(), "area"),
        (Affine { scale: Dhw::splat(0.0), ..Affine::default() }.into(), "flat"),
        (Affine { rotate: Dhw::splat(f64::INFINITY), ..Affine::default() }.into(), "flat"),
        (Zoom { factor: Dhw::splat(0.01), keep_size: true, kernel, padding }.into(), "0x0x0"),
        (Zoom { factor: Dhw::splat(-1.0), keep_size: true, kernel, padding }.into(), "factor"),
        (Rotate90 { times: 1, plane: (1, 1) }.into(), "plane"),
        (RandRotate90 { p: 0.5, max_times: 4, plane: (0, 1) }.into(), "max_times"),
        (RandFlip { p: 1.5, axes: Dhw::splat(true) }.into(), "p 1.5"),
        (RandFlip { p: f64::NAN, axes: Dhw::splat(true) }.into(), "p NaN"),
        (RandAffine { scale: Dhw::splat(Range(0.0, 1.0)), ..RandAffine::default() }.into(), "scale"),
        (RandAffine { rotate: Dhw::splat(Range(1.0, -1.0)), ..RandAffine::default() }.into(), "rotate"),
        (RandElastic { p: 1.0, sigma: Range(0.0, 1.0), magnitude: Range(1.0, 1.0), kernel, padding }.into(), "sigma"),
    ];
    for (step, part) in steps {
        let text = refused(step, sample([4, 4, 4]));
        assert!(text.contains("step 1 (") && text.contains(part), "{text}");
    }
}

#[test]
fn parameters_are_refused_before_any_case_is_read() {
    let bad =
        Pipeline::new().then(Rotate90 { times: 1, plane: (0, 1) }).then(RandFlip { p: -0.1, axes: Dhw::splat(true) });
    let text = error_chain(&bad.validate().unwrap_err());
    assert_eq!(text, "step 2 (rand_flip): p -0.1 must be between 0 and 1");
    assert!(Pipeline::new().validate().is_ok());
}

#[test]
fn unknown_settings_are_refused() {
    for text in [
        r#"{"steps": [{"transform": "no_such_thing"}]}"#,
        r#"{"steps": [{"transform": "resize", "size": [1, 2, 3], "sise": 1}]}"#,
        r#"{"steps": [{"transform": "resize"}]}"#,
        r#"{"steps": [{"transform": "rand_affine", "rotation": [[0, 1], [0, 1], [0, 1]]}]}"#,
        r#"{"steps": [], "extra": 1}"#,
    ] {
        assert!(serde_json::from_str::<Pipeline>(text).is_err(), "{text}");
    }
}

#[test]
fn a_label_of_another_shape_is_refused() {
    let mut wrong = sample([4, 4, 4]);
    wrong.label = Some(Array3::zeros((4, 4, 5)));
    let text = refused(CenterCrop { size: Dhw::splat(2) }, wrong);
    assert_eq!(text, "case liver_12: the label has 4x4x5 voxels, the image 4x4x4");
}

#[test]
fn no_voxels_and_no_label_are_refused() {
    let empty = Sample { image: Array4::zeros((1, 0, 4, 4)), label: None, ..sample([1, 1, 1]) };
    assert!(refused(CenterCrop { size: Dhw::splat(2) }, empty).contains("0x4x4"));
    let unlabelled = Sample { label: None, ..sample([4, 4, 4]) };
    assert!(refused(CropForeground::default(), unlabelled.clone()).contains("no label"));
    let crops = RandCropByPosNegLabel { size: Dhw::splat(2), pos: 1.0, neg: 1.0, samples: 1, by_class: false };
    assert!(refused(crops, unlabelled).contains("no label"));
}

#[test]
fn without_foreground_crops_are_background_and_a_warning_names_the_case() {
    let empty = Sample { label: Some(Array3::zeros((6, 6, 6))), ..sample([6, 6, 6]) };
    let crops = RandCropByPosNegLabel { size: Dhw::splat(4), pos: 3.0, neg: 1.0, samples: 4, by_class: false };
    let done = Pipeline::new().then(crops).apply(empty.clone(), 1).unwrap();
    assert_eq!(done.len(), 4);
    for one in &done {
        assert_eq!(one.sample.shape(), Dhw::splat(4));
        assert_eq!(one.trace.warnings.len(), 1);
        assert!(one.trace.warnings[0].starts_with("case liver_12: "), "{:?}", one.trace.warnings);
    }
    let done = Pipeline::new().then(CropForeground::default()).apply_one(empty.clone(), 1).unwrap();
    assert_eq!(done.sample, empty);
    assert!(done.trace.warnings[0].starts_with("case liver_12: "));
    let full = Pipeline::new().then(crops).apply(sample([6, 6, 6]), 1).unwrap();
    assert!(full.iter().all(|one| one.trace.warnings.is_empty()));
}

#[test]
fn margins_and_crops_beyond_the_volume_are_padded_or_cut() {
    let big = CropForeground { margin: Dhw::splat(30), value: -1.0, ..CropForeground::default() };
    let done = Pipeline::new().then(big.clone()).apply_one(sample([2, 3, 4]), 0).unwrap();
    assert!(done.sample.shape().to_array().iter().all(|length| *length > 60));
    assert_eq!(done.sample.image[[0, 0, 0, 0]], -1.0);
    assert_eq!(done.sample.label.unwrap()[[0, 0, 0]], 0);
    let all = CropForeground { allow_smaller: true, ..big };
    let done = Pipeline::new().then(all).apply_one(sample([2, 3, 4]), 0).unwrap();
    assert_eq!(done.sample.shape(), Dhw { d: 2, h: 3, w: 4 });
    let done = Pipeline::new().then(CenterCrop { size: Dhw::splat(100) }).apply_one(sample([2, 3, 4]), 0).unwrap();
    assert_eq!(done.sample.shape(), Dhw { d: 2, h: 3, w: 4 });
    // Entirely outside: nothing but filling.
    let away =
        CropBox { region: BoxDhw { start: Dhw::splat(50), size: Dhw::splat(2) }, mode: PadMode::Constant, value: 7.0 };
    let done = Pipeline::new().then(away).apply_one(sample([2, 3, 4]), 0).unwrap();
    assert!(done.sample.image.iter().all(|v| *v == 7.0) && done.sample.label.unwrap().iter().all(|v| *v == 0));
    assert_eq!(
        done.trace.invert_label(&Array3::from_elem((2, 2, 2), 1).view()).unwrap(),
        Array3::<u8>::zeros((2, 3, 4))
    );
}

#[test]
fn one_slice_goes_through_everything() {
    let (kernel, padding) = (Kernel::Linear, BorderMode::Border);
    for kernel in [kernel, Kernel::Cubic, Kernel::Nearest] {
        let pipeline = Pipeline::new()
            .then(Respace { kernel, ..Respace::to(Dhw { d: 1.5, h: 1.0, w: 1.0 }) })
            .then(Affine { rotate: Dhw { d: 0.3, h: 0.1, w: 0.0 }, kernel, ..Affine::default() })
            .then(Resize { size: Dhw { d: 3, h: 4, w: 5 }, kernel, align_corners: true })
            .then(RandElastic { p: 1.0, sigma: Range(1.0, 1.0), magnitude: Range(1.0, 1.0), kernel, padding });
        let done = pipeline.apply_one(sample([1, 6, 7]), 0).unwrap();
        assert_eq!(done.sample.shape(), Dhw { d: 3, h: 4, w: 5 });
        assert!(done.sample.image.iter().all(|v| v.is_finite()));
        assert_eq!(done.trace.invert_label(&done.sample.label.unwrap().view()).unwrap().dim(), (1, 6, 7));
    }
}

#[test]
fn not_a_number_stays_where_it_is() {
    let mut holed = sample([6, 6, 6]);
    holed.image[[0, 0, 0, 0]] = f32::NAN;
    // Along the axes a voxel that has no weight is not read.
    let resize = Resize { size: Dhw::splat(12), kernel: Kernel::Linear, align_corners: false };
    let done = Pipeline::new().then(resize).apply_one(holed.clone(), 0).unwrap();
    let spread = done.sample.image.indexed_iter().filter(|(_, v)| v.is_nan()).map(|((_, d, h, w), _)| d.max(h).max(w));
    assert_eq!(spread.max(), Some(2));
    let foreground = CropForeground { source: ForegroundSource::ImageAbove(0.5), ..CropForeground::default() };
    let done = Pipeline::new().then(foreground).apply_one(holed, 0).unwrap();
    assert_eq!(done.sample.shape(), Dhw::splat(6));
}

#[test]
fn a_prediction_on_another_grid_is_refused() {
    let done = Pipeline::new().then(CenterCrop { size: Dhw::splat(2) }).apply_one(sample([4, 4, 4]), 0).unwrap();
    let text = error_chain(&done.trace.invert_label(&array![[[1u8]]].view()).unwrap_err());
    assert_eq!(text, "case liver_12: 1x1x1 voxels do not fit: the sample has 2x2x2 at this point");
    assert!(done.trace.invert_image(&Array3::zeros((2, 2, 3)).view()).is_err());
}
