//! Writing tensors to a file that is complete or not there.

use std::collections::HashMap;
use std::path::Path;

use burn::tensor::TensorData;
use burn_pack::{Bytes, DType};
use medseg_files::write_atomic;
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
    pub fn from_name(path: &Path) -> Result<Self, UNetError> {
        match path.extension().and_then(|e| e.to_str()) {
            Some("safetensors") => Ok(Self::Safetensors),
            Some("bpk") => Ok(Self::Burnpack),
            _ => {
                let expected = "weights are written to .safetensors or .bpk files";
                Err(UNetError::Ending { path: path.to_path_buf(), expected })
            }
        }
    }
}

/// A tensor to be written.
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
    let bytes = bytes.map_err(UNetError::malformed(path))?;
    write_atomic(path, &bytes).map_err(UNetError::io("write", path))
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
