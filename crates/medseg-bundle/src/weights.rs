//! Files of weights and their checksums.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use medseg_files::FileDigest;
use medseg_unet::{UNet, UNetConfig, load_weights, save_weights};
use medseg_volume::error_chain;

use crate::error::BundleError;

/// The path of a stage's weights in a bundle.
fn file_of(folder: &Path, stage: &str) -> PathBuf {
    folder.join(format!("{stage}.safetensors"))
}

/// Writes a stage's weights; returns the file's length and checksum.
pub(crate) fn write(folder: &Path, stage: &str, network: &UNet) -> Result<FileDigest, BundleError> {
    let path = file_of(folder, stage);
    save_weights(network, &path)?;
    FileDigest::of(&path).map_err(BundleError::io("read", &path))
}

/// Reads a stage's weights, which must be the ones remembered and those of the network.
pub(crate) fn read(
    folder: &Path,
    stage: &str,
    remembered: Option<&FileDigest>,
    config: &UNetConfig,
    device: &Device,
) -> Result<UNet, BundleError> {
    let path = file_of(folder, stage);
    let Some(remembered) = remembered else {
        return Err(BundleError::weights(&path, "the bundle's settings have no checksum of it"));
    };
    if !path.is_file() {
        return Err(BundleError::weights(&path, "the file is missing"));
    }
    remembered.check(&path).map_err(|error| BundleError::weights(&path, error_chain(&error)))?;
    let network = load_weights(&path, device)?;
    if network.config() != config {
        return Err(BundleError::weights(&path, "it holds another network than the bundle's settings"));
    }
    Ok(network)
}
