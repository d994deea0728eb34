//! Files of weights and their checksums.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use medseg_files::FileDigest;
use medseg_volume::error_chain;

use crate::error::BundleError;
use crate::stage::{NetworkConfig, StageNetwork};

/// The name of a network: the stage's, with the fold's number where there are several.
pub(crate) fn name(stage: &str, fold: usize, folds: usize) -> String {
    if folds == 1 { stage.to_string() } else { format!("{stage}_{fold:02}") }
}

/// The path of a network's weights in a bundle.
fn file_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.safetensors"))
}

/// Writes a network's weights; returns the file's length and checksum.
pub(crate) fn write(folder: &Path, name: &str, network: &StageNetwork) -> Result<FileDigest, BundleError> {
    let path = file_of(folder, name);
    network.save(&path)?;
    FileDigest::of(&path).map_err(BundleError::io("read", &path))
}

/// Reads a network's weights, which must be the ones remembered and those of the network.
pub(crate) fn read(
    folder: &Path,
    name: &str,
    remembered: Option<&FileDigest>,
    config: &NetworkConfig,
    device: &Device,
) -> Result<StageNetwork, BundleError> {
    let path = file_of(folder, name);
    let Some(remembered) = remembered else {
        return Err(BundleError::weights(&path, "the bundle's settings have no checksum of it"));
    };
    if !path.is_file() {
        return Err(BundleError::weights(&path, "the file is missing"));
    }
    remembered.check(&path).map_err(|error| BundleError::weights(&path, error_chain(&error)))?;
    StageNetwork::load(config, &path, device)
}
