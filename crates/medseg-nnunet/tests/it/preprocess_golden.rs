//! Resampling and preprocessing against values of scikit-image, PyTorch and NumPy.

use std::path::{Path, PathBuf};

use medseg_nnunet::{
    CropBox, ImageReader, LabelResampling, LabelResizeRule, Normalization, PreprocessConfig, PreviousStage, Resampling,
    preprocess, read_case, read_case_mask, resample_image, resample_segmentation,
};
use medseg_testing::Golden;
use ndarray::{Array3, Array4};
use serde_json::Value;

fn array<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

/// The largest difference relative to the larger of the value and 1.
fn largest(got: impl IntoIterator<Item = f32>, want: &[f64]) -> f64 {
    let pairs = got.into_iter().zip(want);
    pairs.map(|(got, want)| (f64::from(got) - want).abs() / want.abs().max(1.0)).fold(0.0, f64::max)
}

#[test]
fn images_are_resampled_as_by_scikit_image_and_pytorch() {
    for golden in Golden::all("image") {
        let p = &golden.params;
        let force_separate = array(&p["force"]);
        let resampling = match p["kind"].as_str() {
            Some("torch") => Resampling::Torch { force_separate },
            _ => Resampling::Spline { order: array(&p["order"]), order_z: array(&p["order_z"]), force_separate },
        };
        let input = golden.tensor("input");
        let image = Array4::from_shape_vec(input.dims::<4>(), input.f32()).unwrap();
        let (from, to) = (array(&p["from"]), array(&p["to"]));
        let got = resample_image(&image, array(&p["shape"]), from, to, &resampling).unwrap();
        let want = golden.tensor("expected");
        assert_eq!(got.shape(), want.shape, "{}", golden.name);
        println!("{}: {:.1e}", golden.name, largest(got.iter().copied(), &want.values));
        golden.check("expected", got.iter().map(|value| f64::from(*value)));
    }
}

#[test]
fn label_maps_are_resampled_as_by_both_versions_of_batchgenerators_and_by_pytorch() {
    for golden in Golden::all("labels") {
        let p = &golden.params;
        let force_separate = array(&p["force"]);
        let resampling = match p["rule"].as_str() {
            Some("torch") => LabelResampling::Torch { force_separate, memory_efficient: false },
            Some("torch_efficient") => LabelResampling::Torch { force_separate, memory_efficient: true },
            rule => {
                let rule =
                    if rule == Some("largest") { LabelResizeRule::Largest } else { LabelResizeRule::AtLeastHalf };
                LabelResampling::Spline { order: array(&p["order"]), force_separate, rule }
            }
        };
        let input = golden.tensor("input");
        let labels = input.values.iter().map(|value| *value as i16).collect();
        let labels = Array3::from_shape_vec(input.dims::<3>(), labels).unwrap();
        let (from, to) = (array(&p["from"]), array(&p["to"]));
        let got = resample_segmentation(&labels, array(&p["shape"]), from, to, &resampling).unwrap();
        let want = golden.tensor("expected");
        let differ = got.iter().zip(&want.values).filter(|(got, want)| f64::from(**got) != **want).count();
        assert_eq!((differ, got.shape()), (0, &want.shape[..]), "{}", golden.name);
    }
}

/// The images and masks of a case.
pub fn folder(name: &str) -> PathBuf {
    Path::new("tests/golden/preprocess").join(name)
}

#[test]
fn images_are_preprocessed_as_for_five_models() {
    for golden in Golden::all("preprocess") {
        let p = &golden.params;
        let name = golden.name.rsplit('/').next().unwrap();
        let folder = folder(name);
        let forward: [usize; 3] = array(&p["forward"]);
        let constant = |name: &str| p["ct"][name].as_f64().unwrap();
        let (lower, upper) = (constant("lower"), constant("upper"));
        let ct = Normalization::Ct { lower, upper, mean: constant("mean"), std: constant("std") };
        let cascade = folder.join("previous.nii.gz").exists();
        let config = PreprocessConfig {
            transpose_forward: forward,
            transpose_backward: [0, 1, 2].map(|axis| forward.iter().position(|from| *from == axis).unwrap()),
            spacing: array(&p["spacing"]),
            normalizations: vec![ct, Normalization::ZScore { masked: true }],
            image_resampling: Resampling::default(),
            previous: cascade.then(|| PreviousStage { labels: vec![1, 2, 3], resampling: LabelResampling::default() }),
        };
        let paths = [folder.join("case_0000.nii.gz"), folder.join("case_0001.nii.gz")];
        let image = read_case(&paths, ImageReader::SimpleItk).unwrap();
        let previous = cascade.then(|| read_case_mask(folder.join("previous.nii.gz"), ImageReader::SimpleItk).unwrap());
        let got = preprocess(image.data, image.spacing, previous, &config).unwrap();
        assert_eq!(got.properties.crop, CropBox { start: array(&p["start"]), size: array(&p["size"]) });
        assert_eq!(got.properties.full_shape, array::<[usize; 3]>(&p["full"]));
        assert_eq!(got.properties.spacing, array::<[f64; 3]>(&p["image_spacing"]));
        let shape: Vec<usize> = array(&p["shape"]);
        assert_eq!(got.data.shape(), shape, "{name}");
        let voxels: Vec<f32> = got.data.iter().copied().step_by(array(&p["step"])).collect();
        let want = &golden.tensor("expected").values;
        println!("{name}: {:.1e}", largest(voxels.iter().copied(), want));
        golden.check("expected", voxels.into_iter().map(f64::from));
    }
}
