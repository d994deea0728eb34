//! Files of weights and their checksums.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use medseg_unet::{UNet, UNetConfig, load_weights, save_weights};
use sha2::{Digest, Sha256};

use crate::config::WeightsFile;
use crate::error::BundleError;

/// The path of a stage's weights in a bundle.
fn file_of(folder: &Path, stage: &str) -> PathBuf {
    folder.join(format!("{stage}.safetensors"))
}

/// Writes a stage's weights; returns the file's length and checksum.
pub(crate) fn write(folder: &Path, stage: &str, network: &UNet) -> Result<WeightsFile, BundleError> {
    let path = file_of(folder, stage);
    save_weights(network, &path)?;
    describe(&path)
}

/// Reads a stage's weights, which must be the ones remembered and those of the network.
pub(crate) fn read(
    folder: &Path,
    stage: &str,
    remembered: Option<&WeightsFile>,
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
    let found = describe(&path)?;
    if found.bytes != remembered.bytes {
        let reason = format!("it has {} bytes and not {}: it is damaged", found.bytes, remembered.bytes);
        return Err(BundleError::weights(&path, reason));
    }
    if !found.sha256.eq_ignore_ascii_case(&remembered.sha256) {
        return Err(BundleError::weights(&path, "its SHA-256 is not the one in the bundle's settings: it is damaged"));
    }
    let network = load_weights(&path, device)?;
    if network.config() != config {
        return Err(BundleError::weights(&path, "it holds another network than the bundle's settings"));
    }
    Ok(network)
}

fn describe(path: &Path) -> Result<WeightsFile, BundleError> {
    let bytes = std::fs::read(path).map_err(BundleError::io("read", path))?;
    let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(WeightsFile { bytes: bytes.len() as u64, sha256 })
}
