//! Imported bundles against MONAI's own results.
#![cfg(feature = "import")]

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use medseg_architecture::Parameter;
use medseg_bundle::{NetworkBundle, Wanted};
use medseg_inference::NoProgress;
use medseg_monai::{ImportError, MonaiBundle, MonaiNetwork};
use medseg_network::{Network, NetworkError};
use medseg_testing::Golden;
use ndarray::{ArrayD, Axis, IxDyn};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// An array with its last three axes, x, y, z, as z, y, x.
fn turned(shape: &[usize], values: &[f64]) -> ArrayD<f64> {
    let array = ArrayD::from_shape_vec(IxDyn(shape), values.to_vec()).unwrap();
    let axes = shape.len();
    let order: Vec<usize> = (0..axes).map(|axis| if axis + 3 < axes { axis } else { 2 * axes - 4 - axis }).collect();
    array.permuted_axes(order).as_standard_layout().into_owned()
}

#[test]
fn networks_compute_what_monai_computes() {
    let mut seen = 0;
    for case in Golden::all("networks") {
        seen += 1;
        let class = case.params["class"].as_str().unwrap();
        let mut arguments = case.params["arguments"].clone();
        arguments["_target_"] = class.into();
        let network = MonaiNetwork::from_json(&arguments.to_string()).unwrap();
        let read = |parameter: &Parameter| -> Result<Vec<f32>, NetworkError> {
            let stored = case.tensor(&format!("state.{}", parameter.name));
            let values = if stored.shape.len() == 5 {
                turned(&stored.shape, &stored.values).into_raw_vec_and_offset().0
            } else {
                stored.values.clone()
            };
            Ok(values.into_iter().map(|v| v as f32).collect())
        };
        let device = Device::flex();
        let network = Network::from_values(&network.architecture, &case.name, read, &device).unwrap();
        let (input, output) = (case.tensor("input"), case.tensor("output"));
        let (x, expected) = (turned(&input.shape, &input.values), turned(&output.shape, &output.values));
        let shape: Vec<usize> = x.shape().to_vec();
        let values: Vec<f32> = x.iter().map(|v| *v as f32).collect();
        let y = network.forward(Tensor::<5>::from_data(TensorData::new(values, shape), &device));
        assert_eq!(y.dims().to_vec(), expected.shape(), "{}", case.name);
        let found: Vec<f32> = y.into_data().try_to_vec().unwrap();
        let largest = expected.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        for (a, b) in found.iter().zip(expected.iter()) {
            assert!((f64::from(*a) - b).abs() <= 1e-4 * largest, "{}: {a} instead of {b}", case.name);
        }
    }
    assert!(seen >= 8);
}

fn predicted(name: &str, wanted: Wanted) -> (medseg_volume::Volume<f32>, medseg_bundle::NetworkPrediction) {
    let bundle = MonaiBundle::open(golden("bundles").join(name)).unwrap().import(&Device::flex()).unwrap();
    // Settings and weights survive the way through a folder.
    let folder = tempfile::tempdir().unwrap();
    bundle.save(folder.path().join("bundle")).unwrap();
    let bundle = NetworkBundle::open(folder.path().join("bundle"), &Device::flex()).unwrap();
    let image = medseg_volume::read_image(golden("bundles/ct.nii.gz")).unwrap();
    let channels = bundle.folds()[0].graph().in_channels();
    let views: Vec<_> = (0..channels).map(|_| image.data.view().insert_axis(Axis(0))).collect();
    let all = ndarray::concatenate(Axis(0), &views).unwrap();
    let found = bundle.predict(all, &image.geometry, wanted, &mut |_| Ok(()), &mut NoProgress).unwrap();
    let expected = medseg_volume::read_image(golden("bundles/expected").join(format!("{name}.nii.gz"))).unwrap();
    (expected, found)
}

#[test]
fn probabilities_taken_back_are_those_of_monais_runner() {
    let wanted = Wanted { probabilities: true, ..Wanted::default() };
    let (expected, found) = predicted("spleen", wanted);
    let differ = found.mask.data.iter().zip(&expected.data).filter(|(a, b)| f32::from(**a) != **b).count();
    assert_eq!(differ, 0, "of {} voxels", expected.data.len());
    let case = Golden::read(&golden("bundles/expected/spleen.safetensors"));
    let of_monai = case.tensor("probabilities");
    let of_monai = turned(&of_monai.shape, &of_monai.values);
    let ours = found.probabilities.unwrap();
    assert_eq!(ours.shape(), &of_monai.shape()[of_monai.ndim() - 4..]);
    for (a, b) in ours.iter().zip(of_monai.iter()) {
        // Half precision has 11 bits.
        assert!((f64::from(a.to_f32()) - b).abs() <= 1e-4 + 5e-4 * b, "{a} instead of {b}");
    }
}

#[test]
fn labels_taken_back_are_those_of_monais_runner() {
    let (expected, found) = predicted("nearest", Wanted::default());
    let differ = found.mask.data.iter().zip(&expected.data).filter(|(a, b)| f32::from(**a) != **b).count();
    // Rounding decides between two voxels that are equally near.
    assert!(differ * 50 < expected.data.len(), "{differ} of {} voxels differ", expected.data.len());
}

#[test]
fn regions_that_overlap_make_the_mask_of_monais_runner() {
    let wanted = Wanted { probabilities: true, ..Wanted::default() };
    let (expected, found) = predicted("ordered", wanted);
    let differ = found.mask.data.iter().zip(&expected.data).filter(|(a, b)| f32::from(**a) != **b).count();
    assert_eq!(differ, 0, "of {} voxels", expected.data.len());
    let labels: std::collections::BTreeSet<u8> = found.mask.data.iter().copied().collect();
    assert_eq!(labels.into_iter().collect::<Vec<_>>(), [0, 1, 2, 4]);
    let case = Golden::read(&golden("bundles/expected/ordered.safetensors"));
    let of_monai = case.tensor("probabilities");
    let of_monai = turned(&of_monai.shape, &of_monai.values);
    for (a, b) in found.probabilities.unwrap().iter().zip(of_monai.iter()) {
        assert!((f64::from(a.to_f32()) - b).abs() <= 1e-4 + 5e-4 * b, "{a} instead of {b}");
    }
    let bundle = MonaiBundle::open(golden("bundles/ordered")).unwrap().import(&Device::flex()).unwrap();
    assert_eq!(bundle.config().region_names, ["core", "whole", "enhancing"]);
    assert_eq!(bundle.config().labels[&2], "whole without enhancing, core");
}

/// The bundle `ordered` with its steps behind the network changed.
fn changed(change: impl FnOnce(&mut Vec<serde_json::Value>)) -> Result<(), ImportError> {
    let folder = tempfile::tempdir().unwrap();
    let from = golden("bundles/ordered");
    for part in ["configs", "models"] {
        std::fs::create_dir(folder.path().join(part)).unwrap();
    }
    for file in ["configs/metadata.json", "models/model.pt"] {
        std::fs::copy(from.join(file), folder.path().join(file)).unwrap();
    }
    let text = std::fs::read_to_string(from.join("configs/inference.json")).unwrap();
    let mut config: serde_json::Value = serde_json::from_str(&text).unwrap();
    change(config["postprocessing"]["transforms"].as_array_mut().unwrap());
    std::fs::write(folder.path().join("configs/inference.json"), config.to_string()).unwrap();
    MonaiBundle::open(folder.path()).unwrap().import(&Device::flex()).map(|_| ())
}

#[test]
fn regions_without_an_order_or_a_sigmoid_are_refused_by_name() {
    // Sigmoid, the way back, threshold, order and file.
    let function = |text: &str| serde_json::json!({"_target_": "Lambdad", "keys": "pred", "func": text});
    let refused = |what: &str, change: &dyn Fn(&mut Vec<serde_json::Value>)| {
        let error = changed(|steps| change(steps)).expect_err(what);
        assert!(matches!(error, ImportError::Setting { .. }), "{error}");
        assert!(error.to_string().contains(what), "{error} does not name {what}");
    };
    assert!(changed(|_| {}).is_ok());
    refused("torch.where", &|steps| drop(steps.remove(3)));
    refused("Lambdad", &|steps| drop(steps.remove(2)));
    refused("Lambdad", &|steps| steps.swap(2, 3));
    refused("sigmoid", &|steps| {
        steps[0] = serde_json::json!({"_target_": "Activationsd", "keys": "pred", "softmax": true});
    });
    refused("argmax", &|steps| {
        steps.remove(3);
        steps[2] = serde_json::json!({"_target_": "AsDiscreted", "keys": "pred", "argmax": true});
    });
    refused("twice", &|steps| steps.insert(3, steps[2].clone()));
    refused("channel 3", &|steps| steps[3] = function("$lambda x: torch.where(x[[3]] > 0, 4, 0)"));
    refused("over 255", &|steps| steps[3] = function("$lambda x: torch.where(x[[0]] > 0, 256, 0)"));
    refused("no region", &|steps| steps[3] = function("$lambda x: torch.where(x[[0]] > 0, 2, 1)"));
    refused("KeepLargestConnectedComponentd", &|steps| {
        steps.insert(3, serde_json::json!({"_target_": "KeepLargestConnectedComponentd", "keys": "pred"}));
    });
    // MONAI's own bundle of the BraTS challenge has no step between the sigmoid and the threshold but the way back.
    assert!(changed(|steps| drop(steps.remove(1))).is_ok());
}

#[test]
fn regions_without_an_order_are_refused() {
    let bundle = MonaiBundle::open(golden("bundles/regions")).unwrap();
    let error = bundle.import(&Device::flex()).err().unwrap().to_string();
    assert!(error.contains("threshold") && error.contains("torch.where"), "{error}");
}
