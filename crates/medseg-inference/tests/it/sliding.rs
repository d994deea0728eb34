//! Properties of the sliding window, and what happens when something is wrong.

use std::ops::ControlFlow;

use burn::tensor::{Device, Tensor};
use medseg_inference::{Blend, Dhw, InferenceError, MaskRule, Padding, SlidingWindowConfig};
use ndarray::{Array4, Axis, ShapeBuilder};
use proptest::prelude::*;

fn identity(windows: Tensor<5>) -> Tensor<5> {
    windows
}

/// A predictor whose answer depends on where in the window a voxel lies, so that every weight matters; three classes.
fn position_dependent(windows: Tensor<5>) -> Tensor<5> {
    let device = windows.device();
    let [batch, channels, d, h, w] = windows.dims();
    let ramp = Tensor::<1, burn::tensor::Int>::arange(0..(d * h * w) as i64, &device).float().sin();
    let ramp = ramp.reshape([1, 1, d, h, w]).expand([batch, 1, d, h, w]);
    let first = windows.narrow(1, channels - 1, 1);
    Tensor::cat(vec![first.clone() + ramp.clone(), first * 1.5 - 0.2, ramp], 1)
}

fn texture(channels: usize, shape: Dhw<usize>) -> Array4<f32> {
    Array4::from_shape_fn((channels, shape.d, shape.h, shape.w), |(c, z, y, x)| {
        ((c * 31 + z * 17 + y * 7 + x * 3) as f32 * 0.37).sin() * 2.0
    })
}

fn run(
    sliding: &SlidingWindowConfig,
    image: &Array4<f32>,
    mut predictor: impl FnMut(Tensor<5>) -> Tensor<5>,
) -> Array4<f32> {
    sliding.init().expect("settings").infer(image.view(), &Device::flex(), &mut predictor).logits().expect("prediction")
}

fn blends() -> impl Strategy<Value = Blend> {
    prop_oneof![Just(Blend::Constant), (0.05..0.6).prop_map(|sigma_scale| Blend::Gaussian { sigma_scale })]
}

fn triples<T: Clone + std::fmt::Debug + 'static>(
    one: impl Strategy<Value = T> + Clone + 'static,
) -> BoxedStrategy<Dhw<T>> {
    (one.clone(), one.clone(), one).prop_map(|(d, h, w)| Dhw { d, h, w }).boxed()
}

prop_compose! {
    fn windows()(
        roi in triples(1_usize..8),
        overlap in triples(0.0..0.95_f64),
        blend in blends(),
        batch in 1_usize..6,
        padding in prop_oneof![Just(Padding::Constant(0.5)), Just(Padding::Replicate), Just(Padding::Circular)],
    ) -> SlidingWindowConfig {
        SlidingWindowConfig { roi, overlap, blend, batch, padding, ..SlidingWindowConfig::default() }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_identity_predictor_returns_its_input(sliding in windows(), shape in triples(1_usize..14), channels in 1_usize..3) {
        let image = texture(channels, shape);
        let logits = run(&sliding, &image, identity);
        prop_assert_eq!(logits.dim(), image.dim());
        for (got, want) in logits.iter().zip(&image) {
            prop_assert!((got - want).abs() <= 1e-5 * want.abs().max(1.0), "{} is not {}", got, want);
        }
    }

    #[test]
    fn logits_equal_a_plain_average_over_the_windows(sliding in windows(), shape in triples(1_usize..10)) {
        let sliding = sliding.with_padding(Padding::Constant(-1.0));
        let image = texture(1, shape);
        let want = plain_average(&sliding, &image, -1.0);
        let got = run(&sliding, &image, position_dependent);
        prop_assert!(got.iter().zip(&want).all(|(got, want)| (f64::from(*got) - want).abs() < 1e-5));
    }

    #[test]
    fn a_constant_predictor_gives_the_constant(sliding in windows(), shape in triples(1_usize..14)) {
        let logits = run(&sliding, &texture(1, shape), |windows| windows * 0.0 + 3.25);
        prop_assert!(logits.iter().all(|v| (v - 3.25).abs() < 1e-5));
    }

    #[test]
    fn windows_cover_every_voxel_and_stay_inside_the_padded_image(sliding in windows(), shape in triples(1_usize..14)) {
        let plan = sliding.init().unwrap().plan(shape).unwrap();
        prop_assert_eq!(plan.windows().len(), plan.len());
        for (starts, (size, (roi, (low, high)))) in [&plan.starts().d, &plan.starts().h, &plan.starts().w].into_iter().zip(
            shape.to_array().into_iter().zip(sliding.roi.to_array().into_iter().zip(plan.padding().to_array()))
        ) {
            let padded = size + low + high;
            prop_assert!(padded >= roi && (low + high == 0 || padded == roi) && low <= high && high <= low + 1);
            prop_assert!(starts.windows(2).all(|pair| pair[0] < pair[1] && pair[1] - pair[0] <= roi));
            prop_assert_eq!((starts[0], starts[starts.len() - 1] + roi), (0, padded));
        }
    }

    #[test]
    fn the_mask_of_the_slabs_is_the_mask_of_the_logits(sliding in windows(), shape in triples(1_usize..14)) {
        let image = texture(2, shape);
        let rule = MaskRule::default().with_threshold(0.6);
        for classes in [1, 3] {
            let mut predictor = |windows: Tensor<5>| position_dependent(windows).narrow(1, 0, classes);
            let logits = run(&sliding, &image, &mut predictor);
            let window = sliding.init().unwrap();
            let mask = window.infer(image.view(), &Device::flex(), &mut predictor).mask(rule.clone()).unwrap();
            prop_assert_eq!(rule.apply(&logits.view()).unwrap(), mask);
        }
    }

    #[test]
    fn neither_threads_nor_batches_change_a_bit(sliding in windows(), shape in triples(1_usize..14)) {
        let image = texture(1, shape);
        let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let many_threads = rayon::ThreadPoolBuilder::new().num_threads(7).build().unwrap();
        let reference = one_thread.install(|| run(&sliding.with_batch(1), &image, position_dependent));
        for batch in [2, 5, 1000] {
            let logits = many_threads.install(|| run(&sliding.with_batch(batch), &image, position_dependent));
            prop_assert_eq!(&logits, &reference, "batch {}", batch);
        }
    }
}

/// The weighted mean of the windows' logits in f64, written down as it is defined. Three classes.
fn plain_average(sliding: &SlidingWindowConfig, image: &Array4<f32>, outside: f32) -> Array4<f64> {
    let (_, d, h, w) = image.dim();
    let weights = sliding.blend.importance_map(sliding.roi).unwrap();
    let mut sums = Array4::<f64>::zeros((3, d, h, w));
    let mut norm = Array4::<f64>::zeros((1, d, h, w));
    for window in sliding.init().unwrap().plan(Dhw { d, h, w }).unwrap().windows() {
        let position = |z: usize, y: usize, x: usize| {
            let at = [window.start.d + z as isize, window.start.h + y as isize, window.start.w + x as isize];
            let inside = at.iter().zip([d, h, w]).all(|(&i, size)| (0..size as isize).contains(&i));
            inside.then(|| at.map(|i| i as usize))
        };
        let cut = Array4::from_shape_fn((1, sliding.roi.d, sliding.roi.h, sliding.roi.w), |(_, z, y, x)| {
            position(z, y, x).map_or(outside, |[d, h, w]| image[[0, d, h, w]])
        });
        let logits = run(&SlidingWindowConfig::new(sliding.roi), &cut, position_dependent);
        for ((z, y, x), &weight) in weights.indexed_iter() {
            if let Some([d, h, w]) = position(z, y, x) {
                norm[[0, d, h, w]] += f64::from(weight);
                for class in 0..3 {
                    sums[[class, d, h, w]] += f64::from(weight) * f64::from(logits[[class, z, y, x]]);
                }
            }
        }
    }
    sums / norm
}

#[test]
fn a_view_of_any_layout_is_accepted() {
    let sliding = SlidingWindowConfig::new(Dhw::splat(4)).with_overlap(0.5);
    let image = texture(2, Dhw { d: 7, h: 8, w: 9 });
    let mut fortran = Array4::zeros(image.raw_dim().f());
    fortran.assign(&image);
    let want = run(&sliding, &image, position_dependent);
    assert_eq!(run(&sliding, &fortran, position_dependent), want);

    let mut larger = texture(2, Dhw { d: 20, h: 20, w: 20 });
    larger.slice_mut(ndarray::s![.., 3..10, 4..12, 5..14]).assign(&image);
    let part = larger.slice(ndarray::s![.., 3..10, 4..12, 5..14]);
    let window = sliding.init().unwrap();
    let got = window.infer(part, &Device::flex(), &mut position_dependent).logits().unwrap();
    assert_eq!(got, want);
}

#[test]
fn wrong_parameters_are_errors_that_name_them() {
    let good = SlidingWindowConfig::new(Dhw::splat(4));
    let wrong = [
        ("roi", SlidingWindowConfig { roi: Dhw { d: 4, h: 0, w: 4 }, ..good }),
        ("overlap", good.with_overlap(1.0)),
        ("overlap", good.with_overlap(-0.1)),
        ("overlap", good.with_overlap(f64::NAN)),
        ("batch", good.with_batch(0)),
        ("blend.sigma_scale", good.with_blend(Blend::Gaussian { sigma_scale: 0.0 })),
        ("blend.sigma_scale", good.with_blend(Blend::Gaussian { sigma_scale: f64::INFINITY })),
    ];
    for (parameter, sliding) in wrong {
        let message = sliding.init().unwrap_err().to_string();
        assert!(message.starts_with(&format!("{parameter} = ")), "{message}");
    }
}

#[test]
fn images_without_voxels_or_too_small_for_reflection_are_errors() {
    let sliding = SlidingWindowConfig::new(Dhw::splat(4));
    assert!(matches!(sliding.init().unwrap().plan(Dhw { d: 4, h: 0, w: 4 }), Err(InferenceError::EmptyImage { .. })));
    let no_channel = Array4::<f32>::zeros((0, 4, 4, 4));
    let result = sliding.init().unwrap().infer(no_channel.view(), &Device::flex(), &mut identity).logits();
    assert!(matches!(result, Err(InferenceError::EmptyImage { channels: 0, .. })));

    let reflecting = sliding.with_padding(Padding::Reflect);
    assert!(reflecting.init().unwrap().plan(Dhw { d: 4, h: 3, w: 4 }).is_ok());
    assert!(matches!(
        reflecting.init().unwrap().plan(Dhw { d: 4, h: 1, w: 4 }),
        Err(InferenceError::ReflectionTooWide { .. })
    ));
    let huge = SlidingWindowConfig::new(Dhw::splat(usize::MAX / 2));
    assert!(matches!(huge.init().unwrap().plan(Dhw::splat(4)), Err(InferenceError::TooLarge { .. })));
}

#[test]
fn padding_shows_the_predictor_what_it_names() {
    let image = Array4::from_shape_vec((1, 1, 1, 3), vec![1.0, 2.0, 3.0]).unwrap();
    for (padding, want) in [
        (Padding::Constant(9.0), [9.0, 1.0, 2.0, 3.0, 9.0, 9.0]),
        (Padding::Reflect, [2.0, 1.0, 2.0, 3.0, 2.0, 1.0]),
        (Padding::Replicate, [1.0, 1.0, 2.0, 3.0, 3.0, 3.0]),
        (Padding::Circular, [3.0, 1.0, 2.0, 3.0, 1.0, 2.0]),
    ] {
        let sliding = SlidingWindowConfig::new(Dhw { d: 1, h: 1, w: 6 }).with_padding(padding);
        let logits = run(&sliding, &image, |windows| {
            assert_eq!(windows.to_data().as_slice::<f32>().unwrap(), want, "{padding:?}");
            windows
        });
        assert_eq!(logits, image);
    }
}

#[test]
fn the_predictors_error_reaches_the_caller() {
    let mut calls = 0;
    let mut predictor = |windows: Tensor<5>| {
        calls += 1;
        if calls == 2 { Err("the third device is on fire") } else { Ok(windows) }
    };
    let image = texture(1, Dhw::splat(8));
    let sliding = SlidingWindowConfig::new(Dhw::splat(4)).with_batch(2);
    let error = sliding.init().unwrap().infer(image.view(), &Device::flex(), &mut predictor).logits().unwrap_err();
    assert!(matches!(error, InferenceError::Predictor(_)));
    let source = std::error::Error::source(&error).expect("a cause");
    assert_eq!(source.to_string(), "the third device is on fire");
    assert_eq!(calls, 2);
}

#[test]
fn outputs_of_the_wrong_shape_are_errors() {
    let image = texture(1, Dhw::splat(8));
    let sliding = SlidingWindowConfig::new(Dhw::splat(4)).with_overlap(0.0).with_batch(3);
    let predict = |predictor: &mut dyn FnMut(Tensor<5>) -> Tensor<5>| {
        let mut network = |windows: Tensor<5>| predictor(windows);
        sliding.init().unwrap().infer(image.view(), &Device::flex(), &mut network).logits().unwrap_err()
    };
    let shorter = predict(&mut |windows| windows.narrow(4, 0, 3));
    assert!(matches!(shorter, InferenceError::OutputShape { got: [3, 1, 4, 4, 3], .. }), "{shorter}");
    let fewer = predict(&mut |windows| windows.narrow(0, 0, 1));
    assert!(matches!(fewer, InferenceError::OutputShape { got: [1, ..], .. }), "{fewer}");
    let mut first = true;
    let changing = predict(&mut |windows| {
        if std::mem::take(&mut first) { windows } else { windows.repeat_dim(1, 2) }
    });
    assert!(matches!(changing, InferenceError::OutputChannels { expected: 1, got: 2 }), "{changing}");
    let mut many = |windows: Tensor<5>| windows.repeat_dim(1, 257);
    let error =
        sliding.init().unwrap().infer(image.view(), &Device::flex(), &mut many).mask(MaskRule::default()).unwrap_err();
    assert!(matches!(error, InferenceError::TooManyClasses { channels: 257 }), "{error}");
}

#[test]
fn progress_counts_windows_and_can_stop_the_run() {
    let image = texture(1, Dhw::splat(8));
    let sliding = SlidingWindowConfig::new(Dhw::splat(4)).with_overlap(0.0).with_batch(3);
    let mut seen = Vec::new();
    let mut watch = |done: usize, total: usize| seen.push((done, total));
    let window = sliding.init().unwrap();
    window.infer(image.view(), &Device::flex(), &mut identity).progress(&mut watch).logits().unwrap();
    assert_eq!(seen, [(0, 8), (3, 8), (6, 8), (8, 8)]);

    let mut stop = |done: usize, _: usize| if done == 6 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let error = window.infer(image.view(), &Device::flex(), &mut identity).progress(&mut stop).logits().unwrap_err();
    assert!(matches!(error, InferenceError::Cancelled { done: 6, total: 8 }), "{error}");
}

#[test]
fn a_mask_of_another_shape_is_not_written() {
    let image = texture(1, Dhw::splat(8));
    let mut mask = ndarray::Array3::<u8>::zeros((8, 8, 9));
    let error = SlidingWindowConfig::new(Dhw::splat(4))
        .init()
        .unwrap()
        .infer(image.view(), &Device::flex(), &mut identity)
        .mask_into(MaskRule::default(), mask.view_mut())
        .unwrap_err();
    assert!(matches!(error, InferenceError::Shape { .. }), "{error}");
}

#[test]
fn the_plan_counts_the_memory_that_stitching_takes() {
    let plan =
        SlidingWindowConfig::new(Dhw { d: 8, h: 16, w: 16 }).init().unwrap().plan(Dhw { d: 64, h: 32, w: 12 }).unwrap();
    let memory = plan.memory(2, 5);
    assert_eq!(memory.windows, 4 * 4 * 2 * 8 * 16 * 16);
    assert_eq!(memory.logits, 4 * 4 * 5 * 8 * 16 * 16);
    // Depth is the longest axis, so the slowest; its windows start at 0, 6, ..., 54, 56 and share up to 6 planes; those along
    // the height at 0, 12 and 16 share up to 12 rows; along the width there is one window.
    assert_eq!(memory.accumulator, 4 * 5 * (6 * 32 * 16 + 8 * 12 * 16));
    assert_eq!(memory.for_logits() - memory.result_logits, memory.for_mask() - memory.result_mask);
    assert_eq!((memory.result_logits, memory.result_mask), (4 * 5 * 64 * 32 * 12, 64 * 32 * 12));
}

#[test]
fn several_channels_reach_the_predictor_in_order() {
    let image = texture(3, Dhw { d: 6, h: 5, w: 7 });
    let sliding = SlidingWindowConfig::new(Dhw::splat(4)).with_overlap(0.5);
    let logits = run(&sliding, &image, |windows| windows.narrow(1, 1, 1));
    let difference = &logits.index_axis(Axis(0), 0) - &image.index_axis(Axis(0), 1);
    assert!(difference.iter().all(|v| v.abs() < 1e-6));
}

#[test]
fn configurations_survive_a_round_trip_and_refuse_unknown_keys() {
    let sliding = SlidingWindowConfig::new(Dhw { d: 96, h: 80, w: 64 })
        .with_overlap(0.5)
        .with_blend(Blend::gaussian())
        .with_padding(Padding::Replicate);
    let text = serde_json::to_string(&sliding).unwrap();
    assert_eq!(serde_json::from_str::<SlidingWindowConfig>(&text).unwrap(), sliding);
    let partial: SlidingWindowConfig = serde_json::from_str(r#"{"roi": [32, 48, 32], "blend": "constant"}"#).unwrap();
    assert_eq!(partial, SlidingWindowConfig::new(Dhw { d: 32, h: 48, w: 32 }));
    let one = serde_json::from_str::<SlidingWindowConfig>(r#"{"overlap": 0.75}"#).unwrap();
    let three = serde_json::from_str::<SlidingWindowConfig>(r#"{"overlap": [0.75, 0.75, 0.75]}"#).unwrap();
    assert_eq!((one, one.overlap), (three, Dhw::splat(0.75)));
    let uneven = SlidingWindowConfig { overlap: Dhw { d: 0.0, h: 0.5, w: 0.25 }, ..one };
    let text = serde_json::to_string(&uneven).unwrap();
    assert_eq!(serde_json::from_str::<SlidingWindowConfig>(&text).unwrap(), uneven);
    assert!(serde_json::from_str::<SlidingWindowConfig>(r#"{"rio": [32, 48, 32]}"#).is_err());
}
