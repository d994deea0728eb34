//! Labels: equality with MONAI, one-hot there and back, merging.

use medseg_testing::{Golden, Values};
use medseg_transforms::{
    AsDiscrete, FillHoles, KeepLargestComponents, LabelMap, OtherLabels, Pipeline, Probabilities, RemoveSmallObjects,
    Sample, Step, argmax, one_hot, relu, threshold,
};
use medseg_volume::{Dhw, Geometry, error_chain};
use ndarray::{Array, Array3, Array4, Axis, Dimension};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// `[channel, d, h, w]`, or the only one of a batch of such.
fn image(values: &Values) -> Array4<f32> {
    let lengths: [usize; 4] = values.shape[values.shape.len() - 4..].try_into().unwrap();
    Array4::from_shape_vec(lengths, values.f32()).unwrap()
}

fn check<T: Copy + Into<f64>, D: Dimension>(case: &Golden, name: &str, got: &Array<T, D>) {
    case.check(name, got.iter().map(|v| (*v).into()));
}

fn activated(case: &Golden, how: Probabilities) -> Array4<f32> {
    let mut logits = image(case.tensor("input"));
    how.apply(&mut logits);
    logits
}

#[test]
fn activations_agree() {
    for case in Golden::all("activation") {
        check(&case, "sigmoid", &activated(&case, Probabilities::Sigmoid));
        check(&case, "softmax_dim1", &activated(&case, Probabilities::Softmax));
        let mut positive = image(case.tensor("input"));
        relu(&mut positive);
        check(&case, "relu", &positive);
    }
}

#[test]
fn discrete_values_agree() {
    for case in Golden::all("post") {
        let (number, classes) = (|key: &str| case.params[key].as_f64().unwrap(), |v: f64| v as usize);
        let (least, classes_of_input) = (number("threshold") as f32, classes(number("num_classes")));
        let input = image(case.tensor("input"));
        let discrete = |how: AsDiscrete, from: &Array4<f32>| how.apply(&from.view()).unwrap();
        let none = AsDiscrete::default();

        let sigmoid = activated(&case, Probabilities::Sigmoid);
        check(&case, "sigmoid", &sigmoid);
        check(&case, "softmax", &activated(&case, Probabilities::Softmax));
        check(&case, "argmax", &argmax(&input.view()).unwrap());
        check(&case, "argmax", &discrete(AsDiscrete { argmax: true, ..none }, &input));
        let to_onehot = Some(classes_of_input);
        check(&case, "argmax_onehot", &discrete(AsDiscrete { argmax: true, to_onehot, ..none }, &input));
        check(&case, "threshold_0p5", &threshold(&input, least));
        let at_least = AsDiscrete { threshold: Some(least), ..none };
        check(&case, "threshold_0p5", &discrete(at_least, &input));
        check(&case, "sigmoid_threshold_0p5", &threshold(&sigmoid, least));

        let labels = image(case.tensor("labels"));
        check(&case, "one_hot_dim0", &discrete(AsDiscrete { to_onehot, ..none }, &labels));
        let labels = labels.index_axis(Axis(0), 0).mapv(|v| v as u8);
        check(&case, "one_hot_dim0", &one_hot(&labels.view(), classes_of_input).unwrap());
        check(&case, "one_hot_batched", &one_hot(&labels.view(), classes(number("batched_num_classes"))).unwrap());

        let halves = image(case.tensor("half_values"));
        check(&case, "half_rounded", &discrete(AsDiscrete { rounding: true, ..none }, &halves));
        check(&case, "half_threshold_0p5", &discrete(at_least, &halves));
    }
}

#[test]
fn activations_stay_finite() {
    let extreme = [0.0, -0.0, 88.0, -88.0, 1e30, -1e30, f32::MAX, f32::MIN, f32::MIN_POSITIVE];
    for a in extreme {
        for b in extreme {
            let logits = Array4::from_shape_vec((2, 1, 1, 1), vec![a, b]).unwrap();
            for how in [Probabilities::Sigmoid, Probabilities::Softmax] {
                let mut got = logits.clone();
                how.apply(&mut got);
                assert!(got.iter().all(|p| (0.0..=1.0).contains(p)), "{how:?} of {a}, {b}: {got}");
            }
        }
    }
}

fn labels(seed: u64) -> impl Iterator<Item = Array3<u8>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..50).map(move |_| {
        let lengths: [usize; 3] = std::array::from_fn(|_| rng.random_range(1..7));
        Array3::from_shape_simple_fn(lengths, || rng.random_range(0..4))
    })
}

#[test]
fn argmax_takes_one_hot_back() {
    for label in labels(1) {
        let channels = one_hot(&label.view(), 5).unwrap();
        assert!(channels.sum_axis(Axis(0)).iter().all(|v| *v == 1));
        assert_eq!(argmax(&channels.mapv(f32::from).view()).unwrap(), label);
    }
}

#[test]
fn what_cannot_be_a_label_is_refused() {
    let label = Array3::from_elem((2, 2, 2), 3u8);
    for (classes, names) in [(3, "label value 3"), (0, "classes 0"), (257, "classes 257")] {
        let error = one_hot(&label.view(), classes).unwrap_err().to_string();
        assert!(error.contains(names), "{error}");
    }
    for count in [0, 257] {
        let error = argmax(&Array4::zeros((count, 1, 1, 1)).view()).unwrap_err().to_string();
        assert!(error.contains(&format!("channels {count}")), "{error}");
    }
    for value in [0.5, -1.0, 256.0, f32::NAN, f32::INFINITY] {
        let how = AsDiscrete { to_onehot: Some(3), ..AsDiscrete::default() };
        assert!(how.apply(&Array4::from_elem((1, 1, 1, 1), value).view()).is_err(), "{value}");
    }
    // NaN is never the highest, nor above anything.
    let values = Array4::from_shape_vec((3, 1, 1, 1), vec![f32::NAN, -5.0, -6.0]).unwrap();
    assert_eq!(argmax(&values.view()).unwrap()[[0, 0, 0]], 1);
    assert_eq!(threshold(&values, f32::MIN).into_raw_vec_and_offset().0, [0, 1, 1]);
}

#[test]
fn values_are_renamed_as_the_map_says() {
    for label in labels(2) {
        let mut got = label.clone();
        LabelMap::foreground().apply(&mut got).unwrap();
        assert_eq!(got, label.mapv(|v| u8::from(v > 0)));
        let map = |others| LabelMap { to: [(1, 2), (2, 1)].into(), others };
        let mut swapped = label.clone();
        map(OtherLabels::Keep).apply(&mut swapped).unwrap();
        let want = |v| [0, 2, 1, 3][usize::from(v)];
        assert_eq!(swapped, label.mapv(want));
        let mut strict = label.clone();
        let refused = label.iter().any(|v| *v == 0 || *v == 3);
        assert_eq!(map(OtherLabels::Refuse).apply(&mut strict).is_err(), refused);
        assert_eq!(strict, if refused { label } else { swapped });
    }
}

#[test]
fn steps_change_the_label_and_pass_without_one() {
    let steps: [Step; 4] = [
        LabelMap::merged(&[1, 2]).into(),
        FillHoles::default().into(),
        RemoveSmallObjects { least: 5, by_label: true, connectivity: Default::default() }.into(),
        KeepLargestComponents::default().into(),
    ];
    let pipeline = Pipeline::from_iter(steps);
    let toml = toml::to_string(&pipeline).unwrap();
    assert_eq!(toml::from_str::<Pipeline>(&toml).unwrap(), pipeline, "{toml}");
    let json = serde_json::to_string(&pipeline).unwrap();
    assert_eq!(serde_json::from_str::<Pipeline>(&json).unwrap(), pipeline, "{json}");
    let twice = r#"{"to": [[1, 2], [1, 3]]}"#;
    assert!(serde_json::from_str::<LabelMap>(twice).unwrap_err().to_string().contains("two new ones"));
    let mut label = Array3::<u8>::zeros((9, 9, 9));
    label.slice_mut(ndarray::s![1..6, 1..6, 1..6]).fill(2);
    label[[3, 3, 3]] = 0;
    label[[8, 8, 8]] = 1;
    let geometry = Geometry::from_spacing(Dhw::splat(1.0)).unwrap();
    let sample = |label| Sample::new("a", Array3::zeros((9, 9, 9)), label, geometry.clone());
    let done = pipeline.apply_one(sample(Some(label)), 0).unwrap().sample.label.unwrap();
    assert_eq!(done.iter().map(|v| usize::from(*v)).sum::<usize>(), 125);
    assert_eq!(pipeline.apply_one(sample(None), 0).unwrap().sample, sample(None));
    let refuse = Pipeline::<Step>::new().then(LabelMap { to: [(0, 0)].into(), others: OtherLabels::Refuse });
    let error = error_chain(&refuse.apply_one(sample(Some(done)), 0).unwrap_err());
    assert!(error.contains("case a") && error.contains("map_labels") && error.contains("label value 1"), "{error}");
}
