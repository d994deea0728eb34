//! The tensors of a file, whatever its kind: safetensors, burnpack, or what `torch.save` writes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use burn::tensor::{bf16, f16};
use burn_pack::DType;
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;

use crate::UNetError;

/// A file of named tensors.
pub(super) struct WeightFile {
    pub metadata: BTreeMap<String, String>,
    pub tensors: BTreeMap<String, StoredTensor>,
}

/// A tensor as the file holds it.
pub(super) struct StoredTensor {
    pub shape: Vec<usize>,
    number: Number,
    source: Source,
}

/// Format of a stored tensor's numbers, little-endian.
enum Number {
    F16,
    Bf16,
    F32,
    F64,
    /// Not a kind of number that weights are made of.
    Other(String),
}

enum Source {
    Bytes(Vec<u8>),
    /// Read only when it is wanted: the file may claim more than it holds.
    #[cfg(feature = "pytorch")]
    PyTorch(medseg_torch::StoredTensor),
}

impl WeightFile {
    /// Reads what the first bytes say it is.
    pub fn open(path: &Path) -> Result<Self, UNetError> {
        let mut start = Vec::new();
        let head = File::open(path).and_then(|file| file.take(9).read_to_end(&mut start));
        head.map_err(UNetError::io("read", path))?;
        let read = || fs::read(path).map_err(UNetError::io("read", path));
        let bad = UNetError::malformed(path);
        if start.starts_with(&burn_pack::MAGIC_NUMBER.to_le_bytes()) {
            burnpack(read()?).map_err(|e| bad(format!("not a sound burnpack file: {e}")))
        } else if start.get(8) == Some(&b'{') {
            safetensors(&read()?).map_err(|e| bad(format!("not a sound safetensors file: {e}")))
        } else {
            pytorch(path).map_err(bad)
        }
    }
}

impl StoredTensor {
    /// Its numbers in C order.
    pub fn values(&self) -> Result<Vec<f32>, String> {
        match &self.source {
            Source::Bytes(bytes) => self.number.decode(bytes),
            #[cfg(feature = "pytorch")]
            Source::PyTorch(tensor) => match &self.number {
                Number::Other(name) => Err(no_weights(name)),
                _ => tensor.values().map_err(reason),
            },
        }
    }
}

impl Number {
    fn decode(&self, bytes: &[u8]) -> Result<Vec<f32>, String> {
        fn each<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
            bytes.as_chunks::<N>().0.iter().map(|chunk| number(*chunk)).collect()
        }
        match self {
            Self::F16 => Ok(each(bytes, |b| f16::from_le_bytes(b).to_f32())),
            Self::Bf16 => Ok(each(bytes, |b| bf16::from_le_bytes(b).to_f32())),
            Self::F32 => Ok(each(bytes, f32::from_le_bytes)),
            Self::F64 => Ok(each(bytes, |b| f64::from_le_bytes(b) as f32)),
            Self::Other(name) => Err(no_weights(name)),
        }
    }
}

fn no_weights(name: &str) -> String {
    format!("numbers of type {name} are no weights")
}

fn safetensors(bytes: &[u8]) -> Result<WeightFile, String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
    let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
    let tensors = file.iter().map(|(name, view)| {
        let number = match view.dtype() {
            Dtype::F16 => Number::F16,
            Dtype::BF16 => Number::Bf16,
            Dtype::F32 => Number::F32,
            Dtype::F64 => Number::F64,
            other => Number::Other(format!("{other:?}")),
        };
        let tensor = StoredTensor { shape: view.shape().to_vec(), number, source: Source::Bytes(view.data().to_vec()) };
        (name.to_string(), tensor)
    });
    Ok(WeightFile { metadata, tensors: tensors.collect() })
}

fn burnpack(bytes: Vec<u8>) -> Result<WeightFile, String> {
    let reader = burn_pack::Reader::from_bytes(burn_pack::Bytes::from_bytes_vec(bytes)).map_err(|e| e.to_string())?;
    let metadata = reader.metadata().clone();
    let mut tensors = BTreeMap::new();
    for tensor in reader.into_tensors().map_err(|e| e.to_string())? {
        let number = match tensor.dtype {
            DType::F16 => Number::F16,
            DType::BF16 => Number::Bf16,
            DType::F32 => Number::F32,
            DType::F64 => Number::F64,
            other => Number::Other(format!("{other:?}")),
        };
        let (name, shape) = (tensor.name.clone(), tensor.shape.to_vec());
        let source = Source::Bytes(tensor.into_bytes().map_err(|e| e.to_string())?.to_vec());
        tensors.insert(name, StoredTensor { shape, number, source });
    }
    Ok(WeightFile { metadata, tensors })
}

/// Reads the file's tensors, those of nested dictionaries under names that dots join; nothing in it is run.
#[cfg(feature = "pytorch")]
fn pytorch(path: &Path) -> Result<WeightFile, String> {
    use medseg_torch::{Element, TorchFile};

    let tensors = TorchFile::open(path).and_then(|file| file.state_dict(&[]));
    let tensors = tensors.map_err(|e| format!("not a sound weight file of a kind known here: {}", reason(e)))?;
    let tensors = tensors.into_iter().map(|(name, tensor)| {
        let number = match tensor.element() {
            Element::F16 => Number::F16,
            Element::Bf16 => Number::Bf16,
            Element::F32 => Number::F32,
            Element::F64 => Number::F64,
            other => Number::Other(other.to_string()),
        };
        let shape = tensor.shape().to_vec();
        (name, StoredTensor { shape, number, source: Source::PyTorch(tensor) })
    });
    Ok(WeightFile { metadata: BTreeMap::new(), tensors: tensors.collect() })
}

/// The reason of an error, without the file's name, which [`UNetError`] adds.
#[cfg(feature = "pytorch")]
fn reason(error: medseg_torch::TorchError) -> String {
    match error {
        medseg_torch::TorchError::File { problem, .. } => problem.to_string(),
        medseg_torch::TorchError::Io { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

#[cfg(not(feature = "pytorch"))]
fn pytorch(_: &Path) -> Result<WeightFile, String> {
    Err("neither a safetensors nor a burnpack file; PyTorch's need the feature `pytorch`".into())
}
