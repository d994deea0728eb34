//! From files of weights to a bundle.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use medseg_architecture::{Architecture, Parameter};
use medseg_bundle::{NetworkBundle, NetworkBundleConfig};
use medseg_network::{Network, NetworkError};
use medseg_torch::{StoredTensor, TorchFile};
use medseg_transforms::{CropBody, Kernel, Pipeline, Reorient, Resize};
use medseg_volume::Dhw;

use crate::{Channels, ObeliskError, architecture};

/// Voxels along every axis that the network sees.
const SIZE: usize = 144;
/// Labels of the published weights, from 1.
const ORGANS: [&str; 8] =
    ["spleen", "pancreas", "left kidney", "gallbladder", "oesophagus", "liver", "stomach", "duodenum"];

/// Makes a bundle of published weights, one file a fold, whose logits are averaged.
///
/// The chain is that of the published network: the body's box in the axial plane, resized to 144×144×144 voxels whose axes
/// run to the feet, the front and the left; intensities in Hounsfield units as they are; labels of the nearest voxel.
///
/// # Errors
/// No file, one that cannot be read, or weights of another network; nothing in a file is executed.
pub fn import(files: &[impl AsRef<Path>], device: &Device) -> Result<NetworkBundle, ObeliskError> {
    let mut folds: Vec<Network> = Vec::new();
    for file in files {
        let path = file.as_ref();
        let tensors = TorchFile::open(path)?.state_dict(&["state_dict", "model"])?;
        let architecture = architecture(&channels(path, &tensors)?);
        if folds.first().is_some_and(|first| *first.architecture() != architecture) {
            let reason = "its channels are not those of the first file".to_owned();
            return Err(ObeliskError::OtherNetwork { path: path.to_owned(), reason });
        }
        folds.push(network(path, &architecture, &tensors, device)?);
    }
    let first = folds.first().ok_or(ObeliskError::NoFile)?;
    let config = settings(first.architecture().clone())?;
    Ok(NetworkBundle::new(config, folds, device)?)
}

/// The settings around the network.
fn settings(architecture: Architecture) -> Result<NetworkBundleConfig, ObeliskError> {
    let orientation =
        |letters: &str| -> Reorient { Reorient { to: letters.parse().expect("letters of three directions") } };
    let resize = Resize { size: Dhw::splat(SIZE), kernel: Kernel::Linear, align_corners: false };
    let mut config = NetworkBundleConfig::new("OBELISK all-convolutional U-Net", architecture)?;
    config.description = "Abdominal organs in CT. Research software: not for diagnosis.".into();
    config.channels = vec!["CT in Hounsfield units".into()];
    config.preprocessing =
        Pipeline::new().then(orientation("LPS")).then(CropBody::default()).then(orientation("IAL")).then(resize);
    let classes = config.architecture.graph().map_err(NetworkError::from)?.out_channels();
    if classes == ORGANS.len() + 1 {
        config.labels = (1..).zip(ORGANS).map(|(label, organ)| (label, organ.to_owned())).collect();
    }
    let origin = [
        ("source", "https://github.com/mattiaspaul/OBELISK"),
        ("licence", "MIT"),
        ("training_data", "TCIA Pancreas-CT"),
        ("article", "Heinrich, Oktay, Bouteldja: OBELISK-Net. Medical Image Analysis 54, 2019"),
    ];
    config.provenance = origin.into_iter().map(|(key, text)| (key.to_owned(), text.to_owned())).collect();
    Ok(config)
}

/// The numbers of channels that the tensors' shapes tell.
fn channels(path: &Path, tensors: &BTreeMap<String, StoredTensor>) -> Result<Channels, ObeliskError> {
    let other = |reason: String| ObeliskError::OtherNetwork { path: path.to_owned(), reason };
    let out = |layer: &str| {
        let key = format!("{layer}.weight");
        let shape = tensors.get(&key).map(StoredTensor::shape).ok_or_else(|| other(format!("there is no {key}")))?;
        match shape {
            [out @ 1..=4096, _, 3, 3, 3] => Ok(*out),
            _ => Err(other(format!("{key} has the shape {shape:?}"))),
        }
    };
    let mut channels = Channels { classes: out("conv77U")?, ..Channels::default() };
    for (level, number) in channels.encoder.iter_mut().enumerate() {
        *number = out(&format!("conv{level}"))?;
    }
    for (number, name) in channels.decoder.iter_mut().zip(["6dU", "6cU", "6bU", "6U", "7U"]) {
        *number = out(&format!("conv{name}"))?;
    }
    Ok(channels)
}

/// A fold with the weights of its file.
fn network(
    path: &Path,
    architecture: &Architecture,
    tensors: &BTreeMap<String, StoredTensor>,
    device: &Device,
) -> Result<Network, ObeliskError> {
    let other = |reason: String| ObeliskError::OtherNetwork { path: path.to_owned(), reason };
    let mut unread: BTreeMap<&str, &StoredTensor> =
        tensors.iter().map(|(key, tensor)| (key.as_str(), tensor)).collect();
    unread.retain(|key, _| !key.ends_with(".num_batches_tracked"));
    let place = path.display().to_string();
    let network = Network::from_values(
        architecture,
        &place,
        |parameter: &Parameter| -> Result<Vec<f32>, ObeliskError> {
            // The state dict has no stages.
            let (_, key) = parameter.name.split_once('.').unwrap_or(("", &parameter.name));
            let tensor = unread.remove(key).ok_or_else(|| other(format!("there is no {key}")))?;
            if tensor.shape() != parameter.shape {
                let (found, expected) = (tensor.shape(), &parameter.shape);
                return Err(other(format!("{key} has the shape {found:?} instead of {expected:?}")));
            }
            Ok(tensor.values()?)
        },
        device,
    )?;
    match unread.keys().next() {
        Some(key) => Err(other(format!("the network has no {key}"))),
        None => Ok(network),
    }
}
