//! Bundles of regions that overlap, against the rule written out.

use burn::tensor::Device;
use medseg_bundle::{Average, Calibration, NetworkBundle, NetworkBundleConfig, Restoring, Wanted};
use medseg_inference::{Dhw, MaskRule, Probabilities, RegionLabel, SlidingWindowConfig, to_probabilities};
use medseg_transforms::LabelInterpolation;
use ndarray::{Array4, Axis, s};

use crate::network::{EVERYTHING, SHAPE, assert_near, bundle, ct, logits, mean, oblique, predict, refused, settings};

/// Settings of three regions that overlap: the last channel is in front, the first behind, the middle one does not count.
fn regions(average: Average, restoring: Restoring, threshold: f32) -> NetworkBundleConfig {
    let rule = MaskRule::default().with_threshold(threshold);
    let rule = rule.with_regions([RegionLabel::new(2, 9), RegionLabel::new(0, 5)]);
    let window = SlidingWindowConfig::whole(Dhw::from(SHAPE));
    let labels = [(9, "core".into()), (5, "whole without core".into())].into();
    let region_names = ["whole", "other", "core"].map(String::from).to_vec();
    let probabilities = Probabilities::Sigmoid;
    NetworkBundleConfig {
        average,
        restoring,
        rule,
        probabilities,
        labels,
        region_names,
        window: Some(window),
        ..settings(3)
    }
}

#[test]
fn regions_that_overlap_make_one_mask_on_every_way() {
    let sigmoid = |mut scores: Array4<f32>| {
        to_probabilities(&mut scores.view_mut(), Probabilities::Sigmoid);
        scores
    };
    for average in [Average::Logits, Average::Probabilities] {
        for restoring in
            [Restoring::Labels(LabelInterpolation::NearestExact), Restoring::Inverse, Restoring::Probabilities]
        {
            for mirrored in [false, true] {
                let axes = Dhw { d: false, h: mirrored, w: false };
                let made = |threshold| bundle(regions(average, restoring, threshold), 2).with_mirror(axes);
                let pass = |axis: Option<usize>| {
                    let mut image = ct();
                    axis.into_iter().for_each(|axis| image.invert_axis(Axis(axis)));
                    let image = image.as_standard_layout().into_owned();
                    let any = made(0.5);
                    let of = any.folds().iter().map(|fold| logits(fold, &image));
                    let mut mean_of_folds = match average {
                        Average::Logits => sigmoid(mean(of.collect())),
                        Average::Probabilities => mean(of.map(sigmoid).collect()),
                    };
                    axis.into_iter().for_each(|axis| mean_of_folds.invert_axis(Axis(axis)));
                    mean_of_folds.as_standard_layout().into_owned()
                };
                let passes = if mirrored { vec![None, Some(2)] } else { vec![None] };
                let want = mean(passes.into_iter().map(pass).collect());
                // Two voxels in five are in the first region.
                let mut sorted: Vec<f32> = want.index_axis(Axis(0), 2).iter().copied().collect();
                sorted.sort_by(f32::total_cmp);
                let threshold = sorted[sorted.len() * 3 / 5];
                let bundle = made(threshold);
                let mut seen = std::collections::BTreeSet::new();
                for wanted in [Wanted::default(), Wanted { spread: false, ..EVERYTHING }, EVERYTHING] {
                    let found = predict(&bundle, ct(), &oblique(), wanted);
                    for ((z, y, x), label) in found.mask.data.indexed_iter() {
                        let p = want.slice(s![.., z, y, x]);
                        let near = p.iter().any(|p| (p - threshold).abs() < 1e-5);
                        let first = if p[2] >= threshold { 9 } else { u8::from(p[0] >= threshold) * 5 };
                        assert!(near || *label == first, "{label} of {p}: {average:?}, {restoring:?}, {mirrored}");
                        seen.insert(*label);
                    }
                    if wanted.probabilities {
                        assert_near(found.probabilities.as_ref().unwrap(), &want);
                    }
                }
                assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 5, 9]);
            }
        }
    }
}

#[test]
fn regions_survive_the_folder_and_have_no_temperature_to_find() {
    let bundle = bundle(regions(Average::Logits, Restoring::Probabilities, 0.5), 1);
    let folder = tempfile::tempdir().unwrap();
    bundle.save(folder.path().join("bundle")).unwrap();
    let again = NetworkBundle::open(folder.path().join("bundle"), &Device::flex()).unwrap();
    assert_eq!(
        (&again.config().rule, &again.config().region_names),
        (&bundle.config().rule, &bundle.config().region_names)
    );
    let wanted = Wanted::default();
    assert_eq!(predict(&again, ct(), &oblique(), wanted).mask, predict(&bundle, ct(), &oblique(), wanted).mask);
    let error = Calibration::new(&bundle).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("regions that overlap"), "{error}");
}

#[test]
fn regions_that_do_not_fit_the_network_are_refused() {
    let overlap = || regions(Average::Logits, Restoring::Probabilities, 0.5);
    refused(NetworkBundleConfig { probabilities: Probabilities::Softmax, ..overlap() }, "sigmoid");
    refused(NetworkBundleConfig { labels: [(1, "x".into())].into(), ..overlap() }, "label 1");
    refused(NetworkBundleConfig { region_names: vec!["whole".into()], ..overlap() }, "region_names");
    refused(NetworkBundleConfig { region_names: vec!["a".into(), "b".into()], ..settings(2) }, "region_names");
    let beyond = MaskRule::default().with_regions([RegionLabel::new(3, 1)]);
    refused(NetworkBundleConfig { rule: beyond, labels: Default::default(), ..overlap() }, "channel 3");
}
