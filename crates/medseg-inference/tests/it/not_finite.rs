//! Scores that are no finite numbers end in an error that names the stage and the window, never in background.

use burn::tensor::{Device, Tensor};
use medseg_inference::{
    CascadeConfig, Dhw, Geometry, InferenceError, MaskRule, Probabilities, SlidingWindowConfig, Stitch,
};
use ndarray::{Array3, Array4};

/// Logits of 2 classes, with `value` at one voxel of window `bad`.
fn network(value: f32, bad: usize) -> impl FnMut(Tensor<5>) -> Tensor<5> {
    let mut done = 0;
    move |windows: Tensor<5>| {
        let [batch, _, d, h, w] = windows.dims();
        let logits = Tensor::cat(vec![windows.clone(), windows * 0.5], 1);
        let here = (done..done + batch).contains(&bad).then(|| bad - done);
        done += batch;
        let Some(slot) = here else { return logits };
        let at = [slot..slot + 1, 1..2, d - 1..d, h / 2..h / 2 + 1, w - 1..w];
        let spot = Tensor::full([1, 1, 1, 1, 1], value, &logits.device());
        logits.slice_assign(at, spot)
    }
}

fn window(stitch: Stitch, batch: usize) -> SlidingWindowConfig {
    SlidingWindowConfig { batch, stitch, overlap: Dhw::splat(0.5), ..SlidingWindowConfig::new(Dhw::splat(6)) }
}

#[test]
fn the_window_is_named_whatever_is_asked_for() {
    let (image, device) = (Array4::<f32>::ones((1, 12, 9, 6)), Device::flex());
    let starts = [[0, 0, 0], [0, 3, 0], [3, 0, 0], [3, 3, 0], [6, 0, 0], [6, 3, 0]];
    for stitch in [Stitch::Host, Stitch::Device] {
        for (batch, value) in [(1, f32::NAN), (4, f32::INFINITY), (4, f32::NEG_INFINITY)] {
            for (bad, start) in starts.into_iter().enumerate() {
                let config = window(stitch, batch);
                let check = |error: InferenceError| {
                    let InferenceError::NotFinite { stage: None, window, start: from } = error else {
                        panic!("{error}")
                    };
                    assert_eq!((window, from), (bad, Dhw::from(start)), "{stitch:?}, {batch} a batch, {value}");
                };
                let sliding = config.init().unwrap();
                let mut broken = network(value, bad);
                check(sliding.infer(image.view(), &device, &mut broken).logits().unwrap_err());
                let mut broken = network(value, bad);
                check(sliding.infer(image.view(), &device, &mut broken).mask(MaskRule::default()).unwrap_err());
                let mut broken = network(value, bad);
                check(sliding.infer(image.view(), &device, &mut broken).class_masks(MaskRule::default()).unwrap_err());
                let mut broken = network(value, bad);
                let inference = sliding.infer(image.view(), &device, &mut broken);
                check(inference.probabilities(Probabilities::Softmax).unwrap_err());
            }
        }
    }
}

#[test]
fn mirrored_windows_hide_nothing() {
    let (image, device) = (Array4::<f32>::ones((1, 6, 6, 6)), Device::flex());
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        // The second pass of eight.
        let config = window(Stitch::Host, 1).with_mirror(Dhw::splat(true));
        let mut broken = network(value, 1);
        let result = config.init().unwrap().infer(image.view(), &device, &mut broken).class_masks(MaskRule::default());
        assert!(matches!(result, Err(InferenceError::NotFinite { window: 0, .. })), "{value}: {result:?}");
    }
}

#[test]
fn a_cascade_names_the_stage() {
    let image = Array3::<f32>::ones((12, 12, 12));
    let cascade = CascadeConfig::reference().init(Dhw::splat(6), &window(Stitch::Host, 1)).unwrap();
    let geometry = Geometry::from_spacing(Dhw::splat(1.0)).unwrap();
    let device = Device::flex();
    let infer = || cascade.infer(image.view(), &geometry, &device);
    let mut sound = |windows: Tensor<5>| Tensor::cat(vec![windows.clone() * 0.0, windows], 1);
    let error = infer().predict(&mut network(f32::NAN, 0), &mut sound).unwrap_err();
    assert!(matches!(error, InferenceError::NotFinite { stage: Some("coarse"), window: 0, .. }), "{error}");
    let error = infer().predict(&mut sound, &mut network(f32::NAN, 1)).unwrap_err();
    assert!(matches!(error, InferenceError::NotFinite { stage: Some("fine"), window: 1, .. }), "{error}");
    assert!(error.to_string().contains("fine") && error.to_string().contains("window 1"), "{error}");
}
