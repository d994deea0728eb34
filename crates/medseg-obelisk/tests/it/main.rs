//! The tests of the crate, one binary.

mod bundles;
mod refused;
mod weights;

use std::path::PathBuf;

use burn::tensor::Device;
use medseg_bundle::NetworkBundle;
use medseg_testing::noise;
use ndarray::Array4;

/// A file of weights that PyTorch wrote.
fn weights(name: &str) -> PathBuf {
    PathBuf::from("tests/golden/weights").join(format!("{name}.pth"))
}

fn imported(names: &[&str]) -> NetworkBundle {
    let files: Vec<PathBuf> = names.iter().map(|name| weights(name)).collect();
    medseg_obelisk::import(&files, &Device::flex()).unwrap()
}

/// The image of the golden logits.
fn image() -> Array4<f32> {
    let values = noise(32 * 32 * 64, 7).into_iter().map(|v| (v * 1400.0 - 1000.0) as f32).collect();
    Array4::from_shape_vec((1, 32, 32, 64), values).unwrap()
}

fn scores(bundle: &NetworkBundle) -> Array4<f32> {
    bundle.scores(&image().view()).unwrap()
}
