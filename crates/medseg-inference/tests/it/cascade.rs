//! The two-stage cascade with predictors whose answers are known.

use std::ops::ControlFlow;

use burn::tensor::{Device, Tensor};
use medseg_inference::{
    Blend, BoxDhw, Cascade, CascadeConfig, CascadeOutput, Dhw, Fallback, FallbackReason, Geometry, Growth,
    InferenceError, MaskRule, SlidingWindowConfig,
};
use ndarray::{Array3, s};
use proptest::prelude::*;

const SHAPE: Dhw<usize> = Dhw { d: 40, h: 48, w: 36 };
fn grid() -> Geometry {
    Geometry::from_spacing(Dhw { d: 2.0, h: 1.0, w: 1.0 }).unwrap()
}

/// Foreground where the intensity is at least one half.
fn threshold(windows: Tensor<5>) -> Tensor<5> {
    (windows - 0.5) * 20.0
}

const COARSE: Dhw<usize> = Dhw { d: 20, h: 16, w: 18 };

fn config() -> CascadeConfig {
    CascadeConfig::reference()
}

fn window() -> SlidingWindowConfig {
    SlidingWindowConfig::new(Dhw { d: 16, h: 12, w: 16 }).with_blend(Blend::gaussian())
}

fn cascade(config: CascadeConfig) -> Cascade {
    config.init(COARSE, &window()).unwrap()
}

fn image_with(parts: &[[std::ops::Range<usize>; 3]]) -> Array3<f32> {
    let mut image = Array3::zeros((SHAPE.d, SHAPE.h, SHAPE.w));
    for [d, h, w] in parts {
        image.slice_mut(s![d.clone(), h.clone(), w.clone()]).fill(1.0);
    }
    image
}

fn run(config: CascadeConfig, image: &Array3<f32>) -> CascadeOutput {
    cascade(config).infer(image.view(), &grid(), &Device::flex()).predict(&mut threshold, &mut threshold).unwrap()
}

fn organ(image: &Array3<f32>) -> Array3<u8> {
    image.mapv(|v| u8::from(v >= 0.5))
}

fn end(region: &BoxDhw) -> [isize; 3] {
    let (start, size) = (region.start.to_array(), region.size.to_array());
    [0, 1, 2].map(|axis| start[axis] + size[axis] as isize)
}

#[test]
fn the_reference_preset_has_the_values_of_the_reference_experiments() {
    let reference = CascadeConfig::reference();
    assert_eq!(reference.coarse_margin, Dhw::splat(2));
    assert_eq!(
        (reference.rule, reference.min_component_share, reference.margin_mm),
        (MaskRule::default().with_threshold(0.5), 0.0, 0.0)
    );
    assert_eq!(reference.growth, None);
    let window = SlidingWindowConfig::default();
    assert_eq!((window.roi, window.overlap, window.batch), (Dhw::splat(128), Dhw::splat(0.25), 4));
    assert_eq!(window.blend, Blend::Constant);
}

#[test]
fn an_organ_in_the_middle_is_found_and_drawn_on_the_inputs_grid() {
    let image = image_with(&[[12..26, 15..30, 8..24]]);
    let output = run(config(), &image);
    assert_eq!(output.mask, organ(&image));
    assert!(!output.report.coarse_missed && output.report.fallback.is_none());
    // Coarse voxels are 2 x 3 x 2 of the image's. Height 15..30 is 5..10 there, 3..12 with the margin, 9..36 here; the other two axes
    // alike.
    assert_eq!((output.report.roi.start, end(&output.report.roi)), (Dhw { d: 8, h: 9, w: 4 }, [30, 36, 28]));
    assert_eq!(output.coarse_mask(), organ(&image)); // edges lie on the coarse grid
}

#[test]
fn the_fine_network_sees_the_box_only() {
    let image = image_with(&[[12..26, 15..30, 8..24]]);
    let mut voxels = 0;
    let mut fine = |windows: Tensor<5>| {
        voxels += windows.dims()[0];
        windows
    };
    let cascade = config().init(COARSE, &SlidingWindowConfig::new(Dhw::splat(64))).unwrap();
    let output = cascade.infer(image.view(), &grid(), &Device::flex()).predict(&mut threshold, &mut fine).unwrap();
    assert_eq!(voxels, 1); // one window, padded
    // The identity's logit 0 is foreground: the whole box, and nothing outside.
    let inside = output.report.roi.size.to_array().iter().product::<usize>();
    assert_eq!(output.mask.iter().filter(|&&label| label == 1).count(), inside);
    assert!(inside < image.len());
}

#[test]
fn an_organ_at_the_edge_gets_a_box_clipped_to_the_image() {
    let image = image_with(&[[0..7, 30..48, 0..10]]);
    let output = run(config(), &image);
    assert_eq!(output.mask, organ(&image));
    assert_eq!((output.report.roi.start.d, output.report.roi.start.w, end(&output.report.roi)[1]), (0, 0, 48));
}

#[test]
fn a_tiny_organ_that_the_coarse_grid_shows_is_drawn() {
    let image = image_with(&[[20..22, 18..21, 10..12]]); // one coarse voxel
    let output = run(config(), &image);
    assert_eq!(output.mask, organ(&image));
    assert_eq!(output.report.roi.size, Dhw { d: 10, h: 15, w: 10 });
}

#[test]
fn an_organ_that_the_coarse_grid_does_not_show_is_drawn_by_the_fallback() {
    let image = image_with(&[[21..22, 20..21, 11..12]]); // a twelfth of a coarse voxel
    let output = run(config(), &image);
    assert!(output.report.coarse_missed);
    assert_eq!(output.report.fallback, Some(FallbackReason::CoarseMissed));
    assert_eq!(output.coarse_mask().sum(), 0);
    assert_eq!((output.report.roi.start, output.report.roi.size), (Dhw::splat(0), SHAPE));
    assert_eq!(output.mask, organ(&image));
}

#[test]
fn without_fallback_an_empty_coarse_mask_gives_an_empty_mask() {
    let image = image_with(&[[21..22, 20..21, 11..12]]);
    let mut fine = |_: Tensor<5>| Err::<Tensor<5>, _>("the fine network must not run");
    let cascade = cascade(CascadeConfig { fallback: Fallback::EmptyMask, ..config() });
    let output = cascade.infer(image.view(), &grid(), &Device::flex()).predict(&mut threshold, &mut fine).unwrap();
    assert!(output.report.coarse_missed && output.report.fallback.is_none());
    assert_eq!((output.mask.sum(), output.report.roi.size), (0, Dhw::splat(0)));
}

#[test]
fn an_absent_organ_gives_an_empty_mask() {
    let output = run(config(), &image_with(&[]));
    assert!(output.report.coarse_missed);
    assert_eq!(output.report.fallback, Some(FallbackReason::CoarseMissed));
    assert_eq!(output.mask.sum(), 0);
}

#[test]
fn two_parts_share_a_box_unless_only_the_largest_counts() {
    let parts = [[4..18, 3..18, 4..16], [32..36, 36..42, 28..34]];
    let image = image_with(&parts);
    let both = run(config(), &image);
    assert_eq!(both.mask, organ(&image));

    let largest = run(CascadeConfig { min_component_share: 1.0, ..config() }, &image);
    assert_eq!(largest.mask, organ(&image_with(&parts[..1])));
    assert_eq!(largest.coarse_mask(), organ(&image_with(&parts[..1])));
    assert!(end(&largest.report.roi)[0] < 32);
}

#[test]
fn the_fine_network_gets_the_coarse_mask_as_its_last_channel() {
    let image = image_with(&[[12..26, 15..30, 8..24], [30..33, 40..43, 30..33]]);
    let config = CascadeConfig { mask_channel: true, min_component_share: 1.0, ..CascadeConfig::safe() };
    assert_eq!((config.fine_channels(1), CascadeConfig::safe().fine_channels(3)), (2, 3));
    let device = Device::flex();
    let by = |channel: usize, probabilities: bool| {
        let mut fine = |windows: Tensor<5>| {
            assert_eq!(windows.dims()[1], 2);
            threshold(windows.narrow(1, channel, 1))
        };
        let inference = cascade(config.clone()).infer(image.view(), &grid(), &device).with_probabilities(probabilities);
        inference.predict(&mut threshold, &mut fine).unwrap()
    };
    for probabilities in [false, true] {
        let mask = by(1, probabilities);
        assert!(mask.mask.iter().any(|label| *label == 1) && mask.mask == mask.coarse_mask());
        assert_eq!(by(0, probabilities).mask, run(config.clone().with_mask_channel(false), &image).mask);
    }
}

#[test]
fn both_networks_get_all_channels_of_an_image() {
    // The organ is in the second channel, the first one is noise.
    let organ = image_with(&[[12..26, 15..30, 8..24]]);
    let noise = organ.mapv(|value| 0.3 - value);
    let image = ndarray::stack(ndarray::Axis(0), &[noise.view(), organ.view()]).unwrap();
    let device = Device::flex();
    for mask_channel in [false, true] {
        let config = config().with_mask_channel(mask_channel);
        let mut coarse = |windows: Tensor<5>| {
            assert_eq!(windows.dims()[1], 2);
            threshold(windows.narrow(1, 1, 1))
        };
        let mut fine = |windows: Tensor<5>| {
            assert_eq!(windows.dims()[1], 2 + usize::from(mask_channel));
            threshold(windows.narrow(1, 1, 1))
        };
        let inference = cascade(config.clone()).infer_channels(image.view(), &grid(), &device);
        let output = inference.predict(&mut coarse, &mut fine).unwrap();
        assert_eq!(output.mask, run(config.with_mask_channel(false), &organ).mask, "{mask_channel}");
    }
    let nothing = ndarray::Array4::<f32>::zeros((0, 4, 4, 4));
    let empty = cascade(config()).infer_channels(nothing.view(), &grid(), &device).locate(&mut threshold);
    assert!(matches!(empty, Err(InferenceError::EmptyImage { channels: 0, .. })));
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
    let output = cascade(config())
        .infer(image.view(), &grid(), &Device::flex())
        .predict(&mut classes.clone(), &mut classes)
        .unwrap();
    assert_eq!(output.mask, image.mapv(|v| v as u8));
}

#[test]
fn errors_of_either_network_reach_the_caller() {
    let image = image_with(&[[12..26, 15..30, 8..24]]);
    let cascade = cascade(config());
    let mut broken = |_: Tensor<5>| Err::<Tensor<5>, _>("out of memory");
    let mut flat = |windows: Tensor<5>| windows.narrow(2, 0, 1);
    let device = Device::flex();
    let error = cascade.infer(image.view(), &grid(), &device).predict(&mut broken, &mut threshold).unwrap_err();
    assert_eq!(std::error::Error::source(&error).expect("a cause").to_string(), "out of memory");
    let error = cascade.infer(image.view(), &grid(), &device).predict(&mut threshold, &mut broken).unwrap_err();
    assert_eq!(std::error::Error::source(&error).expect("a cause").to_string(), "out of memory");
    let error = cascade.infer(image.view(), &grid(), &device).predict(&mut flat, &mut threshold).unwrap_err();
    assert!(matches!(error, InferenceError::OutputShape { got: [1, 1, 1, 16, 18], .. }), "{error}");
    let empty = Array3::<f32>::zeros((0, 4, 4));
    let error = cascade.infer(empty.view(), &grid(), &device).predict(&mut threshold, &mut threshold).unwrap_err();
    assert!(matches!(error, InferenceError::EmptyImage { .. }), "{error}");
}

#[test]
fn wrong_parameters_are_errors_that_name_them() {
    let wrong = [
        ("threshold", CascadeConfig { rule: MaskRule::default().with_threshold(1.5), ..config() }),
        ("threshold", CascadeConfig { rule: MaskRule::default().with_threshold(f32::NAN), ..config() }),
        ("margin_mm", CascadeConfig { margin_mm: -1.0, ..config() }),
        ("min_component_share", CascadeConfig { min_component_share: 1.5, ..config() }),
        ("min_coarse_ml", CascadeConfig { min_coarse_ml: f64::NAN, ..config() }),
        ("growth.step_mm", CascadeConfig { growth: Some(Growth { rounds: 1, step_mm: -1.0 }), ..config() }),
    ];
    for (parameter, config) in wrong {
        let message = config.init(COARSE, &window()).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{parameter} = ")), "{message}");
    }
    let error = |coarse_size, window| config().init(coarse_size, &window).unwrap_err();
    let flat = error(Dhw { d: 0, h: 4, w: 4 }, window()).to_string();
    assert!(flat.starts_with("coarse_size = "), "{flat}");
    let no_batch = error(COARSE, window().with_batch(0)).to_string();
    assert!(no_batch.starts_with("batch = "), "{no_batch}");
    assert!(matches!(error(Dhw::splat(usize::MAX), window()), InferenceError::TooLarge { .. }));
}

#[test]
fn a_coarse_network_that_finds_nothing_leaves_the_whole_image_to_the_fine_one() {
    let image = image_with(&[[12..26, 15..30, 8..24]]);
    let mut lost = |windows: Tensor<5>| windows * 0.0 - 1.0;
    let output =
        cascade(config()).infer(image.view(), &grid(), &Device::flex()).predict(&mut lost, &mut threshold).unwrap();
    assert_eq!(output.report.fallback, Some(FallbackReason::CoarseMissed));
    assert_eq!(output.mask, organ(&image));
}

#[test]
fn progress_counts_the_coarse_pass_and_can_stop_the_run() {
    let image = image_with(&[[12..26, 15..30, 8..24]]);
    let cascade = cascade(config());
    let mut seen = Vec::new();
    let mut watch = |done: usize, total: usize| seen.push((done, total));
    let output = cascade
        .infer(image.view(), &grid(), &Device::flex())
        .progress(&mut watch)
        .predict(&mut threshold, &mut threshold)
        .unwrap();
    let windows = window().init().unwrap().plan(output.report.roi.size).unwrap().len();
    assert_eq!((seen[0], seen[seen.len() - 1]), ((1, 1 + windows), (1 + windows, 1 + windows)));

    let mut stop = |_: usize, _: usize| ControlFlow::Break(());
    let error = cascade
        .infer(image.view(), &grid(), &Device::flex())
        .progress(&mut stop)
        .predict(&mut threshold, &mut threshold)
        .unwrap_err();
    assert!(matches!(error, InferenceError::Cancelled { .. }), "{error}");
}

#[test]
fn configurations_survive_a_round_trip() {
    let config = CascadeConfig { fallback: Fallback::EmptyMask, min_component_share: 1.0, ..config() };
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<CascadeConfig>(&text).unwrap(), config);
    assert_eq!(serde_json::from_str::<CascadeConfig>("{}").unwrap(), CascadeConfig::safe());
    assert!(serde_json::from_str::<CascadeConfig>(r#"{"margin": 2}"#).is_err());
}

/// A coarse network that sees the image up to some depth of its grid only.
fn blind_from(depth: usize) -> impl FnMut(Tensor<5>) -> Tensor<5> {
    move |windows: Tensor<5>| {
        let [n, c, d, h, w] = windows.dims();
        let seen = threshold(windows.clone().narrow(2, 0, depth));
        let blind = Tensor::<5>::ones([n, c, d - depth, h, w], &windows.device()) * -9.0;
        Tensor::cat(vec![seen, blind], 2)
    }
}

fn run_blind(config: CascadeConfig, image: &Array3<f32>, depth: usize) -> CascadeOutput {
    cascade(config)
        .infer(image.view(), &grid(), &Device::flex())
        .predict(&mut blind_from(depth), &mut threshold)
        .unwrap()
}

#[test]
fn the_margin_is_counted_in_millimetres_too() {
    let image = image_with(&[[12..26, 15..30, 8..24]]);
    let output = run(CascadeConfig { margin_mm: 3.0, ..config() }, &image);
    // 8..30 with a margin of 2 voxels of the coarse grid; 3 mm are 2 voxels of 2 mm, 3 of 1 mm.
    assert_eq!((output.report.roi.start, end(&output.report.roi)), (Dhw { d: 6, h: 6, w: 1 }, [32, 39, 31]));
}

#[test]
fn a_cut_organ_makes_the_box_grow_until_it_is_whole() {
    let image = image_with(&[[4..38, 15..30, 8..24]]);
    let growth = Growth { rounds: 3, step_mm: 8.0 };
    let cut = run_blind(config(), &image, 8);
    assert_eq!(end(&cut.report.roi)[0], 20);
    assert_eq!(cut.mask.iter().filter(|&&label| label == 1).count(), 16 * 15 * 16);

    let grown = run_blind(CascadeConfig { growth: Some(growth), ..config() }, &image, 8);
    assert_eq!(grown.mask, organ(&image));
    // Only the face that is touched moves: by 4 voxels, 8, and 16, which the border stops.
    assert_eq!((grown.report.roi_grown, end(&grown.report.roi)), (3, [40, 36, 28]));
    assert_eq!(grown.report.coarse_roi, cut.report.roi);
    assert_eq!((grown.report.fallback, grown.report.coarse_missed), (None, false));
    assert!(grown.report.windows > cut.report.windows);

    let once = run_blind(CascadeConfig { growth: Some(Growth { rounds: 1, ..growth }), ..config() }, &image, 8);
    assert_eq!(once.mask, organ(&image));
    assert_eq!((once.report.roi_grown, once.report.fallback), (1, Some(FallbackReason::StillCut)));
    assert_eq!(once.report.roi, BoxDhw::whole(SHAPE));
}

#[test]
fn a_box_in_which_the_fine_network_finds_nothing_is_not_believed() {
    let image = image_with(&[[30..34, 15..30, 8..24]]);
    let mut mistaken = |windows: Tensor<5>| threshold(windows.flip([2]));
    let mut predict = |config| {
        cascade(config).infer(image.view(), &grid(), &Device::flex()).predict(&mut mistaken, &mut threshold).unwrap()
    };
    assert_eq!(predict(config()).mask.sum(), 0);
    let checked = predict(CascadeConfig { growth: Some(Growth::default()), ..config() });
    assert_eq!(checked.mask, organ(&image));
    assert_eq!(checked.report.fallback, Some(FallbackReason::FineEmpty));
    assert_eq!(checked.report.roi_grown, 0);
}

#[test]
fn an_implausibly_small_coarse_mask_counts_as_missed() {
    let image = image_with(&[[20..22, 18..21, 10..12]]); // one coarse voxel of 4 x 3 x 2 mm
    let just = run(CascadeConfig { min_coarse_ml: 0.024, ..config() }, &image);
    assert!(!just.report.coarse_missed && (just.report.coarse_ml - 0.024).abs() < 1e-12);
    let below = run(CascadeConfig { min_coarse_ml: 0.025, ..config() }, &image);
    assert!(below.report.coarse_missed);
    assert_eq!((below.report.roi, below.mask), (BoxDhw::whole(SHAPE), organ(&image)));
}

#[test]
fn progress_counts_the_rounds_of_growth_and_never_goes_back() {
    let image = image_with(&[[4..38, 15..30, 8..24]]);
    let cascade = cascade(CascadeConfig { growth: Some(Growth::default()), ..config() });
    let mut seen: Vec<(usize, usize)> = Vec::new();
    let mut watch = |done: usize, total: usize| seen.push((done, total));
    let device = Device::flex();
    let output = cascade
        .infer(image.view(), &grid(), &device)
        .progress(&mut watch)
        .predict(&mut blind_from(8), &mut threshold)
        .unwrap();
    assert!(output.report.roi_grown > 0);
    assert!(seen.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1), "{seen:?}");
    assert_eq!(seen.last(), Some(&(1 + output.report.windows, 1 + output.report.windows)));
}

/// Slices shifted by the tilt of a gantry: planes lie closer than their voxels.
#[test]
fn margins_and_volumes_are_measured_through_a_sheared_grid() {
    let image = image_with(&[[10..30, 12..28, 10..24]]);
    let (planes, shift) = (2.0, 2.0 * 40_f64.to_radians().tan());
    let affine = |shift| {
        Geometry::from_affine([
            [1.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, shift, 0.0],
            [0.0, 0.0, planes, 0.0],
            [0.0, 0.0, 0.0, 1.0],
        ])
        .unwrap()
    };
    let cascade = cascade(CascadeConfig { margin_mm: 6.0, ..config() });
    let located =
        |geometry: &Geometry| cascade.infer(image.view(), geometry, &Device::flex()).locate(&mut threshold).unwrap();
    let (straight, sheared) = (located(&affine(0.0)), located(&affine(shift)));
    assert!((sheared.report.coarse_ml - straight.report.coarse_ml).abs() < 1e-9);
    // Three planes of 2 mm either way, though neighbouring voxels of two slices lie 2.6 mm apart; more rows, as those of a
    // slice are closer at right angles to the tilted planes.
    assert_eq!(sheared.roi().size.d, straight.roi().size.d);
    assert!(sheared.roi().size.h > straight.roi().size.h);
    assert_eq!(sheared.roi().size.w, straight.roi().size.w);
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
        prop_assert!(!output.report.coarse_missed);
        prop_assert_eq!(output.mask, organ(&image));
    }
}
