//! Weight files: safetensors with the settings inside.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use burn::tensor::Device;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::layout::Layout;
use crate::parameters::Parameters;
use crate::{UNet, UNetConfig, UNetError};

/// Metadata entry that holds the settings as JSON.
const CONFIG: &str = "medseg_unet_config";

/// Writes a network to a safetensors file with its settings in the metadata, so that the file alone rebuilds it. PyTorch
/// reads the tensors under the same names. The file is written under a temporary name, synchronised and renamed.
///
/// # Errors
/// What the system says, naming the file.
pub fn save_weights(network: &UNet, path: impl AsRef<Path>) -> Result<(), UNetError> {
    let path = path.as_ref();
    let bad = |reason: String| UNetError::Malformed { path: path.to_path_buf(), reason };
    let mut tensors = Vec::new();
    for (name, data) in network.named_parameters().into_iter().chain(network.named_statistics()) {
        let shape = data.shape().to_vec();
        let values = data.convert::<f32>().try_to_vec::<f32>().map_err(|e| UNetError::Device(format!("{e:?}")))?;
        tensors.push((name, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>()));
    }
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|e| bad(e.to_string()))?;
    let config = serde_json::to_string(network.config()).map_err(|e| bad(e.to_string()))?;
    let metadata = HashMap::from([(CONFIG.to_string(), config)]);
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(|e| bad(e.to_string()))?;
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    let temporary = path.with_file_name(name);
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|e| {
        let _ = fs::remove_file(&temporary);
        UNetError::io("write", path)(e)
    })
}

/// Rebuilds a network from a file of [`save_weights`].
///
/// # Errors
/// An unreadable or damaged file, one without settings, or weights that are not those of its settings.
pub fn load_weights(path: impl AsRef<Path>, device: &Device) -> Result<UNet, UNetError> {
    let path = path.as_ref();
    let bad = |reason: String| UNetError::Malformed { path: path.to_path_buf(), reason };
    let bytes = fs::read(path).map_err(UNetError::io("read", path))?;
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| bad(format!("not a safetensors file: {e}")))?;
    let config = header.metadata().as_ref().and_then(|m| m.get(CONFIG));
    let config = config.ok_or_else(|| bad("it holds no network settings; was it written by save_weights?".into()))?;
    let config: UNetConfig = serde_json::from_str(config).map_err(|e| bad(format!("its settings: {e}")))?;
    config.validate().map_err(|e| bad(format!("its settings: {e}")))?;
    from_bytes(&bytes, path, &config, device)
}

/// Loads a safetensors state dict with the names of [`UNet::named_parameters`] into a network of these settings, such as
/// weights saved from PyTorch.
///
/// # Errors
/// Impossible settings, an unreadable or damaged file, and every missing, unexpected or differently shaped weight.
pub fn load_state_dict(path: impl AsRef<Path>, config: &UNetConfig, device: &Device) -> Result<UNet, UNetError> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(UNetError::io("read", path))?;
    from_bytes(&bytes, path, config, device)
}

fn from_bytes(bytes: &[u8], path: &Path, config: &UNetConfig, device: &Device) -> Result<UNet, UNetError> {
    config.validate()?;
    let bad = |reason: String| UNetError::Malformed { path: path.to_path_buf(), reason };
    let file = SafeTensors::deserialize(bytes).map_err(|e| bad(format!("not a safetensors file: {e}")))?;
    let mut found = BTreeMap::new();
    for (name, view) in file.iter() {
        if view.dtype() != Dtype::F32 {
            return Err(bad(format!("{name} is {:?}; only F32 is read", view.dtype())));
        }
        let (values, _) = view.data().as_chunks::<4>();
        let values = values.iter().map(|b| f32::from_le_bytes(*b)).collect();
        found.insert(name.to_string(), (view.shape().to_vec(), values));
    }
    let layout = Layout::of(config);
    let parameters = checked(found, &layout, &path.display().to_string())?;
    Ok(UNet::new(config, &layout, parameters, device))
}

/// Accepts weights that are exactly those of the layout, by name and shape; `place` is named in the error.
fn checked(
    mut found: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    layout: &Layout,
    place: &str,
) -> Result<Parameters, UNetError> {
    let (mut missing, mut shapes, mut values) = (Vec::new(), Vec::new(), BTreeMap::new());
    for (name, expected) in layout.tensors() {
        match found.remove(&name) {
            None => missing.push(name),
            Some((shape, _)) if shape != expected => shapes.push(format!("{name} {shape:?} instead of {expected:?}")),
            Some((_, data)) => {
                values.insert(name, data);
            }
        }
    }
    let unexpected: Vec<String> = found.into_keys().collect();
    if missing.is_empty() && unexpected.is_empty() && shapes.is_empty() {
        return Ok(Parameters::new(values));
    }
    Err(UNetError::Weights { place: place.to_string(), missing, unexpected, shapes })
}
