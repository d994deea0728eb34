//! Slabs of scores: together they are the logits, to the bit, and a consumer's error comes back.

use crate::device::triples;
use burn::tensor::{Device, Tensor};
use medseg_inference::{Blend, Dhw, InferenceError, MaskRule, Padding, ScoreSlab, SlidingWindowConfig, Stitch};
use medseg_testing::bits;
use ndarray::{Array4, Axis, s};
use proptest::prelude::*;

/// A predictor whose answer depends on where in the window a voxel lies; `classes` of them.
fn network(classes: usize) -> impl FnMut(Tensor<5>) -> Tensor<5> {
    move |windows: Tensor<5>| {
        let device = windows.device();
        let [batch, _, d, h, w] = windows.dims();
        let ramp = Tensor::<1, burn::tensor::Int>::arange(0..(d * h * w) as i64, &device).float().sin();
        let ramp = ramp.reshape([1, 1, d, h, w]).expand([batch, 1, d, h, w]);
        let first = windows.narrow(1, 0, 1);
        Tensor::cat((0..classes).map(|c| first.clone() * (c as f32 + 0.5) + ramp.clone()).collect(), 1)
    }
}

fn texture(channels: usize, shape: Dhw<usize>) -> Array4<f32> {
    Array4::from_shape_fn((channels, shape.d, shape.h, shape.w), |(c, z, y, x)| {
        ((c * 31 + z * 17 + y * 7 + x * 3) as f32 * 0.37).sin() * 2.0
    })
}

/// The slabs side by side; checks that they ascend along one axis without a gap. Also that axis, and their number.
fn collected(config: &SlidingWindowConfig, image: &Array4<f32>, classes: usize) -> (Array4<f32>, usize, usize) {
    let (_, d, h, w) = image.dim();
    let mut whole = Array4::from_elem((classes, d, h, w), f32::NAN);
    let (mut next, mut axis, mut count) = (0, None, 0);
    let most = config.init().unwrap().plan(Dhw { d, h, w }).unwrap().slab_voxels();
    let mut take = |slab: ScoreSlab<'_>| {
        assert_eq!((slab.start, slab.axis), (next, *axis.get_or_insert(slab.axis)));
        let mut shape = [classes, d, h, w];
        let planes = slab.scores.len_of(Axis(slab.axis + 1));
        shape[slab.axis + 1] = planes;
        assert!(slab.scores.len() <= most * classes, "{} {most}", slab.scores.len());
        assert!(planes > 0 && slab.scores.shape() == shape, "{:?} {shape:?}", slab.scores.shape());
        next += planes;
        count += 1;
        whole.slice_axis_mut(Axis(slab.axis + 1), (slab.start..next).into()).assign(&slab.scores);
        Ok(())
    };
    let mut network = network(classes);
    config.init().unwrap().infer(image.view(), &Device::flex(), &mut network).slabs(&mut take).unwrap();
    let axis = axis.expect("a slab came");
    assert_eq!(next, [d, h, w][axis]);
    (whole, axis, count)
}

fn logits(config: &SlidingWindowConfig, image: &Array4<f32>, classes: usize) -> Array4<f32> {
    let mut network = network(classes);
    config.init().unwrap().infer(image.view(), &Device::flex(), &mut network).logits().unwrap()
}

prop_compose! {
    fn windows()(
        roi in triples(1_usize..8),
        overlap in triples(0.0..0.95_f64),
        blend in prop_oneof![Just(Blend::Constant), (0.05..0.6).prop_map(|sigma_scale| Blend::Gaussian { sigma_scale })],
        batch in 1_usize..6,
        full_batches in any::<bool>(),
        padding in prop_oneof![Just(Padding::Constant(0.5)), Just(Padding::Replicate), Just(Padding::Circular)],
        stitch in prop_oneof![Just(Stitch::Host), Just(Stitch::Device)],
    ) -> SlidingWindowConfig {
        SlidingWindowConfig { roi, overlap, blend, batch, full_batches, padding, stitch, ..SlidingWindowConfig::default() }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn slabs_side_by_side_are_the_logits_to_the_bit(
        config in windows(), shape in triples(1_usize..15), channels in 1_usize..3, classes in 1_usize..4,
    ) {
        let image = texture(channels, shape);
        let (whole, ..) = collected(&config, &image, classes);
        prop_assert_eq!(bits(&whole), bits(&logits(&config, &image, classes)));
    }
}

#[test]
fn slabs_lie_across_the_longest_axis_and_are_thinner_than_the_image() {
    for axis in 0..3 {
        for stitch in [Stitch::Host, Stitch::Device] {
            let mut shape = [5, 6, 7];
            shape[axis] = 30;
            let config = SlidingWindowConfig::new(Dhw::splat(4)).with_overlap(0.5).with_batch(3).with_stitch(stitch);
            let image = texture(1, Dhw::from(shape));
            let (whole, across, count) = collected(&config, &image, 2);
            assert_eq!(across, axis);
            assert!(count >= 30 / 4, "{count} slabs");
            assert_eq!(bits(&whole), bits(&logits(&config, &image, 2)));
        }
    }
}

#[test]
fn mirrored_windows_give_slabs_of_probabilities() {
    let image = texture(1, Dhw { d: 9, h: 5, w: 4 });
    let config = SlidingWindowConfig::new(Dhw::splat(4)).with_mirror(Dhw { d: true, h: false, w: true });
    for classes in [1, 3] {
        let (whole, ..) = collected(&config, &image, classes);
        let mut network = network(classes);
        let usual = medseg_inference::Probabilities::usual(classes);
        let inference = config.init().unwrap();
        let want = inference.infer(image.view(), &Device::flex(), &mut network).probabilities(usual).unwrap();
        assert_eq!(bits(&whole), bits(&want));
    }
}

#[test]
fn inside_a_region_slabs_are_the_logits() {
    let shape = Dhw { d: 17, h: 8, w: 9 };
    let image = texture(1, shape);
    let mut region = ndarray::Array3::<u8>::zeros((17, 8, 9));
    region.slice_mut(s![9..13, 2..5, 3..4]).fill(1);
    for stitch in [Stitch::Host, Stitch::Device] {
        let config = SlidingWindowConfig::new(Dhw::splat(4)).with_stitch(stitch);
        let window = config.init().unwrap();
        let want = logits(&config, &image, 2);
        let (mut planes, mut last) = (std::collections::BTreeSet::new(), None);
        let mut take = |slab: ScoreSlab<'_>| {
            assert!(slab.axis == 0 && last < Some(slab.start), "{last:?} {}", slab.start);
            last = Some(slab.start);
            planes.extend(slab.start..slab.start + slab.scores.len_of(Axis(1)));
            for ((c, z, y, x), score) in slab.scores.indexed_iter() {
                let mut at = [z, y, x];
                at[slab.axis] += slab.start;
                if region[at] == 1 {
                    assert_eq!(score.to_bits(), want[[c, at[0], at[1], at[2]]].to_bits(), "{at:?}");
                }
            }
            Ok(())
        };
        let mut predictor = network(2);
        let device = Device::flex();
        let inference = window.infer(image.view(), &device, &mut predictor);
        inference.within(region.view()).slabs(&mut take).unwrap();
        assert!((9..13).all(|plane| planes.contains(&plane)), "{planes:?}");
        let none = ndarray::Array3::<u8>::zeros((17, 8, 9));
        let inference = window.infer(image.view(), &device, &mut predictor);
        let error = inference.within(none.view()).slabs(&mut |_| Ok(())).unwrap_err();
        assert!(matches!(error, InferenceError::EmptyRegion), "{error}");
    }
}

#[test]
fn the_first_error_of_the_consumer_comes_back_and_ends_the_work() {
    let image = texture(1, Dhw { d: 30, h: 4, w: 4 });
    for stitch in [Stitch::Host, Stitch::Device] {
        let config = SlidingWindowConfig::new(Dhw::splat(4)).with_batch(1).with_overlap(0.0).with_stitch(stitch);
        let (mut calls, mut windows) = (0, 0);
        let mut take = |slab: ScoreSlab<'_>| {
            calls += 1;
            if slab.start < 8 { Ok(()) } else { Err(InferenceError::TooManyClasses { channels: 1000 + slab.start }) }
        };
        let mut predictor = network(1);
        let mut counted = |x: Tensor<5>| {
            windows += 1;
            predictor(x)
        };
        let inference = config.init().unwrap();
        let error = inference.infer(image.view(), &Device::flex(), &mut counted).slabs(&mut take).unwrap_err();
        assert!(matches!(error, InferenceError::TooManyClasses { channels: 1008 }), "{error}");
        assert_eq!(calls, 3, "nothing is handed on after an error");
        // On a device results come back several at a time.
        let soon = stitch == Stitch::Device || windows < 8;
        assert!(soon, "{windows} windows were predicted though the third slab was refused");
    }
}

#[test]
fn an_error_of_the_network_comes_back() {
    let image = texture(1, Dhw { d: 12, h: 4, w: 4 });
    let config = SlidingWindowConfig::new(Dhw::splat(4));
    let mut nan = |windows: Tensor<5>| windows * f32::NAN;
    let inference = config.init().unwrap();
    assert!(inference.infer(image.view(), &Device::flex(), &mut nan).slabs(&mut |_| Ok(())).is_err());
}

#[test]
fn labels_of_slabs_are_the_mask() {
    let image = texture(1, Dhw { d: 5, h: 11, w: 6 });
    let config = SlidingWindowConfig::new(Dhw::splat(4)).with_overlap(0.5);
    for classes in [1, 3] {
        let (whole, ..) = collected(&config, &image, classes);
        let (rule, mut network) = (MaskRule::default().with_threshold(0.7), network(classes));
        let mask =
            config.init().unwrap().infer(image.view(), &Device::flex(), &mut network).mask(rule.clone()).unwrap();
        assert_eq!(rule.apply(&whole.view()).unwrap(), mask);
    }
}
