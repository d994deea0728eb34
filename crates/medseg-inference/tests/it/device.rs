//! The sliding window that stays on the device is the one that goes over the host, bit for bit where the device rounds as the
//! host does.

use std::ops::ControlFlow;

use burn::tensor::{DType, Device, Int, Tensor};
use medseg_inference::{
    Blend, CascadeConfig, Dhw, ForwardCost, Geometry, InferenceError, MaskRule, Padding, Probabilities,
    SlidingWindowConfig, Stitch,
};
use ndarray::{Array3, Array4, ArrayView3, ShapeBuilder, s};
use proptest::prelude::*;

/// Irregular numbers, some of them equal.
fn texture(channels: usize, shape: Dhw<usize>) -> Array4<f32> {
    Array4::from_shape_fn((channels, shape.d, shape.h, shape.w), |(c, z, y, x)| {
        (((c * 31 + z * 17 + y * 7 + x * 3) as f32 * 0.37).sin() * 40.0).round() / 20.0
    })
}

/// Classes whose logits depend on where in the window a voxel lies, so that every weight matters.
fn position_dependent(windows: Tensor<5>, classes: usize) -> Tensor<5> {
    let [batch, channels, d, h, w] = windows.dims();
    let ramp = Tensor::<1, Int>::arange(0..(d * h * w) as i64, &windows.device()).float().sin();
    let ramp = ramp.reshape([1, 1, d, h, w]).expand([batch, 1, d, h, w]);
    let last = windows.narrow(1, channels - 1, 1);
    let class = |number: usize| match number % 3 {
        0 => last.clone() + ramp.clone(),
        1 => last.clone() * (1.5 - number as f32) - 0.2,
        _ => ramp.clone() * number as f32,
    };
    Tensor::cat((0..classes).map(class).collect(), 1)
}

/// The same strategy along every axis.
pub fn triples<T: Clone + std::fmt::Debug + 'static>(
    one: impl Strategy<Value = T> + Clone + 'static,
) -> BoxedStrategy<Dhw<T>> {
    (one.clone(), one.clone(), one).prop_map(|(d, h, w)| Dhw { d, h, w }).boxed()
}

prop_compose! {
    fn windows()(
        roi in triples(1_usize..8),
        overlap in triples(0.0..0.95_f64),
        blend in prop_oneof![Just(Blend::Constant), (0.05..0.6).prop_map(|sigma_scale| Blend::Gaussian { sigma_scale })],
        batch in 1_usize..6,
        padding in prop_oneof![Just(Padding::Constant(0.5)), Just(Padding::Replicate), Just(Padding::Circular)],
        mirror in prop_oneof![3 => Just([false; 3]), 1 => any::<[bool; 3]>()],
        full_batches in any::<bool>(),
    ) -> SlidingWindowConfig {
        let mirror = Dhw::from(mirror);
        SlidingWindowConfig { roi, overlap, blend, batch, padding, mirror, full_batches, stitch: Stitch::Host }
    }
}

/// Everything that a window can be asked for.
#[derive(Debug, PartialEq)]
struct Results {
    logits: Option<Array4<f32>>,
    softmax: Array4<f32>,
    sigmoid: Array4<f32>,
    mask: Array3<u8>,
    class_masks: Array4<u8>,
    mask_inside: Array3<u8>,
    softmax_inside: Option<Array4<f32>>,
    class_masks_inside: Option<Array4<u8>>,
}

fn results(window: &SlidingWindowConfig, image: &Array4<f32>, region: ArrayView3<u8>, classes: usize) -> Results {
    let (device, rule, image) = (Device::flex(), MaskRule::default().with_threshold(0.6), image.view());
    let mut network = |windows: Tensor<5>| position_dependent(windows, classes);
    let mirrored = window.mirror.to_array().contains(&true);
    let window = window.init().unwrap();

    Results {
        logits: (!mirrored).then(|| window.infer(image, &device, &mut network).logits().unwrap()),
        softmax: window.infer(image, &device, &mut network).probabilities(Probabilities::Softmax).unwrap(),
        sigmoid: window.infer(image, &device, &mut network).probabilities(Probabilities::Sigmoid).unwrap(),
        mask: window.infer(image, &device, &mut network).mask(rule.clone()).unwrap(),
        class_masks: window.infer(image, &device, &mut network).class_masks(rule.clone()).unwrap(),
        mask_inside: window.infer(image, &device, &mut network).within(region).mask(rule.clone()).unwrap(),
        softmax_inside: window
            .infer(image, &device, &mut network)
            .within(region)
            .probabilities(Probabilities::Softmax)
            .ok(),
        class_masks_inside: window.infer(image, &device, &mut network).within(region).class_masks(rule.clone()).ok(),
    }
}

fn close(a: &Array4<f32>, b: &Array4<f32>) -> bool {
    a.dim() == b.dim() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_device_gives_what_the_host_gives(
        window in windows(),
        shape in triples(1_usize..14),
        channels in 1_usize..3,
        classes in 1_usize..5,
        corner in triples(0.0..1.0_f64),
        side in 0_usize..5,
    ) {
        let image = texture(channels, shape);
        let corner = shape.zip(corner).map(|(size, at)| (size as f64 * at) as usize);
        let Dhw { d, h, w } = corner.zip(shape).map(|(start, size)| start..(start + side).min(size));
        let mut region = Array3::<u8>::zeros((shape.d, shape.h, shape.w));
        region.slice_mut(s![d, h, w]).fill(3);

        let mut host = results(&window, &image, region.view(), classes);
        let mut device = results(&window.with_stitch(Stitch::Device), &image, region.view(), classes);
        // Exponentials are the backend's there.
        prop_assert!(close(&device.softmax, &host.softmax) && close(&device.sigmoid, &host.sigmoid));
        prop_assert_eq!(device.softmax_inside.is_some(), side > 0);
        if let (Some(device), Some(host)) = (&device.softmax_inside, &host.softmax_inside) {
            prop_assert!(close(device, host));
        }
        for results in [&mut host, &mut device] {
            results.softmax = Array4::zeros((0, 0, 0, 0));
            results.sigmoid = Array4::zeros((0, 0, 0, 0));
            results.softmax_inside = None;
        }
        prop_assert_eq!(device, host);
    }

    #[test]
    fn neither_threads_nor_batches_change_a_bit(window in windows(), shape in triples(1_usize..14)) {
        let window = window.with_stitch(Stitch::Device).with_mirror(Dhw::splat(false));
        let image = texture(1, shape);
        let predict = |batch: usize, threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let window = window.with_batch(batch);
            let mut network = |windows| position_dependent(windows, 2);
            pool.install(|| window.init().unwrap().infer(image.view(), &Device::flex(), &mut network).logits().unwrap())
        };
        let reference = predict(1, 1);
        for batch in [2, 5, 1000] {
            prop_assert_eq!(&predict(batch, 7), &reference, "batch {}", batch);
        }
    }
}

#[test]
fn the_choice_goes_to_files_only_if_made() {
    let window = SlidingWindowConfig::new(Dhw::splat(4));
    assert!(!serde_json::to_string(&window).unwrap().contains("stitch"));
    for stitch in [Stitch::Host, Stitch::Device] {
        let text = serde_json::to_string(&window.with_stitch(stitch)).unwrap();
        assert_eq!(serde_json::from_str::<SlidingWindowConfig>(&text).unwrap(), window.with_stitch(stitch));
    }
}

#[test]
fn a_view_of_any_layout_is_uploaded() {
    let window = SlidingWindowConfig::new(Dhw::splat(4)).with_overlap(0.5).with_stitch(Stitch::Device);
    let image = texture(2, Dhw { d: 7, h: 8, w: 9 });
    let predict = |image: ndarray::ArrayView4<f32>| {
        let network = &mut |windows: Tensor<5>| position_dependent(windows, 2);
        window.init().unwrap().infer(image, &Device::flex(), network).logits().unwrap()
    };
    let want = predict(image.view());
    let mut fortran = Array4::zeros(image.raw_dim().f());
    fortran.assign(&image);
    assert_eq!(predict(fortran.view()), want);
    let mut larger = texture(2, Dhw { d: 20, h: 20, w: 20 });
    larger.slice_mut(s![.., 3..10, 4..12, 5..14]).assign(&image);
    assert_eq!(predict(larger.slice(s![.., 3..10, 4..12, 5..14])), want);
}

#[test]
fn reflected_windows_that_reach_outside() {
    let window = SlidingWindowConfig::new(Dhw { d: 6, h: 8, w: 5 }).with_padding(Padding::Reflect).with_overlap(0.4);
    let image = texture(1, Dhw { d: 5, h: 6, w: 11 });
    let predict = |stitch| {
        let network = &mut |windows: Tensor<5>| position_dependent(windows, 3);
        window.with_stitch(stitch).init().unwrap().infer(image.view(), &Device::flex(), network).logits().unwrap()
    };
    assert_eq!(predict(Stitch::Device), predict(Stitch::Host));
}

#[test]
fn the_first_of_equal_logits_wins_up_to_the_largest_numbers() {
    // Channels by voxel; whichever way, labels are those of the rule on the logits.
    let values = [-0.0, -1.0, 0.0, 2.0, f32::MIN, f32::MAX];
    let image = Array4::from_shape_fn((3, 6, 6, 6), |(c, z, y, x)| values[[z, y, x][c]]);
    let window = SlidingWindowConfig::new(Dhw::splat(6)).with_stitch(Stitch::Device);
    let (rule, device) = (MaskRule::default().with_threshold(0.5), Device::flex());
    for classes in 1..=3 {
        let network = &mut |windows: Tensor<5>| windows.narrow(1, 0, classes);
        let mask = window.init().unwrap().infer(image.view(), &device, network).mask(rule.clone()).unwrap();
        assert_eq!(mask, rule.apply(&image.slice(s![..classes, .., .., ..])).unwrap(), "{classes} classes");
    }
    for threshold in [0.0, 1.0] {
        let network = &mut |windows: Tensor<5>| windows.narrow(1, 0, 1);
        let rule = MaskRule::default().with_threshold(threshold);
        let mask = window.init().unwrap().infer(image.view(), &device, network).mask(rule.clone()).unwrap();
        assert_eq!(mask, rule.apply(&image.slice(s![..1, .., .., ..])).unwrap(), "threshold {threshold}");
    }
}

#[test]
fn labels_reach_255_and_no_further() {
    let window = SlidingWindowConfig::new(Dhw::splat(2)).with_stitch(Stitch::Device);
    let image = texture(1, Dhw::splat(3));
    let predict = |classes: usize| {
        let network = &mut |windows: Tensor<5>| {
            let zeros = windows.zeros_like().repeat_dim(1, classes - 1);
            Tensor::cat(vec![zeros, windows.ones_like()], 1)
        };
        window.init().unwrap().infer(image.view(), &Device::flex(), network).mask(MaskRule::default())
    };
    assert!(predict(256).unwrap().iter().all(|label| *label == 255));
    assert!(matches!(predict(257), Err(InferenceError::TooManyClasses { channels: 257 })));
}

#[test]
fn predictors_may_answer_in_half_precision_or_with_a_graph() {
    let window = SlidingWindowConfig::new(Dhw::splat(4)).with_overlap(0.5).with_blend(Blend::gaussian());
    let image = texture(1, Dhw { d: 7, h: 5, w: 9 });
    let predict = |stitch, device: &Device, dtype: DType| {
        let network = &mut |windows: Tensor<5>| {
            let logits = position_dependent(windows, 2).cast(dtype);
            if device.is_autodiff() { logits.require_grad() * 1.0 } else { logits }
        };
        window.with_stitch(stitch).init().unwrap().infer(image.view(), device, network).logits().unwrap()
    };
    for device in [Device::flex(), Device::flex().autodiff()] {
        for dtype in [DType::F32, DType::BF16] {
            assert_eq!(predict(Stitch::Device, &device, dtype), predict(Stitch::Host, &device, dtype), "{dtype:?}");
        }
    }
}

#[test]
fn what_goes_wrong_in_the_middle_reaches_the_caller() {
    let window = SlidingWindowConfig::new(Dhw::splat(4)).with_overlap(0.0).with_batch(2).with_stitch(Stitch::Device);
    let (image, device) = (texture(1, Dhw::splat(8)), Device::flex());
    let mut calls = 0;
    let mut failing = |windows: Tensor<5>| {
        calls += 1;
        if calls == 3 { Err("no more") } else { Ok(windows) }
    };
    let error = window.init().unwrap().infer(image.view(), &device, &mut failing).logits().unwrap_err();
    assert!(matches!(error, InferenceError::Predictor(_)), "{error}");
    assert_eq!(calls, 3);

    let mut classes = 0;
    let mut changing = |windows: Tensor<5>| {
        classes += 1;
        windows.repeat_dim(1, classes)
    };
    let error = window.init().unwrap().infer(image.view(), &device, &mut changing).logits().unwrap_err();
    assert!(matches!(error, InferenceError::OutputChannels { expected: 1, got: 2 }), "{error}");

    let mut seen = Vec::new();
    let mut stop = |done: usize, total: usize| {
        seen.push((done, total));
        if done == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let error = window
        .init()
        .unwrap()
        .infer(image.view(), &device, &mut |windows: Tensor<5>| windows)
        .progress(&mut stop)
        .logits()
        .unwrap_err();
    assert!(matches!(error, InferenceError::Cancelled { done: 4, total: 8 }), "{error}");
    assert_eq!(seen, [(0, 8), (2, 8), (4, 8)]);
}

#[test]
fn the_devices_memory_is_counted_and_a_budget_kept() {
    let window = SlidingWindowConfig::new(Dhw { d: 8, h: 10, w: 12 }).with_overlap(0.5).with_batch(3);
    let shape = Dhw { d: 40, h: 20, w: 24 };
    let plan = window.init().unwrap().plan(shape).unwrap();
    let memory = plan.device_memory(2, 5);
    let (roi, image) = (8 * 10 * 12, 40 * 20 * 24);
    assert_eq!(memory.volume, 2 * 4 * image);
    assert_eq!(memory.windows, 2 * 2 * 3 * 4 * roi);
    assert_eq!(memory.logits, 5 * 3 * 4 * roi);
    assert_eq!(memory.accumulator, plan.memory(2, 5).accumulator);
    // The depth is the slowest axis, the height the fastest.
    assert_eq!(memory.weights, 4 * (roi + 8 * 20 * 24));
    assert_eq!(memory.row, 5 * 4 * (4 * 8 * 20 * 12 + 3 * roi));
    assert_eq!(memory.result, 2 * 5 * 4 * 8 * 20 * 12 + (64 << 20));
    let mirrored = window.with_mirror(Dhw::splat(true)).init().unwrap().plan(shape).unwrap().device_memory(2, 5);
    assert_eq!(mirrored.logits, 3 * memory.logits);

    let network = ForwardCost { in_channels: 2, out_channels: 5, flops: 0, bytes: 1 << 20 };
    let window = window.with_stitch(Stitch::Device);
    let needed = |batch| window.with_batch(batch).init().unwrap().plan(shape).unwrap().cost(&network).bytes_on_device();
    assert_eq!(needed(3), memory.total() + 3 * network.bytes);
    assert_eq!(window.init().unwrap().within_budget(shape, &network, needed(2)).unwrap().config().batch, 2);
    let error = window.init().unwrap().within_budget(shape, &network, needed(1) - 1).unwrap_err();
    assert!(matches!(error, InferenceError::OverBudget { needed: least, .. } if least == needed(1)), "{error}");
}

#[test]
fn a_cascade_draws_on_the_device() {
    let mut image = Array3::<f32>::zeros((24, 20, 28));
    image.slice_mut(s![8..14, 5..12, 10..20]).fill(1.0);
    let output = |stitch| {
        let window = SlidingWindowConfig::new(Dhw::splat(8)).with_overlap(0.5).with_stitch(stitch);
        let network = &mut |windows: Tensor<5>| windows - 0.5;
        let cascade = CascadeConfig::safe().init(Dhw::splat(12), &window).unwrap();
        let device = Device::flex();
        cascade
            .infer(image.view(), &Geometry::from_spacing(Dhw::splat(1.0)).unwrap(), &device)
            .predict(&mut network.clone(), network)
            .unwrap()
    };
    assert_eq!(output(Stitch::Device).mask, image.mapv(|v| v as u8));
    assert_eq!(output(Stitch::Device), output(Stitch::Host));
}
