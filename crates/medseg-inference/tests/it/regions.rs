//! Masks of regions that overlap, against the rule written out.

use burn::tensor::{Device, Tensor};
use medseg_inference::{
    Blend, CascadeConfig, Dhw, Geometry, InferenceError, MaskRule, Probabilities, RegionLabel, SlidingWindowConfig,
    Stitch,
};
use medseg_testing::noise;
use ndarray::{Array3, Array4};
use proptest::prelude::*;

const CHANNELS: usize = 4;

/// Logits in quarters, so that many lie on a threshold, with some that are NaN.
fn logits(shape: Dhw<usize>, seed: u64) -> Array4<f32> {
    let of = |value: f64| if value < 0.05 { f32::NAN } else { ((value - 0.5) * 24.0).round() as f32 / 4.0 };
    let values = noise(CHANNELS * shape.voxels(), seed).into_iter().map(of).collect();
    Array4::from_shape_vec((CHANNELS, shape.d, shape.h, shape.w), values).unwrap()
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The label of the first region that each voxel belongs to.
fn naive(rule: &MaskRule, probabilities: &Array4<f32>) -> Array3<u8> {
    let (_, d, h, w) = probabilities.dim();
    Array3::from_shape_fn((d, h, w), |(z, y, x)| {
        let inside = |region: &&RegionLabel| probabilities[[region.channel, z, y, x]] >= rule.threshold;
        rule.regions.iter().find(inside).map_or(0, |region| region.label)
    })
}

prop_compose! {
    fn rules()(
        threshold in prop_oneof![Just(0.0_f32), Just(0.5), Just(1.0), 0.05..0.95_f32],
        order in Just(vec![0, 1, 2, 3]).prop_shuffle(),
        count in 1_usize..=CHANNELS,
        labels in prop::collection::vec(any::<u8>(), CHANNELS),
    ) -> MaskRule {
        let regions = order.into_iter().zip(labels).take(count).map(|(channel, label)| RegionLabel::new(channel, label));
        MaskRule::default().with_threshold(threshold).with_regions(regions)
    }
}

fn shapes() -> impl Strategy<Value = Dhw<usize>> {
    [1_usize..9, 1_usize..9, 1_usize..9].prop_map(Dhw::from)
}

/// Four channels; the answer depends on where in the window a voxel lies.
fn network(windows: Tensor<5>) -> Tensor<5> {
    let [batch, _, d, h, w] = windows.dims();
    let ramp = Tensor::<1, burn::tensor::Int>::arange(0..(d * h * w) as i64, &windows.device()).float().sin();
    let ramp = ramp.reshape([1, 1, d, h, w]).expand([batch, 1, d, h, w]);
    Tensor::cat(vec![windows.clone() + ramp.clone(), windows.clone() * 1.5 - 0.2, ramp, windows.neg()], 1)
}

fn texture(shape: Dhw<usize>) -> Array4<f32> {
    Array4::from_shape_fn((1, shape.d, shape.h, shape.w), |(_, z, y, x)| {
        ((z * 17 + y * 7 + x * 3) as f32 * 0.37).sin() * 2.0
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_first_region_of_the_list_decides(rule in rules(), shape in shapes(), seed in any::<u64>()) {
        let logits = logits(shape, seed);
        let probabilities = logits.mapv(sigmoid);
        let want = naive(&rule, &probabilities);
        prop_assert_eq!(&rule.apply(&logits.view()).unwrap(), &want);
        prop_assert_eq!(rule.apply_to_probabilities(&probabilities.view()).unwrap(), want);
    }

    #[test]
    fn windows_give_the_mask_of_their_logits(
        rule in rules(), shape in shapes(), roi in 2_usize..6, overlap in 0.0..0.8_f64, mirrored in any::<bool>(),
    ) {
        let window = SlidingWindowConfig::new(Dhw::splat(roi)).with_overlap(overlap).with_blend(Blend::gaussian());
        let mirror = Dhw { d: mirrored, h: false, w: mirrored };
        let (image, device) = (texture(shape), Device::flex());
        for stitch in [Stitch::Host, Stitch::Device] {
            let window = window.with_stitch(stitch).with_mirror(mirror).init().unwrap();
            let mask = window.infer(image.view(), &device, &mut network).mask(rule.clone()).unwrap();
            let want = if mirrored {
                let probabilities =
                    window.infer(image.view(), &device, &mut network).probabilities(Probabilities::Sigmoid);
                rule.apply_to_probabilities(&probabilities.unwrap().view()).unwrap()
            } else {
                rule.apply(&window.infer(image.view(), &device, &mut network).logits().unwrap().view()).unwrap()
            };
            prop_assert_eq!(&mask, &want, "{:?}", stitch);
            let mut of_slabs = Array3::zeros(mask.dim());
            let mut predictor = network;
            let inference = window.infer(image.view(), &device, &mut predictor).averaging(Probabilities::Sigmoid);
            inference.slabs(&mut |slab| {
                let labels = slab.labels(&rule)?;
                let axis = ndarray::Axis(slab.axis);
                let planes = slab.start..slab.start + labels.len_of(axis);
                of_slabs.slice_axis_mut(axis, planes.into()).assign(&labels);
                Ok(())
            }).unwrap();
            prop_assert_eq!(&of_slabs, &want, "slabs, {:?}", stitch);
        }
    }
}

#[test]
fn a_cascade_draws_regions_with_and_without_their_probabilities() {
    let shape = Dhw { d: 12, h: 14, w: 13 };
    let image = texture(shape).index_axis_move(ndarray::Axis(0), 0);
    let regions = [RegionLabel::new(3, 7), RegionLabel::new(0, 2)];
    let config = CascadeConfig::reference().with_rule(MaskRule::default().with_regions(regions));
    let geometry = Geometry::from_spacing(Dhw::splat(1.0)).unwrap();
    for mirrored in [false, true] {
        let window = SlidingWindowConfig::new(Dhw::splat(6)).with_mirror(Dhw::splat(mirrored));
        let cascade = config.init(Dhw::splat(6), &window).unwrap();
        let draw = |wanted| {
            let device = Device::flex();
            let inference = cascade.infer(image.view(), &geometry, &device).with_probabilities(wanted);
            inference.predict(&mut network, &mut network).unwrap()
        };
        let (alone, with) = (draw(false), draw(true));
        assert_eq!(alone.mask, with.mask);
        assert!(alone.mask.iter().any(|label| *label == 7) && alone.mask.iter().any(|label| *label == 2));
        let probabilities = with.probabilities.unwrap();
        assert_eq!(naive(&config.rule, &probabilities), with.mask, "mirrored: {mirrored}");
    }
}

#[test]
fn rules_without_meaning_are_refused() {
    let rule = |regions: Vec<RegionLabel>| MaskRule::default().with_regions(regions);
    let twice = rule(vec![RegionLabel::new(1, 4), RegionLabel::new(1, 5)]);
    let beyond = rule(vec![RegionLabel::new(0, 1), RegionLabel::new(4, 2)]);
    let many = rule((0..257).map(|channel| RegionLabel::new(channel, 1)).collect());
    let logits = Array4::zeros((CHANNELS, 1, 1, 1));
    for (rule, what) in [(twice, "channel 1"), (beyond, "channel 4"), (many, "257")] {
        let error = rule.apply(&logits.view()).unwrap_err();
        assert!(matches!(error, InferenceError::Parameter { parameter: "regions", .. }), "{error}");
        assert!(error.to_string().contains(what), "{error}");
        let window = SlidingWindowConfig::new(Dhw::splat(4)).init().unwrap();
        let image = texture(Dhw::splat(4));
        assert!(window.infer(image.view(), &Device::flex(), &mut network).mask(rule).is_err());
    }
}

#[test]
fn files_hold_regions_only_where_there_are_some() {
    let text = r#"{"threshold":0.5,"regions":[{"channel":2,"label":4},{"channel":0,"label":1}]}"#;
    let rule: MaskRule = serde_json::from_str(text).unwrap();
    assert_eq!(rule, MaskRule::default().with_regions([RegionLabel::new(2, 4), RegionLabel::new(0, 1)]));
    assert_eq!(serde_json::to_string(&rule).unwrap(), text);
    assert_eq!(serde_json::to_string(&MaskRule::default()).unwrap(), r#"{"threshold":0.5}"#);
    assert!(serde_json::from_str::<MaskRule>(r#"{"regions":[{"channel":-1,"label":4}]}"#).is_err());
    assert!(serde_json::from_str::<MaskRule>(r#"{"regions":[{"channel":0,"label":300}]}"#).is_err());
}
