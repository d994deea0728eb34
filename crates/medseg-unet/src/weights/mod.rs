//! Weight files: saving networks and loading them again.

mod exact;
mod keys;
mod matching;
mod read;
mod staged;
mod state_dict;
mod write;

use std::path::Path;

use burn::tensor::{Device, TensorData};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use exact::exact_parameters;
pub use keys::StateDictKeys;
pub use state_dict::{LoadedStateDict, StateDictOptions, load_state_dict, load_state_dict_with, save_state_dict};

use crate::{UNet, UNetConfig, UNetError};
use read::WeightFile;
use write::{FileKind, write_weights};

/// Metadata entry that holds the settings as JSON.
const CONFIG: &str = "medseg_unet_config";

/// Writes a network with its settings, so that the file alone rebuilds it: a burnpack file if the name ends in `.bpk`, a
/// safetensors file if it ends in `.safetensors`. Both hold the tensors under the names of [`UNet::named_parameters`] and
/// [`UNet::named_statistics`]; PyTorch reads those of a safetensors file. The file is written under a temporary name,
/// synchronised and renamed.
///
/// # Errors
/// Another ending, or what the system says, naming the file.
pub fn save_weights(network: &UNet, path: impl AsRef<Path>) -> Result<(), UNetError> {
    let tensors = network.named_parameters().into_iter().chain(network.named_statistics());
    save(path.as_ref(), CONFIG, network.config(), tensors)
}

/// Rebuilds a network from a file of [`save_weights`], of either kind.
///
/// # Errors
/// An unreadable or damaged file, one without settings, or weights that are not those of its settings.
pub fn load_weights(path: impl AsRef<Path>, device: &Device) -> Result<UNet, UNetError> {
    let path = path.as_ref();
    let bad = |reason: String| UNetError::malformed(path)(reason);
    let file = WeightFile::open(path)?;
    let config: UNetConfig = settings(path, &file, CONFIG)?;
    config.validate().map_err(|e| bad(format!("its settings: {e}")))?;
    Ok(state_dict::load(path, &file, &config, &StateDictOptions::default(), device)?.network)
}

/// Writes tensors with a network's settings in the metadata entry `key`.
fn save(
    path: &Path,
    key: &str,
    config: &impl Serialize,
    tensors: impl IntoIterator<Item = (String, TensorData)>,
) -> Result<(), UNetError> {
    let kind = FileKind::from_name(path)?;
    let config = serde_json::to_string(config).map_err(|e| UNetError::malformed(path)(e.to_string()))?;
    write_weights(path, kind, tensors, &[(key, config)])
}

/// The settings in the metadata entry `key`, not validated.
fn settings<C: DeserializeOwned>(path: &Path, file: &WeightFile, key: &str) -> Result<C, UNetError> {
    let config = file.metadata.get(key).ok_or_else(|| UNetError::NoConfig { path: path.to_path_buf() })?;
    serde_json::from_str(config).map_err(|e| UNetError::malformed(path)(format!("its settings: {e}")))
}
