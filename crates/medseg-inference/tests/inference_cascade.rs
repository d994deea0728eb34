//! The two-stage cascade with predictors whose answers are known, and post-processing.

use std::ops::ControlFlow;

use burn::tensor::{Device, Tensor};
use medseg_inference::{
    Blend, BoxDhw, Cascade, CascadeConfig, CascadeOutput, Dhw, Fallback, InferenceError, NoProgress, PostProcessing,
    SlidingWindow,
};
use ndarray::{Array3, s};
use proptest::prelude::*;

const SHAPE: Dhw<usize> = Dhw { d: 40, h: 48, w: 36 };

/// Foreground where the intensity is at least one half.
fn threshold(windows: Tensor<5>) -> Tensor<5> {
    (windows - 0.5) * 20.0
}

fn config() -> CascadeConfig {
    CascadeConfig {
        coarse_size: Dhw { d: 20, h: 16, w: 18 },
        window: SlidingWindow::new(Dhw { d: 16, h: 12, w: 16 }).with_blend(Blend::gaussian()),
        ..CascadeConfig::paper()
    }
}

fn image_with(parts: &[[std::ops::Range<usize>; 3]]) -> Array3<f32> {
    let mut image = Array3::zeros((SHAPE.d, SHAPE.h, SHAPE.w));
    for [d, h, w] in parts {
        image.slice_mut(s![d.clone(), h.clone(), w.clone()]).fill(1.0);
    }
    image
}

fn run(config: CascadeConfig, image: &Array3<f32>) -> CascadeOutput {
    Cascade::new(config)
        .unwrap()
        .predict(&image.view(), &Device::flex(), &mut threshold, &mut threshold, &mut NoProgress)
        .unwrap()
}

fn organ(image: &Array3<f32>) -> Array3<u8> {
    image.mapv(|v| u8::from(v >= 0.5))
}

fn end(region: &BoxDhw) -> [isize; 3] {
    let (start, size) = (region.start.to_array(), region.size.to_array());
    [0, 1, 2].map(|axis| start[axis] + size[axis] as isize)
}

#[test]
fn the_paper_preset_has_the_experiments_values() {
    let paper = CascadeConfig::paper();
    assert_eq!(paper.coarse_size, Dhw::splat(128));
    assert_eq!(paper.coarse_margin, Dhw::splat(2));
    assert_eq!((paper.threshold, paper.keep_largest_coarse), (0.5, false));
    assert_eq!(paper.window.roi, Dhw::splat(128));
    assert_eq!((paper.window.overlap, paper.window.batch), (Dhw::splat(0.25), 4));
    assert_eq!(paper.window.blend, Blend::Constant);
}

#[test]
fn an_organ_in_the_middle_is_found_and_drawn_on_the_inputs_grid() {
    let image = image_with(&[[12..26, 15..30, 8..24]]);
    let output = run(config(), &image);
    assert_eq!(output.mask, organ(&image));
    assert!(!output.coarse_missed && !output.fallback);
    // Coarse voxels are 2 x 3 x 2 of the image's. Height 15..30 is 5..10 there, 3..12 with the margin, 9..36 here; the other two axes
    // alike.
    assert_eq!((output.roi.start, end(&output.roi)), (Dhw { d: 8, h: 9, w: 4 }, [30, 36, 28]));
    assert_eq!(output.coarse_mask, organ(&image)); // edges lie on the coarse grid
}

#[test]
fn the_fine_network_sees_the_box_only() {
    let image = image_with(&[[12..26, 15..30, 8..24]]);
    let mut voxels = 0;
    let mut fine = |windows: Tensor<5>| {
        voxels += windows.dims()[0];
        windows
    };
    let cascade = Cascade::new(CascadeConfig { window: SlidingWindow::new(Dhw::splat(64)), ..config() }).unwrap();
    let output = cascade.predict(&image.view(), &Device::flex(), &mut threshold, &mut fine, &mut NoProgress).unwrap();
    assert_eq!(voxels, 1); // one window, padded
    // The identity's logit 0 is foreground: the whole box, and nothing outside.
    let inside = output.roi.size.to_array().iter().product::<usize>();
    assert_eq!(output.mask.iter().filter(|&&label| label == 1).count(), inside);
    assert!(inside < image.len());
}

#[test]
fn an_organ_at_the_edge_gets_a_box_clipped_to_the_image() {
    let image = image_with(&[[0..7, 30..48, 0..10]]);
    let output = run(config(), &image);
    assert_eq!(output.mask, organ(&image));
    assert_eq!((output.roi.start.d, output.roi.start.w, end(&output.roi)[1]), (0, 0, 48));
}

#[test]
fn a_tiny_organ_that_the_coarse_grid_shows_is_drawn() {
    let image = image_with(&[[20..22, 18..21, 10..12]]); // one coarse voxel
    let output = run(config(), &image);
    assert_eq!(output.mask, organ(&image));
    assert_eq!(output.roi.size, Dhw { d: 10, h: 15, w: 10 });
}

#[test]
fn an_organ_that_the_coarse_grid_does_not_show_is_drawn_by_the_fallback() {
    let image = image_with(&[[21..22, 20..21, 11..12]]); // a twelfth of a coarse voxel
    let output = run(config(), &image);
    assert!(output.coarse_missed && output.fallback);
    assert_eq!(output.coarse_mask.sum(), 0);
    assert_eq!((output.roi.start, output.roi.size), (Dhw::splat(0), SHAPE));
    assert_eq!(output.mask, organ(&image));
}

#[test]
fn without_fallback_an_empty_coarse_mask_gives_an_empty_mask() {
    let image = image_with(&[[21..22, 20..21, 11..12]]);
    let mut fine = |_: Tensor<5>| Err::<Tensor<5>, _>("the fine network must not run");
    let cascade = Cascade::new(CascadeConfig { fallback: Fallback::EmptyMask, ..config() }).unwrap();
    let output = cascade.predict(&image.view(), &Device::flex(), &mut threshold, &mut fine, &mut NoProgress).unwrap();
    assert!(output.coarse_missed && !output.fallback);
    assert_eq!((output.mask.sum(), output.roi.size), (0, Dhw::splat(0)));
}

#[test]
fn an_absent_organ_gives_an_empty_mask() {
    let output = run(config(), &image_with(&[]));
    assert!(output.coarse_missed && output.fallback);
    assert_eq!(output.mask.sum(), 0);
}

#[test]
fn two_parts_share_a_box_unless_only_the_largest_counts() {
    let parts = [[4..18, 3..18, 4..16], [32..36, 36..42, 28..34]];
    let image = image_with(&parts);
    let both = run(config(), &image);
    assert_eq!(both.mask, organ(&image));

    let largest = run(CascadeConfig { keep_largest_coarse: true, ..config() }, &image);
    assert_eq!(largest.mask, organ(&image_with(&parts[..1])));
    assert_eq!(largest.coarse_mask, organ(&image_with(&parts[..1])));
    assert!(end(&largest.roi)[0] < 32);
}

#[test]
fn several_classes_keep_their_labels() {
    // Background, body of the organ (1), and a brighter lesion in it (2).
    let mut image = image_with(&[[12..26, 15..30, 8..24]]);
    image.slice_mut(s![16..20, 18..24, 12..16]).fill(2.0);
    let mut classes = |windows: Tensor<5>| {
        let background = -(windows.clone());
        let organ = windows.clone().sub_scalar(1.0).abs().neg() + 0.4;
        let lesion = windows.sub_scalar(2.0).abs().neg() + 0.4;
        Tensor::cat(vec![background, organ, lesion], 1)
    };
    let output = Cascade::new(config())
        .unwrap()
        .predict(&image.view(), &Device::flex(), &mut classes.clone(), &mut classes, &mut NoProgress)
        .unwrap();
    assert_eq!(output.mask, image.mapv(|v| v as u8));
}

#[test]
fn errors_of_either_network_reach_the_caller() {
    let image = image_with(&[[12..26, 15..30, 8..24]]);
    let cascade = Cascade::new(config()).unwrap();
    let mut broken = |_: Tensor<5>| Err::<Tensor<5>, _>("out of memory");
    let mut flat = |windows: Tensor<5>| windows.narrow(2, 0, 1);
    let device = Device::flex();
    let error = cascade.predict(&image.view(), &device, &mut broken, &mut threshold, &mut NoProgress).unwrap_err();
    assert!(error.to_string().contains("out of memory"), "{error}");
    let error = cascade.predict(&image.view(), &device, &mut threshold, &mut broken, &mut NoProgress).unwrap_err();
    assert!(error.to_string().contains("out of memory"), "{error}");
    let error = cascade.predict(&image.view(), &device, &mut flat, &mut threshold, &mut NoProgress).unwrap_err();
    assert!(matches!(error, InferenceError::OutputShape { got: [1, 1, 1, 16, 18], .. }), "{error}");
    let empty = Array3::<f32>::zeros((0, 4, 4));
    let error = cascade.predict(&empty.view(), &device, &mut threshold, &mut threshold, &mut NoProgress).unwrap_err();
    assert!(matches!(error, InferenceError::EmptyImage { .. }), "{error}");
}

#[test]
fn wrong_parameters_are_errors_that_name_them() {
    let wrong = [
        ("coarse_size", CascadeConfig { coarse_size: Dhw { d: 0, h: 4, w: 4 }, ..config() }),
        ("threshold", CascadeConfig { threshold: 1.5, ..config() }),
        ("threshold", CascadeConfig { threshold: f32::NAN, ..config() }),
        ("batch", CascadeConfig { window: config().window.with_batch(0), ..config() }),
    ];
    for (parameter, config) in wrong {
        let message = Cascade::new(config).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{parameter} = ")), "{message}");
    }
    let endless = CascadeConfig { coarse_size: Dhw::splat(usize::MAX), ..config() };
    assert!(matches!(Cascade::new(endless), Err(InferenceError::TooLarge { .. })));
}

#[test]
fn nan_logits_of_the_coarse_network_mean_that_it_found_nothing() {
    let image = image_with(&[[12..26, 15..30, 8..24]]);
    let mut lost = |windows: Tensor<5>| windows * f32::NAN;
    let output = Cascade::new(config())
        .unwrap()
        .predict(&image.view(), &Device::flex(), &mut lost, &mut threshold, &mut NoProgress)
        .unwrap();
    assert!(output.fallback);
    assert_eq!(output.mask, organ(&image));
}

#[test]
fn progress_counts_the_coarse_pass_and_can_stop_the_run() {
    let image = image_with(&[[12..26, 15..30, 8..24]]);
    let cascade = Cascade::new(config()).unwrap();
    let mut seen = Vec::new();
    let mut watch = |done: usize, total: usize| seen.push((done, total));
    let output = cascade.predict(&image.view(), &Device::flex(), &mut threshold, &mut threshold, &mut watch).unwrap();
    let windows = config().window.plan(output.roi.size).unwrap().len();
    assert_eq!((seen[0], seen[seen.len() - 1]), ((1, 1 + windows), (1 + windows, 1 + windows)));

    let mut stop = |_: usize, _: usize| ControlFlow::Break(());
    let error = cascade.predict(&image.view(), &Device::flex(), &mut threshold, &mut threshold, &mut stop).unwrap_err();
    assert!(matches!(error, InferenceError::Cancelled { .. }), "{error}");
}

#[test]
fn configurations_survive_a_round_trip() {
    let config = CascadeConfig { fallback: Fallback::EmptyMask, keep_largest_coarse: true, ..config() };
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<CascadeConfig>(&text).unwrap(), config);
    assert_eq!(serde_json::from_str::<CascadeConfig>("{}").unwrap(), CascadeConfig::paper());
    assert!(serde_json::from_str::<CascadeConfig>(r#"{"margin": 2}"#).is_err());
}

#[test]
fn post_processing_keeps_the_largest_part_of_every_label() {
    let mut mask = Array3::<u8>::zeros((10, 10, 10));
    mask.slice_mut(s![0..4, 0..4, 0..4]).fill(1);
    mask.slice_mut(s![6..8, 6..8, 6..8]).fill(1);
    mask.slice_mut(s![0..2, 7..9, 0..2]).fill(2);
    mask[[9, 0, 9]] = 2;
    let spacing = Dhw { d: 5.0, h: 1.0, w: 2.0 }; // 0.01 ml a voxel

    let mut largest = mask.clone();
    PostProcessing { keep_largest: true, min_volume_ml: 0.0 }.apply(&mut largest, spacing).unwrap();
    let mut want = mask.clone();
    want.slice_mut(s![6..8, 6..8, 6..8]).fill(0);
    want[[9, 0, 9]] = 0;
    assert_eq!(largest, want);

    let mut heavy = mask.clone();
    PostProcessing { keep_largest: false, min_volume_ml: 0.08 }.apply(&mut heavy, spacing).unwrap();
    let mut want = mask.clone();
    want[[9, 0, 9]] = 0; // 0.01 ml; the others have at least 0.08
    assert_eq!(heavy, want);

    let mut unchanged = mask.clone();
    PostProcessing::default().apply(&mut unchanged, spacing).unwrap();
    assert_eq!(unchanged, mask);
}

#[test]
fn post_processing_refuses_a_volume_or_spacing_without_meaning() {
    let mut mask = Array3::<u8>::ones((2, 2, 2));
    let negative = PostProcessing { keep_largest: true, min_volume_ml: -1.0 };
    let error = negative.apply(&mut mask, Dhw::splat(1.0)).unwrap_err();
    assert!(error.to_string().starts_with("min_volume_ml = -1"), "{error}");
    let some = PostProcessing { keep_largest: false, min_volume_ml: 1.0 };
    let error = some.apply(&mut mask, Dhw { d: 1.0, h: 0.0, w: 1.0 }).unwrap_err();
    assert!(error.to_string().starts_with("spacing = "), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// An organ of at least one coarse voxel on every axis is never cut, wherever it lies.
    #[test]
    fn an_organ_that_the_coarse_grid_shows_is_never_cut(
        start in (0_usize..30, 0_usize..38, 0_usize..26),
        size in (4_usize..20, 6_usize..20, 4_usize..20),
    ) {
        let range = |start: usize, size: usize, all: usize| start..(start + size).min(all);
        let image = image_with(&[[
            range(start.0, size.0, SHAPE.d),
            range(start.1, size.1, SHAPE.h),
            range(start.2, size.2, SHAPE.w),
        ]]);
        let output = run(config(), &image);
        prop_assert!(!output.coarse_missed);
        prop_assert_eq!(output.mask, organ(&image));
    }
}
