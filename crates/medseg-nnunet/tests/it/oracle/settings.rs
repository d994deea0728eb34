//! A fixture's model with other settings.

use std::path::Path;

use burn::tensor::Device;
use medseg_nnunet::{CHECKPOINT, Model, ModelFolder};
use serde_json::{Value, json};

use super::dice::Dice;
use crate::fixture;

/// Settings of a model that its weights leave open.
#[derive(Clone, Debug)]
pub struct Settings {
    pub spacing: Vec<f64>,
    pub patch: Vec<usize>,
    /// Axes of the image in the network's order.
    pub transpose: [usize; 3],
    pub mirrored: Vec<usize>,
}

impl Settings {
    /// Settings for an image of this spacing.
    pub fn random(fixture_name: &str, image_spacing: [f64; 3], dice: &mut Dice) -> Self {
        let folder = ModelFolder::open(fixture(fixture_name)).unwrap();
        let configuration = folder.configuration;
        let axes = configuration.patch_size.len();
        let transpose = dice.shuffled([0, 1, 2]);
        let same = dice.chance(0.2);
        let spacing = transpose[3 - axes..].iter().map(|axis| {
            let factor = if same { 1.0 } else { dice.between(0.7, 1.5) };
            (image_spacing[*axis] * factor * 100.0).round() / 100.0
        });
        let spacing = spacing.collect();
        let strides = &configuration.architecture.strides;
        let patch = (0..axes).map(|axis| {
            let stride: usize = strides.iter().map(|stride| stride[axis]).product();
            dice.whole(8..=24).div_ceil(stride) * stride
        });
        let patch = patch.collect();
        let kept = dice.whole(0..=folder.mirroring_axes.map_or(0, |axes| axes.len()));
        let mirrored = dice.shuffled([0, 1, 2]).into_iter().filter(|axis| *axis < axes).take(kept).collect();
        Self { spacing, patch, transpose, mirrored }
    }

    /// Writes the model of a fixture with these settings to an empty folder, and opens it.
    pub fn apply(&self, fixture_name: &str, to: &Path) -> Model {
        let from = ModelFolder::open(fixture(fixture_name)).unwrap();
        let mut plans: Value = serde_json::from_slice(&std::fs::read(from.path.join("plans.json")).unwrap()).unwrap();
        plans["transpose_forward"] = json!(self.transpose);
        plans["transpose_backward"] = json!([0, 1, 2].map(|axis| self.transpose.iter().position(|at| *at == axis)));
        let configuration = &mut plans["configurations"][&from.configuration.name];
        configuration["spacing"] = json!(self.spacing);
        configuration["patch_size"] = json!(self.patch);
        std::fs::write(to.join("plans.json"), plans.to_string()).unwrap();
        std::fs::copy(from.path.join("dataset.json"), to.join("dataset.json")).unwrap();
        for fold in &from.folds {
            let mut checkpoint = std::fs::read(from.weights_path(*fold)).unwrap();
            mirror(&mut checkpoint, &self.mirrored);
            let folder = to.join(fold.to_string());
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join(CHECKPOINT), checkpoint).unwrap();
        }
        let model = Model::open(to, &Device::flex()).unwrap();
        assert_eq!(model.folder().mirroring_axes.as_ref(), Some(&self.mirrored));
        model
    }
}

/// Replaces the axes of mirroring in the bytes of a checkpoint by at most as many, in a pickle of the same length.
fn mirror(checkpoint: &mut [u8], axes: &[usize]) {
    const NAME: &[u8] = b"inference_allowed_mirroring_axes";
    const ENTRY: &[u8] = b"/data.pkl";
    let find = |text: &[u8], range: &[u8]| range.windows(text.len()).position(|found| found == text).unwrap();
    // The name is followed by five bytes that number it.
    let start = find(NAME, checkpoint) + NAME.len() + 5;
    let length = checkpoint[start..].iter().position(|byte| matches!(byte, 0x86 | 0x87)).unwrap() + 1;
    let numbers = axes.iter().flat_map(|axis| [b'K', *axis as u8]);
    let tuple = [b')', 0x85, 0x86, 0x87][axes.len()];
    let mut pickle: Vec<u8> = numbers.chain([tuple]).collect();
    while pickle.len() < length {
        // Pushes nothing, and takes it away.
        pickle.splice(0..0, *b"N0");
    }
    checkpoint[start..][..length].copy_from_slice(&pickle);
    // A checksum of 0 in the directory, at the file's end, stands for none.
    let entry = checkpoint.windows(ENTRY.len()).rposition(|found| found == ENTRY).unwrap();
    let record = checkpoint[..entry].windows(4).rposition(|found| found == b"PK\x01\x02").unwrap();
    checkpoint[record + 16..][..4].fill(0);
}
