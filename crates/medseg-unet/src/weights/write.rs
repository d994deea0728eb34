//! Writing tensors to a file that is complete or not there.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use burn::tensor::TensorData;
use burn_pack::{Bytes, DType};
use safetensors::tensor::{Dtype, TensorView};

use crate::UNetError;

/// Format of a weight file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    Safetensors,
    Burnpack,
}

impl FileKind {
    /// The format that the name's ending asks for.
    pub fn of(path: &Path) -> Result<Self, UNetError> {
        match path.extension().and_then(|e| e.to_str()) {
            Some("safetensors") => Ok(Self::Safetensors),
            Some("bpk") => Ok(Self::Burnpack),
            _ => Err(UNetError::malformed(path)("weights are written to .safetensors or .bpk files".into())),
        }
    }
}

/// A tensor on its way to a file.
struct Named {
    name: String,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// Writes tensors, as f32, and metadata.
pub(super) fn write_weights(
    path: &Path,
    kind: FileKind,
    tensors: impl IntoIterator<Item = (String, TensorData)>,
    metadata: &[(&str, String)],
) -> Result<(), UNetError> {
    let mut named = Vec::new();
    for (name, data) in tensors {
        let shape = data.shape().to_vec();
        let values = data.convert::<f32>().try_to_vec::<f32>().map_err(|e| UNetError::Device(format!("{e:?}")))?;
        named.push(Named { name, shape, bytes: values.iter().flat_map(|v| v.to_le_bytes()).collect() });
    }
    let bytes = match kind {
        FileKind::Safetensors => safetensors_bytes(&named, metadata),
        FileKind::Burnpack => burnpack_bytes(named, metadata),
    };
    write_whole(path, &bytes.map_err(UNetError::malformed(path))?)
}

fn safetensors_bytes(tensors: &[Named], metadata: &[(&str, String)]) -> Result<Vec<u8>, String> {
    let views = tensors
        .iter()
        .map(|t| Ok((&t.name, TensorView::new(Dtype::F32, t.shape.clone(), &t.bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|e| e.to_string())?;
    let metadata: HashMap<String, String> = metadata.iter().map(|(k, v)| ((*k).to_string(), v.clone())).collect();
    safetensors::serialize(views, Some(metadata)).map_err(|e| e.to_string())
}

fn burnpack_bytes(tensors: Vec<Named>, metadata: &[(&str, String)]) -> Result<Vec<u8>, String> {
    let tensors = tensors
        .into_iter()
        .map(|t| burn_pack::Tensor::new(t.name, DType::F32, t.shape, None, Bytes::from_bytes_vec(t.bytes)))
        .collect();
    let writer = burn_pack::Writer::new(tensors);
    let writer = metadata.iter().fold(writer, |writer, (key, value)| writer.with_metadata(key, value));
    Ok(writer.into_bytes().map_err(|e| e.to_string())?.to_vec())
}

/// Writes under a temporary name, synchronises and renames.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), UNetError> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    let temporary = path.with_file_name(name);
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|e| {
        let _ = fs::remove_file(&temporary);
        UNetError::io("write", path)(e)
    })
}
