//! Files of weights and their checksums.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use medseg_files::FileDigest;
use medseg_volume::error_chain;

use crate::error::BundleError;
use crate::stage::{NetworkConfig, StageNetwork};

/// The path of a stage's weights in a bundle.
fn file_of(folder: &Path, stage: &str) -> PathBuf {
    folder.join(format!("{stage}.safetensors"))
}

/// Writes a stage's weights; returns the file's length and checksum.
pub(crate) fn write(folder: &Path, stage: &str, network: &StageNetwork) -> Result<FileDigest, BundleError> {
    let path = file_of(folder, stage);
    network.save(&path)?;
    FileDigest::of(&path).map_err(BundleError::io("read", &path))
}

/// Reads a stage's weights, which must be the ones remembered and those of the network.
pub(crate) fn read(
    folder: &Path,
    stage: &str,
    remembered: Option<&FileDigest>,
    config: &NetworkConfig,
    device: &Device,
) -> Result<StageNetwork, BundleError> {
    let path = file_of(folder, stage);
    let Some(remembered) = remembered else {
        return Err(BundleError::weights(&path, "the bundle's settings have no checksum of it"));
    };
    if !path.is_file() {
        return Err(BundleError::weights(&path, "the file is missing"));
    }
    remembered.check(&path).map_err(|error| BundleError::weights(&path, error_chain(&error)))?;
    StageNetwork::load(config, &path, device)
}
