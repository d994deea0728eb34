//! The sliding window on the GPU, stitched there, against the CPU stitched on the host.

use burn::tensor::{Int, Tensor};
use medseg::Device;
use medseg::inference::{Blend, Dhw, InferenceError, MaskRule, Padding, Probabilities, SlidingWindowConfig, Stitch};
use ndarray::{Array3, Array4, s};

use crate::device::{alone, gpu};

fn texture(channels: usize, shape: Dhw<usize>) -> Array4<f32> {
    Array4::from_shape_fn((channels, shape.d, shape.h, shape.w), |(c, z, y, x)| {
        ((c * 31 + z * 17 + y * 7 + x * 3) as f32 * 0.37).sin() * 2.0
    })
}

/// Classes whose logits depend on where in the window a voxel lies.
fn network(classes: usize) -> impl FnMut(Tensor<5>) -> Tensor<5> {
    move |windows| {
        let [_, channels, d, h, w] = windows.dims();
        let ramp = Tensor::<1, Int>::arange(0..(d * h * w) as i64, &windows.device()).float() * 0.01;
        let ramp = ramp.reshape([1, 1, d, h, w]);
        let last = windows.narrow(1, channels - 1, 1);
        let class = |number: usize| last.clone() * (1.5 - number as f32) + ramp.clone() * (number as f32 - 0.5);
        Tensor::cat((0..classes).map(class).collect(), 1)
    }
}

/// Windows of odd shapes, some larger than the image, over images of odd shapes, and numbers of classes.
fn cases() -> Vec<(&'static str, SlidingWindowConfig, Dhw<usize>, usize)> {
    let window = |d, h, w| SlidingWindowConfig::new(Dhw { d, h, w }).with_blend(Blend::gaussian());
    vec![
        ("half", window(8, 6, 4).with_overlap(0.5).with_batch(3), Dhw { d: 19, h: 13, w: 11 }, 3),
        ("three quarters", window(4, 8, 8).with_overlap(0.75).with_full_batches(true), Dhw { d: 9, h: 12, w: 17 }, 1),
        ("constant", window(5, 7, 6).with_blend(Blend::Constant).with_batch(1), Dhw { d: 11, h: 16, w: 9 }, 2),
        ("larger", window(9, 6, 16).with_padding(Padding::Reflect), Dhw { d: 7, h: 15, w: 12 }, 1),
        ("one window", window(8, 8, 8).with_padding(Padding::Constant(-1.0)), Dhw { d: 8, h: 5, w: 6 }, 3),
    ]
}

fn assert_close(what: &str, got: &Array4<f32>, want: &Array4<f32>) {
    assert_eq!(got.dim(), want.dim(), "{what}");
    let off = got.iter().zip(want).map(|(got, want)| (got - want).abs()).fold(0.0, f32::max);
    assert!(off < 1e-4, "{what}: off by {off}");
    assert!(got.iter().all(|value| value.is_finite()), "{what}");
}

/// Labels may differ where the host's two largest scores are closer than rounding: nowhere else.
fn assert_same_labels(what: &str, got: &Array3<u8>, logits: &Array4<f32>) {
    for ((z, y, x), label) in got.indexed_iter() {
        let scores = logits.slice(s![.., z, y, x]);
        let (score, least) = match scores.len() {
            1 if *label == 1 => (scores[0], 0.0),
            1 => (-scores[0], 0.0),
            _ => (scores[usize::from(*label)], scores.fold(f32::NEG_INFINITY, |a, b| a.max(*b))),
        };
        assert!(score >= least - 1e-4, "{what}: {label} at {z}, {y}, {x} of {scores}");
    }
}

#[test]
fn windows_are_stitched_on_the_gpu_as_on_the_host() {
    for (name, window, shape, classes) in cases() {
        let what = format!("{name}, {classes} classes");
        let image = texture(2, shape);
        let (view, rule) = (image.view(), MaskRule::default());
        let logits = |window: SlidingWindowConfig, device: &Device| {
            window.init().unwrap().infer(view, device, &mut network(classes)).logits().unwrap()
        };
        let want = logits(window, &Device::flex());
        assert_close(&format!("{what}: logits"), &logits(window, &gpu()), &want);
        assert_close(&format!("{what}: over the host"), &logits(window.with_stitch(Stitch::Host), &gpu()), &want);

        let mask = window.init().unwrap().infer(view, &gpu(), &mut network(classes)).mask(rule.clone()).unwrap();
        assert_same_labels(&what, &mask, &want);
        let masks = window.init().unwrap().infer(view, &gpu(), &mut network(classes)).class_masks(rule).unwrap();
        for class in 0..classes {
            let mask = masks.slice(s![class, .., .., ..]).to_owned();
            assert_same_labels(&what, &mask, &want.slice(s![class..=class, .., .., ..]).to_owned());
        }
    }
}

#[test]
fn probabilities_on_the_gpu() {
    let (name, window, shape, classes) = cases().swap_remove(0);
    let image = texture(1, shape);
    for activation in [Probabilities::Softmax, Probabilities::Sigmoid] {
        let on = |device: &Device| {
            let mut network = network(classes);
            window.init().unwrap().infer(image.view(), device, &mut network).probabilities(activation).unwrap()
        };
        assert_close(&format!("{name}: {activation:?}"), &on(&gpu()), &on(&Device::flex()));
    }
}

#[test]
fn regions_and_mirrors_on_the_gpu() {
    let window = SlidingWindowConfig::new(Dhw { d: 6, h: 4, w: 5 }).with_overlap(0.5).with_blend(Blend::gaussian());
    let window = window.with_mirror(Dhw { d: false, h: true, w: true });
    let image = texture(1, Dhw { d: 14, h: 12, w: 13 });
    let mut region = Array3::<u8>::zeros((14, 12, 13));
    region.slice_mut(s![7..12, 2..4, 8..11]).fill(1);
    let on = |device: &Device| {
        let mut batches = Vec::new();
        let mut network = |batch: Tensor<5>| {
            batches.push(batch.dims()[0]);
            network(3)(batch)
        };
        let window = window.init().unwrap();
        let inside = window.infer(image.view(), device, &mut network).within(region.view());
        let result = inside.probabilities(Probabilities::Softmax).unwrap();
        (result, batches)
    };
    let ((got, batches), (want, batches_on_cpu)) = (on(&gpu()), on(&Device::flex()));
    assert_close("region", &got, &want);

    // 18 windows meet the region, so the last batch of 4 is not full; on a GPU it is filled up, for each mirror.
    let counted = |full: usize, last: usize| [[full; 4]; 4].concat().into_iter().chain([last; 4]).collect::<Vec<_>>();
    assert_eq!(batches_on_cpu, counted(4, 2));
    assert_eq!(batches, counted(4, 4));
}

/// In a process of its own: other tests use the same GPU at the same time.
#[test]
fn memory_on_the_gpu_stays_within_what_is_counted() {
    alone("window::memory_on_the_gpu_stays_within_what_is_counted", memory_is_counted);
}

fn memory_is_counted() {
    let window = SlidingWindowConfig::new(Dhw::splat(16)).with_overlap(0.5).with_blend(Blend::gaussian()).with_batch(2);
    let shape = Dhw { d: 64, h: 48, w: 40 };
    let (image, device) = (texture(1, shape), gpu());
    let in_use = |device: &Device| {
        device.sync().expect("the GPU works");
        device.memory_pool_usage().expect("a GPU counts its memory").bytes_in_use
    };
    let (before, mut most) = (in_use(&device), 0);
    let mut watched = |windows: Tensor<5>| {
        let logits = network(4)(windows);
        most = most.max(in_use(&device).saturating_sub(before));
        logits
    };
    let counted = window.init().unwrap().plan(shape).expect("a plan").device_memory(1, 4);
    let rule = MaskRule::default();
    window.init().unwrap().infer(image.view(), &device, &mut watched).mask(rule).expect("a mask");
    assert!(most >= counted.volume + counted.accumulator / 2, "{most} of {counted:?}");
    // This image's result is far smaller than what may wait.
    let may_wait = 64 << 20;
    assert!(most <= counted.total() - may_wait, "{most} of {counted:?}");
}

#[test]
fn a_predictor_that_fails_on_the_gpu_ends_the_run_and_the_next_run_is_right() {
    let window = SlidingWindowConfig::new(Dhw::splat(6)).with_overlap(0.5).with_batch(2);
    let image = texture(1, Dhw { d: 13, h: 9, w: 10 });
    let mut calls = 0;
    let mut failing = |windows: Tensor<5>| {
        calls += 1;
        if calls == 4 { Err("lost") } else { Ok(windows) }
    };
    let error = window.init().unwrap().infer(image.view(), &gpu(), &mut failing).logits().unwrap_err();
    assert!(matches!(error, InferenceError::Predictor(_)), "{error}");
    let mut identity = |windows: Tensor<5>| windows;
    let logits = window.init().unwrap().infer(image.view(), &gpu(), &mut identity).logits().unwrap();
    assert_close("the next run", &logits, &image);
}
