//! Bundles of any network against their parts, written out.

use std::ops::ControlFlow;

use burn::tensor::{Device, Tensor, TensorData};
use medseg_architecture::networks::UNetPlusPlusConfig;
use medseg_architecture::{Architecture, Block, Layer, Stage};
use medseg_bundle::{
    Average, BundleError, NetworkBundle, NetworkBundleConfig, NetworkPlan, NetworkPrediction, NoProgress, Restoring,
    Wanted,
};
use medseg_inference::{Dhw, InferenceError, MaskRule, Probabilities, SlidingWindowConfig, to_probabilities};
use medseg_network::Network;
use medseg_transforms::{CropBody, Kernel, LabelInterpolation, Pipeline, RandFlip, Reorient, Resize, Step};
use medseg_volume::{Axes, Geometry, Orientation, Volume};
use ndarray::{Array3, Array4, Axis, s};

pub const SHAPE: [usize; 3] = [9, 14, 17];

fn architecture(in_channels: usize, classes: usize) -> Architecture {
    let config = UNetPlusPlusConfig { in_channels, out_channels: classes, channels: vec![3, 4], ..Default::default() };
    config.architecture().unwrap()
}

pub fn settings(classes: usize) -> NetworkBundleConfig {
    NetworkBundleConfig::new("test", architecture(1, classes)).unwrap()
}

pub fn bundle(config: NetworkBundleConfig, folds: u64) -> NetworkBundle {
    let network = |seed| Network::seeded(&config.architecture, seed, &Device::flex()).unwrap();
    let folds = (1..=folds).map(network).collect();
    NetworkBundle::new(config, folds, &Device::flex()).unwrap()
}

/// Oblique, anisotropic, first voxel away from the origin; axes closest to RAS.
pub fn oblique() -> Geometry {
    Geometry::from_affine(medseg_testing::oblique_affine()).unwrap()
}

pub fn ct() -> Array4<f32> {
    let of = |(_, z, y, x): (usize, usize, usize, usize)| {
        let wave = (z as f32 * 0.9).sin() + (y as f32 * 0.5).cos() + (x as f32 * 0.4).sin();
        wave * 0.8 + ((z * 31 + y * 17 + x * 7) % 97) as f32 / 97.0
    };
    Array4::from_shape_fn((1, SHAPE[0], SHAPE[1], SHAPE[2]), of)
}

pub fn predict(bundle: &NetworkBundle, image: Array4<f32>, geometry: &Geometry, wanted: Wanted) -> NetworkPrediction {
    bundle.predict(image, geometry, wanted, &mut |_| Ok(()), &mut NoProgress).unwrap()
}

pub const EVERYTHING: Wanted = Wanted { probabilities: true, entropy: true, spread: true, certainty: true };

/// Logits of one fold for an image on its grid.
pub fn logits(fold: &Network, image: &Array4<f32>) -> Array4<f32> {
    let (channels, d, h, w) = image.dim();
    let values: Vec<f32> = image.iter().copied().collect();
    let x = Tensor::<5>::from_data(TensorData::new(values, [1, channels, d, h, w]), &Device::flex());
    let y = fold.forward(x);
    let classes = y.dims()[1];
    Array4::from_shape_vec((classes, d, h, w), y.into_data().try_to_vec::<f32>().unwrap()).unwrap()
}

fn probable(mut logits: Array4<f32>) -> Array4<f32> {
    let how = Probabilities::usual(logits.dim().0);
    to_probabilities(&mut logits.view_mut(), how);
    logits
}

pub fn mean(parts: Vec<Array4<f32>>) -> Array4<f32> {
    let count = parts.len() as f32;
    parts.into_iter().reduce(|a, b| a + b).unwrap() / count
}

/// Fails where a label is another than the largest probability by more than rounding.
#[track_caller]
fn assert_labels(mask: &Array3<u8>, probabilities: &Array4<f32>, threshold: f32) {
    let classes = probabilities.dim().0;
    for ((z, y, x), label) in mask.indexed_iter() {
        let p = probabilities.slice(s![.., z, y, x]);
        if classes == 1 {
            let sure = (p[0] - threshold).abs() > 1e-5;
            assert!(!sure || (*label == 1) == (p[0] >= threshold), "{label} of {p} at {z} {y} {x}");
        } else {
            assert!(p.iter().all(|other| p[usize::from(*label)] >= other - 1e-5), "{label} of {p} at {z} {y} {x}");
        }
    }
    let labels: std::collections::BTreeSet<u8> = mask.iter().copied().collect();
    assert!(labels.len() > 1, "the mask tells nothing: {labels:?}");
}

#[track_caller]
pub fn assert_near(got: &Array4<half::f16>, want: &Array4<f32>) {
    assert_eq!(got.dim(), want.dim());
    assert!(got.iter().zip(want).all(|(got, want)| (got.to_f32() - want).abs() < 1e-3));
}

#[test]
fn the_mask_has_the_images_geometry_and_the_same_voxels_from_every_orientation() {
    let image = Volume::new(ct().index_axis(Axis(0), 0).to_owned(), oblique());
    let mut config = settings(3);
    config.preprocessing = Pipeline::new().then(Reorient { to: Orientation::RAS });
    for restoring in [Restoring::Labels(LabelInterpolation::NearestExact), Restoring::Probabilities] {
        config.restoring = restoring;
        let bundle = bundle(config.clone(), 2);
        let expected = predict(&bundle, ct(), &oblique(), Wanted::default()).mask;
        assert_eq!(expected.geometry, oblique());
        for orientation in ["LPS", "IAL", "SRA", "PIR", "RAS"] {
            let turned = image.reoriented(orientation.parse().unwrap());
            let (data, geometry) = (turned.data.clone().insert_axis(Axis(0)), &turned.geometry);
            let found = predict(&bundle, data, geometry, Wanted::default());
            assert_eq!(found.mask.geometry.affine(), geometry.affine());
            assert_eq!(found.mask.reoriented(Orientation::RAS).data, expected.data, "{orientation}");
            let counted: f64 = found.volumes_ml.values().sum();
            let voxels = found.mask.data.iter().filter(|label| **label > 0).count() as f64;
            assert!((counted - voxels * geometry.voxel_volume_mm3() / 1000.0).abs() < 1e-9);
        }
    }
}

#[test]
fn folds_are_averaged_as_the_settings_say() {
    for (classes, folds) in [(1, 1), (1, 3), (3, 1), (3, 2), (4, 3)] {
        for average in [Average::Logits, Average::Probabilities] {
            for restoring in [Restoring::Labels(LabelInterpolation::NearestExact), Restoring::Probabilities] {
                let rule = MaskRule::default().with_threshold(0.6);
                let bundle = bundle(NetworkBundleConfig { average, restoring, rule, ..settings(classes) }, folds);
                let of = bundle.folds().iter().map(|fold| logits(fold, &ct()));
                let (scores, want) = match average {
                    Average::Logits => {
                        let scores = mean(of.collect());
                        (scores.clone(), probable(scores))
                    }
                    Average::Probabilities => {
                        let scores = mean(of.map(probable).collect());
                        (scores.clone(), scores)
                    }
                };
                let got = bundle.scores(&ct().view()).unwrap();
                assert!(got.iter().zip(&scores).all(|(a, b)| (a - b).abs() < 1e-5));
                let found = predict(&bundle, ct(), &oblique(), EVERYTHING);
                assert_labels(&found.mask.data, &want, 0.6);
                assert_near(found.probabilities.as_ref().unwrap(), &want);
            }
        }
    }
}

#[test]
fn mirrored_windows_average_the_same_probabilities() {
    let flipped = |mut image: Array4<f32>, axes: &[usize]| {
        axes.iter().for_each(|axis| image.invert_axis(Axis(axis + 1)));
        image.as_standard_layout().into_owned()
    };
    for classes in [1, 3] {
        for average in [Average::Logits, Average::Probabilities] {
            let window = SlidingWindowConfig::whole(Dhw::from(SHAPE)).with_mirror(Dhw { d: true, h: false, w: true });
            let bundle = bundle(NetworkBundleConfig { average, window: Some(window), ..settings(classes) }, 2);
            let pass = |axes: &[usize]| {
                let image = flipped(ct(), axes);
                let of = bundle.folds().iter().map(|fold| logits(fold, &image));
                let of_folds = match average {
                    Average::Logits => probable(mean(of.collect())),
                    Average::Probabilities => mean(of.map(probable).collect()),
                };
                flipped(of_folds, axes)
            };
            let want = mean([&[][..], &[0], &[2], &[0, 2]].map(pass).to_vec());
            // With a spread the folds mirror the windows, without one the sliding window does.
            for spread in [true, false] {
                let found = predict(&bundle, ct(), &oblique(), Wanted { spread, ..EVERYTHING });
                assert_near(found.probabilities.as_ref().unwrap(), &want);
                assert_labels(&found.mask.data, &want, 0.5);
                assert_eq!((found.plan.folds, found.plan.mirrors), (2, 4));
            }
            assert_labels(&predict(&bundle, ct(), &oblique(), Wanted::default()).mask.data, &want, 0.5);
        }
    }
}

#[test]
fn the_spread_is_over_folds_and_mirror_images() {
    let axes = Dhw { d: false, h: true, w: true };
    for (classes, folds) in [(1, 1), (3, 2)] {
        let window = SlidingWindowConfig::whole(Dhw::from(SHAPE));
        let config = NetworkBundleConfig { window: Some(window), ..settings(classes) };
        let plain = bundle(config, folds);
        let bundle = bundle(NetworkBundleConfig { window: Some(window), ..settings(classes) }, folds).with_mirror(axes);
        let flipped = |mut image: Array4<f32>, axes: &[usize]| {
            axes.iter().for_each(|axis| image.invert_axis(Axis(axis + 1)));
            image.as_standard_layout().into_owned()
        };
        let mut members = Vec::new();
        for axes in [&[][..], &[1], &[2], &[1, 2]] {
            let of_fold = |fold| flipped(probable(logits(fold, &flipped(ct(), axes))), axes);
            members.extend(bundle.folds().iter().map(of_fold));
        }
        assert_eq!(bundle.members(), members.len());
        let found = predict(&bundle, ct(), &oblique(), EVERYTHING);
        let foreground = |of: &Array4<f32>, [z, y, x]: [usize; 3]| {
            let first = f64::from(of[[0, z, y, x]]);
            if classes == 1 { first } else { 1.0 - first }
        };
        let spread = |at: [usize; 3]| {
            let count = members.len() as f64;
            let centre = members.iter().map(|of| foreground(of, at)).sum::<f64>() / count;
            (members.iter().map(|of| (foreground(of, at) - centre).powi(2)).sum::<f64>() / count).sqrt()
        };
        let mask = found.mask.data.indexed_iter().filter(|(_, label)| **label > 0);
        let spreads: Vec<f64> = mask.map(|((z, y, x), _)| spread([z, y, x])).collect();
        let want = spreads.iter().sum::<f64>() / spreads.len() as f64;
        let got = found.certainty.unwrap().mean_spread;
        assert!(!spreads.is_empty() && (got - want).abs() < 1e-4, "{got} {want}");
        assert_ne!(found.probabilities, predict(&plain, ct(), &oblique(), EVERYTHING).probabilities);
    }
}

#[test]
fn extras_are_made_as_they_are_wanted_and_change_no_mask() {
    for restoring in [Restoring::Labels(LabelInterpolation::NearestExact), Restoring::Probabilities] {
        let bundle = bundle(NetworkBundleConfig { restoring, ..settings(3) }, 3);
        let plain = predict(&bundle, ct(), &oblique(), Wanted::default());
        for n in 0..16 {
            let [probabilities, entropy, spread, certainty] = [1, 2, 4, 8].map(|bit| n & bit > 0);
            let wanted = Wanted { probabilities, entropy, spread, certainty };
            let found = predict(&bundle, ct(), &oblique(), wanted);
            assert_eq!(found.mask, plain.mask, "{wanted:?}");
            assert_eq!((found.probabilities.is_some(), found.entropy.is_some()), (probabilities, entropy));
            assert_eq!(found.certainty.is_some(), wanted != Wanted::default(), "{wanted:?}");
            assert_eq!(found.certainty.is_some_and(|c| c.mean_spread > 0.0), spread, "{wanted:?}");
        }
    }
}

#[test]
fn entropy_certainty_and_spread_are_those_written_out() {
    for classes in [1, 3] {
        for average in [Average::Logits, Average::Probabilities] {
            let config = NetworkBundleConfig { average, restoring: Restoring::Probabilities, ..settings(classes) };
            let bundle = bundle(config, 3);
            let found = predict(&bundle, ct(), &oblique(), EVERYTHING);
            let of: Vec<Array4<f32>> = bundle.folds().iter().map(|fold| logits(fold, &ct())).collect();
            let each: Vec<Array4<f32>> = of.iter().cloned().map(probable).collect();
            let want = if average == Average::Logits { probable(mean(of)) } else { mean(each.clone()) };
            let nats = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
            let (mut sums, entropies) = ([0.0; 4], &found.entropy.as_ref().unwrap().data);
            for ((z, y, x), label) in found.mask.data.indexed_iter() {
                let p: Vec<f64> = want.slice(s![.., z, y, x]).iter().map(|p| f64::from(*p)).collect();
                let rest = if classes == 1 { nats(1.0 - p[0]) } else { 0.0 };
                let entropy = p.iter().map(|p| nats(*p)).sum::<f64>() + rest;
                assert!((f64::from(entropies[[z, y, x]]) - entropy).abs() < 1e-4);
                if *label > 0 {
                    let foreground: Vec<f64> = each
                        .iter()
                        .map(|fold| f64::from(fold[[0, z, y, x]]))
                        .map(|first| if classes == 1 { first } else { 1.0 - first })
                        .collect();
                    let centre = foreground.iter().sum::<f64>() / 3.0;
                    let spread = (foreground.iter().map(|p| (p - centre).powi(2)).sum::<f64>() / 3.0).sqrt();
                    let of = [1.0, p[if classes == 1 { 0 } else { usize::from(*label) }], entropy, spread];
                    sums = std::array::from_fn(|n| sums[n] + of[n]);
                }
            }
            let certainty = found.certainty.unwrap();
            assert!(sums[0] > 0.0);
            assert_eq!(certainty.voxels, sums[0] as u64);
            let got = [certainty.mean_probability, certainty.mean_entropy, certainty.mean_spread];
            for (got, sum) in got.iter().zip(&sums[1..]) {
                assert!((got - sum / sums[0]).abs() < 1e-4, "{got} {}", sum / sums[0]);
            }
            assert_eq!(found.entropy.unwrap().geometry, oblique());
        }
    }
}

#[test]
fn folds_that_agree_have_next_to_no_spread() {
    let config = settings(3);
    let fold = || Network::seeded(&config.architecture, 1, &Device::flex()).unwrap();
    let same = NetworkBundle::new(config.clone(), vec![fold(), fold()], &Device::flex()).unwrap();
    let spread = predict(&same, ct(), &oblique(), EVERYTHING).certainty.unwrap().mean_spread;
    assert!(spread < 1e-3, "{spread}");
    let one = NetworkBundle::new(config.clone(), vec![fold()], &Device::flex()).unwrap();
    assert!(predict(&one, ct(), &oblique(), EVERYTHING).certainty.unwrap().mean_spread.abs() < f64::EPSILON);
}

#[test]
fn temperature_changes_probabilities_and_no_mask_of_several_classes() {
    let plain = predict(&bundle(settings(3), 2), ct(), &oblique(), EVERYTHING);
    for temperature in [0.25, 3.0] {
        let warm = bundle(settings(3), 2).with_temperature(temperature).unwrap();
        let found = predict(&warm, ct(), &oblique(), EVERYTHING);
        assert_eq!(found.mask, plain.mask);
        let scores = mean(warm.folds().iter().map(|fold| logits(fold, &ct())).collect());
        assert_near(found.probabilities.as_ref().unwrap(), &probable(scores / temperature));
        assert_ne!(found.probabilities, plain.probabilities);
    }
    for bad in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert!(bundle(settings(3), 1).with_temperature(bad).is_err(), "{bad}");
    }
}

/// Trilinear interpolation at a voxel of the image, by the two geometries alone.
fn naive(scores: &Array4<f32>, source: &Geometry, target: &Geometry, at: [usize; 3]) -> Option<Vec<f32>> {
    let (classes, d, h, w) = scores.dim();
    let sizes = [d, h, w];
    let place = source.world_to_voxel(target.voxel_to_world(Dhw::from(at).map(|n| n as f64))).to_array();
    if (0..3).any(|a| place[a] < -0.5 - 1e-6 || place[a] > sizes[a] as f64 - 0.5 + 1e-6) {
        return None;
    }
    let place: [f64; 3] = std::array::from_fn(|a| place[a].clamp(0.0, sizes[a] as f64 - 1.0));
    let of = |class: usize| {
        let corner = |n: usize| {
            let (mut weight, mut index) = (1.0, [0; 3]);
            for a in 0..3 {
                let (low, high) = (place[a].floor(), n >> a & 1 == 1);
                weight *= if high { place[a] - low } else { 1.0 - place[a] + low };
                index[a] = (low as usize + usize::from(high)).min(sizes[a] - 1);
            }
            weight * f64::from(scores[[class, index[0], index[1], index[2]]])
        };
        (0..8).map(corner).sum::<f64>() as f32
    };
    Some((0..classes).map(of).collect())
}

#[test]
fn restored_probabilities_are_interpolated_ones() {
    // A body of air but for a block, so that the grid is a part of the image.
    let mut image = Array4::from_elem((1, 12, 20, 18), -1000.0_f32);
    image.slice_mut(s![0, .., 4..17, 3..16]).assign(&(ct().slice(s![0, ..1, ..13, ..13]).to_owned() * 10.0));
    let geometry = oblique();
    let resize = Resize { size: Dhw { d: 10, h: 16, w: 8 }, kernel: Kernel::Linear, align_corners: false };
    let mut config = settings(3);
    config.restoring = Restoring::Probabilities;
    let turned = Reorient { to: "IAL".parse().unwrap() };
    config.preprocessing =
        Pipeline::new().then(CropBody { opening: 0, ..CropBody::default() }).then(turned).then(resize);
    for window in [None, Some(SlidingWindowConfig::new(Dhw::splat(6)).with_overlap(0.5))] {
        config.window = window;
        let bundle = bundle(config.clone(), 2);
        let (prepared, grid) = bundle.prepared(image.clone(), &geometry).unwrap();
        assert_eq!(prepared.dim(), (1, 10, 16, 8));
        let scores = probable(bundle.scores(&prepared.view()).unwrap());
        let mut want = Array4::zeros((3, 12, 20, 18));
        for ((z, y, x), ()) in Array3::from_elem((12, 20, 18), ()).indexed_iter() {
            let p = naive(&scores, &grid, &geometry, [z, y, x]).unwrap_or_else(|| vec![1.0, 0.0, 0.0]);
            want.slice_mut(s![.., z, y, x]).assign(&ndarray::Array1::from(p));
        }
        let found = predict(&bundle, image.clone(), &geometry, EVERYTHING);
        assert_near(found.probabilities.as_ref().unwrap(), &want);
        assert_labels(&found.mask.data, &want, 0.5);
        assert!(found.mask.data[[0, 0, 0]] == 0 && found.mask.data.slice(s![.., ..4, ..]).iter().all(|l| *l == 0));
        assert!(found.warnings.is_empty());
    }
    let empty = Array4::from_elem((1, 12, 20, 18), -1000.0_f32);
    let found = predict(&bundle(config, 1), empty, &geometry, Wanted::default());
    assert!(found.warnings.len() == 1 && found.warnings[0].contains("body"), "{:?}", found.warnings);
}

#[test]
fn voxels_without_a_number_are_replaced() {
    let bundle = bundle(settings(3), 1);
    let mut holes = ct();
    let (low, high) = holes.iter().fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
    let mut filled = holes.clone();
    for (n, (bad, good)) in [(f32::NAN, low), (f32::NEG_INFINITY, low), (f32::INFINITY, high)].into_iter().enumerate() {
        holes[[0, 4, 5, 3 + n]] = bad;
        filled[[0, 4, 5, 3 + n]] = good;
    }
    let [got, want] = [holes, filled].map(|image| predict(&bundle, image, &oblique(), EVERYTHING));
    assert_eq!((got.mask, got.probabilities), (want.mask, want.probabilities));
    for bad in [f32::NAN, f32::INFINITY] {
        let nothing = Array4::from_elem((1, 4, 4, 4), bad);
        let error = bundle.predict(nothing, &oblique(), EVERYTHING, &mut |_| Ok(()), &mut NoProgress).map(|_| ());
        assert!(matches!(error.unwrap_err(), BundleError::NothingFinite { .. }));
    }
}

#[test]
fn images_that_do_not_fit_are_errors() {
    let bundle = bundle(settings(3), 1);
    for shape in [(0, 4, 4, 4), (2, 4, 4, 4), (1, 0, 4, 4), (1, 4, 4, 0)] {
        let error = bundle.predict(Array4::zeros(shape), &oblique(), EVERYTHING, &mut |_| Ok(()), &mut NoProgress);
        let error = error.map(|_| ()).unwrap_err();
        assert!(!error.to_string().is_empty() && (shape.0 == 1 || error.to_string().contains("channel")), "{error}");
    }
    // One voxel is enough.
    assert_eq!(predict(&bundle, Array4::ones((1, 1, 1, 1)), &oblique(), EVERYTHING).mask.data.dim(), (1, 1, 1));
}

#[test]
fn several_channels_go_to_the_network_in_their_order() {
    let config = NetworkBundleConfig::new("two", architecture(2, 2)).unwrap();
    let bundle = bundle(config, 1);
    let other = ct().mapv(|v| 0.3 - v * v);
    let image = ndarray::concatenate(Axis(0), &[ct().view(), other.view()]).unwrap();
    let found = predict(&bundle, image.clone(), &oblique(), EVERYTHING);
    assert_near(found.probabilities.as_ref().unwrap(), &probable(logits(&bundle.folds()[0], &image)));
}

/// Fails if settings are not refused by this name.
#[track_caller]
pub fn refused(config: NetworkBundleConfig, what: &str) {
    let fold = Network::seeded(&config.architecture, 1, &Device::flex()).unwrap();
    let error = NetworkBundle::new(config, vec![fold], &Device::flex()).map(|_| ()).expect_err(what);
    assert!(error.to_string().contains(what), "{error} does not name {what}");
}

#[test]
fn settings_without_meaning_are_refused() {
    let random: Step = RandFlip { p: 0.5, axes: Dhw::splat(true) }.into();
    refused(NetworkBundleConfig { preprocessing: Pipeline { steps: vec![random] }, ..settings(2) }, "random");
    refused(NetworkBundleConfig { probabilities: Probabilities::Sigmoid, ..settings(2) }, "overlap");
    refused(NetworkBundleConfig { probabilities: Probabilities::Softmax, ..settings(1) }, "softmax");
    refused(NetworkBundleConfig { labels: [(2, "x".into())].into(), ..settings(2) }, "label 2");
    refused(NetworkBundleConfig { labels: [(2, "x".into())].into(), ..settings(1) }, "label 2");
    refused(NetworkBundleConfig { channels: vec!["a".into(), "b".into()], ..settings(2) }, "channels");
    refused(NetworkBundleConfig { rule: MaskRule::default().with_threshold(1.5), ..settings(1) }, "rule");
    let window = SlidingWindowConfig::new(Dhw { d: 0, h: 8, w: 8 });
    refused(NetworkBundleConfig { window: Some(window), ..settings(2) }, "window");
    let head = Stage::new("out", "image", Block::new([Layer::head(257)]));
    let many =
        Architecture { in_channels: 1, blocks: Default::default(), stages: vec![head], outputs: vec!["out".into()] };
    refused(NetworkBundleConfig::new("many", many).unwrap(), "257 classes");
}

#[test]
fn folds_are_one_to_64_networks_of_the_architecture() {
    let device = Device::flex();
    let new = |folds: Vec<Network>| NetworkBundle::new(settings(2), folds, &device).map(|_| ());
    let fold = |classes: usize| Network::seeded(&architecture(1, classes), 1, &device).unwrap();
    assert!(new(Vec::new()).is_err() && new(vec![fold(2), fold(3)]).is_err());
    assert!(new((0..64).map(|_| fold(2)).collect()).is_ok());
    // A saved bundle of more could not be opened.
    assert!(new((0..65).map(|_| fold(2)).collect()).is_err());
}

#[test]
fn the_plan_comes_first_and_both_sides_may_stop() {
    let window = SlidingWindowConfig::new(Dhw::splat(8)).with_batch(1);
    let bundle = bundle(NetworkBundleConfig { window: Some(window), ..settings(2) }, 2);
    let mut seen = None;
    let mut refuse = |plan: &NetworkPlan| {
        seen = Some(*plan);
        Err(BundleError::Stopped)
    };
    let mut calls = 0;
    let mut count = |_: usize, _: usize| calls += 1;
    let refused = bundle.predict(ct(), &oblique(), EVERYTHING, &mut refuse, &mut count).map(|_| ());
    assert!(matches!(refused.unwrap_err(), BundleError::Stopped));
    assert_eq!(calls, 0);
    let plan = seen.unwrap();
    assert_eq!((plan.image.to_array(), plan.grid.to_array(), plan.window), (SHAPE, SHAPE, Dhw::splat(8)));
    assert_eq!((plan.windows, plan.folds), (2 * 2 * 3, 2));
    let mut stop = |done: usize, total: usize| {
        assert_eq!(total, 12);
        if done < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let stopped = bundle.predict(ct(), &oblique(), EVERYTHING, &mut |_| Ok(()), &mut stop).map(|_| ());
    let BundleError::Inference(InferenceError::Cancelled { done, .. }) = stopped.unwrap_err() else {
        panic!("another error")
    };
    assert_eq!(done, 3);
}

#[test]
fn the_plans_memory_is_no_less_than_a_rough_count() {
    for (classes, window, wanted) in [
        (2, None, Wanted::default()),
        (4, None, EVERYTHING),
        (4, Some(SlidingWindowConfig::new(Dhw { d: 4, h: 6, w: 8 }).with_batch(3)), EVERYTHING),
        (3, Some(SlidingWindowConfig::new(Dhw { d: 16, h: 16, w: 4 }).with_batch(2)), Wanted::default()),
    ] {
        let bundle = bundle(NetworkBundleConfig { window, ..settings(classes) }, 2);
        let plan = predict(&bundle, ct(), &oblique(), wanted).plan;
        let voxels = |shape: [usize; 3]| shape.iter().product::<usize>() as u64;
        let batch = window.map_or(1, |window| window.batch) as u64;
        let image = voxels(SHAPE);
        let mut rough = 4 * image + image;
        // Windows, their logits, and two feature maps of the highest level.
        rough += batch * voxels(plan.window.to_array()) * 4 * (1 + classes as u64 + 3 + 3);
        if wanted.probabilities {
            rough += 2 * classes as u64 * image;
        }
        if wanted.entropy {
            rough += 4 * image;
        }
        assert!(plan.memory_bytes >= rough, "{} {rough}", plan.memory_bytes);
        assert!(plan.memory_bytes < 100 * rough, "{} {rough}", plan.memory_bytes);
        let text = plan.to_string();
        assert!(text.contains("MiB") && text.contains("2 fold(s)"), "{text}");
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let config = NetworkBundleConfig { restoring: Restoring::Probabilities, ..settings(3) };
    let bundle = bundle(config, 2);
    let run = || predict(&bundle, ct(), &oblique(), EVERYTHING);
    let with = |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run);
    let one = with(1);
    for threads in [2, 5] {
        let many = with(threads);
        assert_eq!((&many.mask, &many.probabilities, many.certainty), (&one.mask, &one.probabilities, one.certainty));
        assert_eq!(many.entropy, one.entropy);
    }
}

#[test]
fn turned_axes_are_undone_for_probabilities_too() {
    let change = Axes::between(Orientation::RAS, "PIR".parse().unwrap());
    let mut config = settings(3);
    config.preprocessing = Pipeline::new().then(Reorient { to: "PIR".parse().unwrap() });
    let bundle = bundle(config, 1);
    let prepared = change.apply(&ct().index_axis(Axis(0), 0)).insert_axis(Axis(0));
    let scores = probable(logits(&bundle.folds()[0], &prepared));
    let back = Axes::between("PIR".parse().unwrap(), Orientation::RAS);
    let classes: Vec<Array3<f32>> = scores.outer_iter().map(|class| back.apply(&class)).collect();
    let views: Vec<_> = classes.iter().map(|class| class.view()).collect();
    let found = predict(&bundle, ct(), &oblique(), EVERYTHING);
    assert_near(found.probabilities.as_ref().unwrap(), &ndarray::stack(Axis(0), &views).unwrap());
}

#[test]
fn a_spacing_in_the_wrong_unit_is_refused_before_memory_is_taken() {
    let turned = Reorient { to: Orientation::RAS };
    let respaced = medseg_transforms::Respace::to(Dhw::splat(1.0));
    let preprocessing = Pipeline::new().then(turned).then(respaced);
    let bundle = bundle(NetworkBundleConfig { preprocessing, ..settings(2) }, 1);
    // Metres, taken as millimetres: 10^11 voxels.
    let geometry = Geometry::from_spacing(Dhw { d: 400.0, h: -400.0, w: -400.0 }).unwrap();
    let found = bundle.predict(ct(), &geometry, Wanted::default(), &mut |_| Ok(()), &mut NoProgress);
    assert!(matches!(found, Err(BundleError::HostMemory { .. })), "{:?}", found.err());
}
