//! What a sliding window can be asked for besides logits and a mask: mirroring, probabilities, masks of overlapping classes, a
//! region, full batches, a cost and a budget.

use burn::tensor::{Device, Tensor};
use medseg_inference::{
    Blend, Dhw, ForwardCost, InferenceError, MaskRule, Padding, Probabilities, SlidingWindowConfig,
};
use ndarray::{Array3, Array4, Axis, s};
use proptest::prelude::*;

/// Written out: the engine's must be the same bits.
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// That of medseg-transforms, over the channels.
fn softmax(mut logits: Array4<f32>) -> Array4<f32> {
    Probabilities::Softmax.apply(&mut logits);
    logits
}

fn texture(shape: Dhw<usize>) -> Array4<f32> {
    Array4::from_shape_fn((1, shape.d, shape.h, shape.w), |(_, z, y, x)| {
        ((z * 17 + y * 7 + x * 3) as f32 * 0.37).sin() * 2.0
    })
}

/// Three classes; the answer depends on where in the window a voxel lies.
fn position_dependent(windows: Tensor<5>) -> Tensor<5> {
    let device = windows.device();
    let [batch, _, d, h, w] = windows.dims();
    let ramp = Tensor::<1, burn::tensor::Int>::arange(0..(d * h * w) as i64, &device).float().sin();
    let ramp = ramp.reshape([1, 1, d, h, w]).expand([batch, 1, d, h, w]);
    Tensor::cat(vec![windows.clone() + ramp.clone(), windows * 1.5 - 0.2, ramp], 1)
}

fn first_of(classes: usize) -> impl FnMut(Tensor<5>) -> Tensor<5> {
    move |windows| position_dependent(windows).narrow(1, 0, classes)
}

fn logits(window: &SlidingWindowConfig, image: &Array4<f32>, classes: usize) -> Array4<f32> {
    window.init().unwrap().infer(image.view(), &Device::flex(), &mut first_of(classes)).logits().unwrap()
}

fn probabilities(
    window: &SlidingWindowConfig,
    image: &Array4<f32>,
    activation: Probabilities,
    classes: usize,
) -> Array4<f32> {
    let mut network = first_of(classes);
    window.init().unwrap().infer(image.view(), &Device::flex(), &mut network).probabilities(activation).unwrap()
}

fn mask(window: &SlidingWindowConfig, image: &Array4<f32>, classes: usize) -> Array3<u8> {
    let mut network = first_of(classes);
    window.init().unwrap().infer(image.view(), &Device::flex(), &mut network).mask(MaskRule::default()).unwrap()
}

fn close(a: &Array4<f32>, b: &Array4<f32>) -> bool {
    a.dim() == b.dim() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 2e-6)
}

/// The array turned round along some of its axes (0 the channel).
fn flipped(array: &Array4<f32>, axes: &[usize]) -> Array4<f32> {
    let mut view = array.view();
    axes.iter().for_each(|axis| view.invert_axis(Axis(*axis)));
    view.to_owned()
}

prop_compose! {
    fn windows()(
        roi in [1_usize..7, 1_usize..7, 1_usize..7],
        overlap in [0.0..0.9_f64, 0.0..0.9_f64, 0.0..0.9_f64],
        gaussian in any::<bool>(),
        batch in 1_usize..6,
        padding in prop_oneof![Just(Padding::Constant(0.5)), Just(Padding::Replicate), Just(Padding::Circular)],
        full_batches in any::<bool>(),
    ) -> SlidingWindowConfig {
        let blend = if gaussian { Blend::gaussian() } else { Blend::Constant };
        let (roi, overlap) = (Dhw::from(roi), Dhw::from(overlap));
        SlidingWindowConfig { roi, overlap, blend, batch, padding, full_batches, ..SlidingWindowConfig::default() }
    }
}

fn shapes() -> impl Strategy<Value = Dhw<usize>> {
    [1_usize..12, 1_usize..12, 1_usize..12].prop_map(Dhw::from)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn inside_a_region_nothing_changes_and_outside_is_background(
        window in windows(),
        shape in shapes(),
        corner in [0.0..1.0_f64, 0.0..1.0_f64, 0.0..1.0_f64],
        side in 1_usize..5,
        mirrored in any::<bool>(),
    ) {
        let window = window.with_mirror(Dhw { d: false, h: mirrored, w: false });
        let image = texture(shape);
        let corner = shape.zip(Dhw::from(corner)).map(|(size, at)| (size as f64 * at) as usize);
        let Dhw { d, h, w } = corner.zip(shape).map(|(start, size)| start..(start + side).min(size));
        let mut region = Array3::<u8>::zeros((shape.d, shape.h, shape.w));
        region.slice_mut(s![d, h, w]).fill(7);

        for classes in [1, 3] {
            let mut predicted = 0;
            let mut network = |windows: Tensor<5>| {
                predicted += windows.dims()[0];
                position_dependent(windows).narrow(1, 0, classes)
            };
            let got = window
                .init()
                .unwrap()
                .infer(image.view(), &Device::flex(), &mut network)
                .within(region.view())
                .mask(MaskRule::default())
                .unwrap();
            let want = mask(&window, &image, classes) * region.mapv(|inside| u8::from(inside != 0));
            prop_assert_eq!(got, want);
            let plan = window.init().unwrap().plan(shape).unwrap();
            let touching = plan.windows().filter(|at| {
                let end = at.end();
                region.indexed_iter().any(|((z, y, x), inside)| {
                    let (z, y, x) = (z as isize, y as isize, x as isize);
                    *inside != 0 && z >= at.start.d && z < end.d && y >= at.start.h && y < end.h && x >= at.start.w && x < end.w
                })
            });
            let (touching, times) = (touching.count(), if mirrored { 2 } else { 1 });
            let slots = if window.full_batches { touching.next_multiple_of(window.batch) } else { touching };
            prop_assert_eq!(predicted, slots * times);
        }
    }

    #[test]
    fn probabilities_and_class_masks_are_those_of_the_logits(window in windows(), shape in shapes()) {
        let image = texture(shape);
        let scores = logits(&window, &image, 3);
        prop_assert_eq!(probabilities(&window, &image, Probabilities::Sigmoid, 3), scores.mapv(sigmoid));
        let softmaxed = probabilities(&window, &image, Probabilities::Softmax, 3);
        prop_assert!(close(&softmaxed, &softmax(scores.clone())));

        let rule = MaskRule::default().with_threshold(0.6);
        let mut network = first_of(3);
        let masks = window.init().unwrap().infer(image.view(), &Device::flex(), &mut network).class_masks(rule.clone());
        for (class, mask) in masks.unwrap().axis_iter(Axis(0)).enumerate() {
            prop_assert_eq!(rule.apply(&scores.slice(s![class..=class, .., .., ..])).unwrap(), mask);
        }
    }

    #[test]
    fn full_batches_show_the_network_one_shape_and_change_nothing(window in windows(), shape in shapes()) {
        let image = texture(shape);
        let mut seen = Vec::new();
        let mut network = |windows: Tensor<5>| {
            seen.push(windows.dims());
            position_dependent(windows)
        };
        let full = window.with_full_batches(true).init().unwrap();
        let got = full.infer(image.view(), &Device::flex(), &mut network).logits().unwrap();
        prop_assert_eq!(got, logits(&window.with_full_batches(false), &image, 3));
        let Dhw { d, h, w } = window.roi;
        prop_assert!(seen.iter().all(|dims| *dims == [window.batch, 1, d, h, w]));
        let cost = full.plan(shape).unwrap().cost(&ForwardCost { in_channels: 1, out_channels: 3, flops: 10, bytes: 0 });
        prop_assert_eq!((cost.calls, cost.passes, cost.flops), (seen.len(), seen.len() * window.batch, 10 * cost.passes as u64));
    }

    #[test]
    fn a_network_of_voxels_is_the_same_mirrored(
        window in windows(),
        shape in shapes(),
        mirror in [any::<bool>(), any::<bool>(), any::<bool>()],
    ) {
        // With constant blending of one value per voxel the mean of its sigmoid is its sigmoid.
        let image = texture(shape);
        let mut calls = 0;
        let mut network = |windows: Tensor<5>| { calls += 1; windows };
        let window = window.with_mirror(Dhw::from(mirror));
        let got = window
            .init()
            .unwrap()
            .infer(image.view(), &Device::flex(), &mut network)
            .probabilities(Probabilities::Sigmoid)
            .unwrap();
        prop_assert!(close(&got, &image.mapv(sigmoid)));
        let plan = window.init().unwrap().plan(shape).unwrap();
        prop_assert_eq!(calls, plan.cost(&ForwardCost { in_channels: 1, out_channels: 1, flops: 0, bytes: 0 }).calls);
        prop_assert_eq!(calls, plan.batches() << mirror.iter().filter(|mirrored| **mirrored).count());
    }

    #[test]
    fn masks_of_mirrored_windows_are_those_of_their_probabilities(window in windows(), shape in shapes()) {
        let window = window.with_mirror(Dhw { d: true, h: false, w: true });
        let image = texture(shape);
        let one = probabilities(&window, &image, Probabilities::Sigmoid, 1);
        prop_assert_eq!(mask(&window, &image, 1), one.index_axis(Axis(0), 0).mapv(|p| u8::from(p >= 0.5)));

        let several = probabilities(&window, &image, Probabilities::Softmax, 3);
        prop_assert_eq!(mask(&window, &image, 3), MaskRule::default().apply(&several.view()).unwrap());
        prop_assert!(several.sum_axis(Axis(0)).iter().all(|sum| (sum - 1.0).abs() < 1e-5));
    }

    #[test]
    fn a_budget_is_used_up_and_kept(
        window in windows(), shape in shapes(), bytes in 0_u64..5000, budget in 0_u64..100_000, classes in 1_usize..20,
    ) {
        let network = ForwardCost { in_channels: 1, out_channels: classes, flops: 0, bytes };
        let needed = |batch| window.with_batch(batch).init().unwrap().plan(shape).unwrap().cost(&network).bytes_for_mask();
        match window.init().unwrap().within_budget(shape, &network, budget) {
            Ok(fitting) => {
                let fitting = fitting.config();
                prop_assert!(needed(fitting.batch) <= budget && fitting.batch <= window.batch);
                prop_assert!(fitting.batch == window.batch || needed(fitting.batch + 1) > budget);
                prop_assert_eq!(fitting.with_batch(window.batch), window);
            }
            Err(InferenceError::OverBudget { needed: least, budget: given }) => {
                prop_assert_eq!((least, given), (needed(1), budget));
                prop_assert!(least > budget);
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}

#[test]
fn mirrored_windows_are_turned_back_and_averaged_as_probabilities() {
    let window = SlidingWindowConfig::new(Dhw { d: 3, h: 4, w: 5 });
    let image = texture(window.roi);
    for (mirror, subsets) in [
        (Dhw { d: false, h: false, w: true }, vec![vec![], vec![3]]),
        (Dhw { d: true, h: true, w: false }, vec![vec![], vec![1], vec![2], vec![1, 2]]),
    ] {
        let mut want = Array4::<f32>::zeros((3, 3, 4, 5));
        for axes in &subsets {
            let one = logits(&window, &flipped(&image, axes), 3);
            want += &(softmax(flipped(&one, axes)) / subsets.len() as f32);
        }
        let got = probabilities(&window.with_mirror(mirror), &image, Probabilities::Softmax, 3);
        assert!(close(&got, &want), "{mirror:?}");
    }
}

#[test]
fn a_mirrored_image_gives_the_mirrored_result() {
    // 8 voxels in windows of 4 at 0, 2, 4: the same windows from either end.
    let window = SlidingWindowConfig::new(Dhw::splat(4)).with_overlap(0.5).with_blend(Blend::gaussian());
    let image = texture(Dhw::splat(8));
    let mirrored = window.with_mirror(Dhw::splat(true));
    for axes in [vec![1], vec![2, 3], vec![1, 2, 3]] {
        let of_flipped = |window: &SlidingWindowConfig| {
            flipped(&probabilities(window, &flipped(&image, &axes), Probabilities::Softmax, 3), &axes)
        };
        assert!(close(&of_flipped(&mirrored), &probabilities(&mirrored, &image, Probabilities::Softmax, 3)));
        assert!(!close(&of_flipped(&window), &probabilities(&window, &image, Probabilities::Softmax, 3)));
    }
}

#[test]
fn logits_of_mirrored_windows_are_refused() {
    let window = SlidingWindowConfig::new(Dhw::splat(4)).with_mirror(Dhw { d: false, h: false, w: true });
    let image = texture(Dhw::splat(4));
    let error =
        window.init().unwrap().infer(image.view(), &Device::flex(), &mut position_dependent).logits().unwrap_err();
    assert!(error.to_string().starts_with("mirror = [false, false, true]"), "{error}");
}

#[test]
fn a_network_that_changes_its_channels_between_mirror_images_is_refused() {
    let window = SlidingWindowConfig::new(Dhw::splat(4)).with_mirror(Dhw { d: false, h: false, w: true });
    let mut classes = 0;
    let mut network = |windows: Tensor<5>| {
        classes += 1;
        windows.repeat_dim(1, classes)
    };
    let image = texture(Dhw::splat(4));
    let rule = MaskRule::default();
    let error =
        window.init().unwrap().infer(image.view(), &Device::flex(), &mut network).mask(rule.clone()).unwrap_err();
    assert!(matches!(error, InferenceError::OutputChannels { expected: 1, got: 2 }), "{error}");
}

#[test]
fn regions_of_another_shape_or_without_a_voxel() {
    let window = SlidingWindowConfig::new(Dhw::splat(4)).init().unwrap();
    let (image, device) = (texture(Dhw::splat(8)), Device::flex());
    let mut never = |_: Tensor<5>| -> Tensor<5> { panic!("no window touches the region") };
    let rule = MaskRule::default().with_threshold(0.0);

    let wrong = Array3::zeros((8, 8, 9));
    let error = window.infer(image.view(), &device, &mut never).within(wrong.view()).mask(rule.clone()).unwrap_err();
    assert!(matches!(error, InferenceError::Shape { .. }), "{error}");

    let empty = Array3::zeros((8, 8, 8));
    let mask = window.infer(image.view(), &device, &mut never).within(empty.view()).mask(rule.clone()).unwrap();
    assert_eq!(mask, empty);
    let error =
        window.infer(image.view(), &device, &mut never).within(empty.view()).class_masks(rule.clone()).unwrap_err();
    assert!(matches!(error, InferenceError::EmptyRegion), "{error}");
}

#[test]
fn outside_a_region_probabilities_are_the_backgrounds() {
    let window = SlidingWindowConfig::new(Dhw::splat(4)).with_overlap(0.5);
    let (image, device) = (texture(Dhw::splat(8)), Device::flex());
    let mut region = Array3::zeros((8, 8, 8));
    region[[1, 2, 3]] = 1;
    for (activation, background) in
        [(Probabilities::Sigmoid, [0.0, 0.0, 0.0]), (Probabilities::Softmax, [1.0, 0.0, 0.0])]
    {
        let got = window
            .init()
            .unwrap()
            .infer(image.view(), &device, &mut position_dependent)
            .within(region.view())
            .probabilities(activation)
            .unwrap();
        let want = probabilities(&window, &image, activation, 3);
        for ((z, y, x), inside) in region.indexed_iter() {
            let classes = got.slice(s![.., z, y, x]);
            if *inside == 1 {
                assert_eq!(classes, want.slice(s![.., z, y, x]));
            } else {
                assert_eq!(classes.to_vec(), background);
            }
        }
    }
}
