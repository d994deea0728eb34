//! `checkpoint_final.pth`: weights of one fold, and settings of its training.

mod archive;
mod element;
mod machine;
mod object;
mod pickle;
mod pickle_problem;
mod problem;
mod rebuild;
mod tensor;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use archive::Archive;
use element::ByteOrder;
use object::Value;
use pickle::Pickle;
use rebuild::Rebuilder;

pub use pickle_problem::PickleProblem;
pub use problem::CheckpointProblem;
pub use tensor::StoredTensor;

use crate::NnUnetError;

/// Longest key or setting, in bytes.
const LONGEST_TEXT: usize = 1024;
/// Beginnings of keys that wrappers of a network add.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// A checkpoint of nnU-Net v2, opened without executing anything that it holds.
///
/// A file of `torch.save` is a program: loading it with Python runs whatever it says. Here names are only compared,
/// and calls are only noted. Optimizer state, logs and foreign objects are walked past. Memory is bounded by the
/// file's size.
///
/// Source: the formats of PyTorch (`torch.save`, since 1.6), of Python's pickle and of zip, with 64-bit sizes.
///
/// ```
/// use medseg_nnunet::Checkpoint;
///
/// # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/plain_regions");
/// let checkpoint = Checkpoint::open(format!("{folder}/fold_0/checkpoint_final.pth"))?;
/// assert_eq!(checkpoint.trainer_name, "nnUNetTrainer");
/// assert_eq!(checkpoint.configuration, "3d_fullres");
/// assert_eq!(checkpoint.mirroring_axes, Some(vec![0, 1, 2]));
///
/// let first = checkpoint.weight("encoder.stages.0.0.convs.0.conv.weight", &[8, 2, 3, 3, 3])?;
/// assert_eq!(first.values()?.len(), 8 * 2 * 27);
/// # Ok::<(), medseg_nnunet::NnUnetError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Checkpoint {
    archive: Arc<Archive>,
    /// The state dict `network_weights`, with every name that a tensor has in it; see [`NetworkKeys`](crate::NetworkKeys).
    pub weights: BTreeMap<String, StoredTensor>,
    /// Class of the trainer, such as `nnUNetTrainer`.
    pub trainer_name: String,
    /// Name of the configuration in the plans, such as `3d_fullres`.
    pub configuration: String,
    /// Spatial axes along which predictions are mirrored, in this order; nothing if the training did not mirror.
    pub mirroring_axes: Option<Vec<usize>>,
}

impl Checkpoint {
    /// Opens a checkpoint and reads its description, but no values.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, has the format before PyTorch 1.6, is no checkpoint of nnU-Net, or
    /// needs code to be executed for its weights.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, NnUnetError> {
        let archive = Arc::new(Archive::open(path.as_ref())?);
        let root = archive.root()?.to_owned();
        let order = byte_order(&archive, &root)?;
        let pickle = Pickle::parse(archive.pickle()?)
            .map_err(|(position, problem)| archive.error(CheckpointProblem::Pickle { position, problem }))?;
        let rebuilder = Rebuilder { archive: &archive, root: &root, pickle: &pickle, order };
        let parts = Parts { pickle: &pickle };
        let read = || {
            let whole = pickle.result();
            let init_args = parts.get(whole, "the checkpoint", "init_args")?;
            Ok((
                weights(&rebuilder, parts.get(whole, "the checkpoint", "network_weights")?)?,
                parts.text(whole, "the checkpoint", "trainer_name")?,
                parts.text(init_args, "init_args", "configuration")?,
                mirroring_axes(&pickle, whole)?,
            ))
        };
        let (weights, trainer_name, configuration, mirroring_axes) =
            read().map_err(|problem| archive.error(problem))?;
        Ok(Self { archive, weights, trainer_name, configuration, mirroring_axes })
    }

    /// Path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.archive.path()
    }

    /// The tensor of a key, which must have this shape.
    ///
    /// # Errors
    /// If there is none, or it has another shape.
    pub fn weight(&self, key: &str, shape: &[usize]) -> Result<&StoredTensor, NnUnetError> {
        let missing = || self.archive.error(CheckpointProblem::MissingWeight { key: key.to_owned() });
        let tensor = self.weights.get(key).ok_or_else(missing)?;
        if tensor.shape() != shape {
            return Err(self.archive.error(CheckpointProblem::Shape {
                key: key.to_owned(),
                found: tensor.shape().to_vec(),
                expected: shape.to_vec(),
            }));
        }
        Ok(tensor)
    }
}

/// Order of the bytes of all numbers: little unless the archive says otherwise.
fn byte_order(archive: &Archive, root: &str) -> Result<ByteOrder, NnUnetError> {
    let name = format!("{root}/byteorder");
    let Some(bytes) = archive.bytes(&name) else { return Ok(ByteOrder::Little) };
    match &archive.read(&name, 0, bytes.min(16))?[..] {
        b"little" => Ok(ByteOrder::Little),
        b"big" => Ok(ByteOrder::Big),
        _ => Err(archive.error(CheckpointProblem::ByteOrder)),
    }
}

/// Every tensor of the state dict, by its key.
fn weights(rebuilder: &Rebuilder<'_>, state_dict: Value) -> Result<BTreeMap<String, StoredTensor>, CheckpointProblem> {
    let pickle = rebuilder.pickle;
    let wrong = |part: &str, expected| CheckpointProblem::Type { part: part.to_owned(), expected };
    if let Some((function, _)) = pickle.call(state_dict) {
        let function = pickle.function_name(function);
        return Err(CheckpointProblem::NotExecuted { part: "network_weights".to_owned(), function });
    }
    let pairs = pickle.mapping(state_dict).ok_or_else(|| wrong("network_weights", "a dictionary"))?;
    let mut weights = BTreeMap::new();
    for (key, value) in pairs {
        let short = pickle.text_bytes(*key).is_some_and(|key| key.len() <= LONGEST_TEXT);
        let key = short.then(|| pickle.text(*key)).flatten();
        let mut key = key.ok_or_else(|| wrong("a key of network_weights", "a short text"))?;
        while let Some(inner) = WRAPPERS.iter().find_map(|wrapper| key.strip_prefix(wrapper)) {
            key = inner;
        }
        if let Some(tensor) = rebuilder.tensor(key, *value)? {
            weights.insert(key.to_owned(), tensor);
        }
    }
    Ok(weights)
}

/// The axes of mirroring, or nothing where they are absent or `None`.
fn mirroring_axes(pickle: &Pickle, whole: Value) -> Result<Option<Vec<usize>>, CheckpointProblem> {
    const KEY: &str = "inference_allowed_mirroring_axes";
    let wrong = || CheckpointProblem::Type { part: KEY.to_owned(), expected: "up to three of the axes 0, 1 and 2" };
    let value = match pickle.get(whole, KEY) {
        None | Some(Value::None) => return Ok(None),
        Some(value) => value,
    };
    let values = pickle.sequence(value).filter(|values| values.len() <= 3).ok_or_else(wrong)?;
    let mut axes = Vec::new();
    for value in values {
        match value {
            Value::Int(axis @ 0..=2) if !axes.contains(&(*axis as usize)) => axes.push(*axis as usize),
            _ => return Err(wrong()),
        }
    }
    Ok(Some(axes))
}

/// Parts of a pickle by their keys.
struct Parts<'a> {
    pickle: &'a Pickle,
}

impl Parts<'_> {
    /// The value of a key; `owner` names the dictionary in errors.
    fn get(&self, mapping: Value, owner: &str, key: &str) -> Result<Value, CheckpointProblem> {
        if let Some((function, _)) = self.pickle.call(mapping) {
            let function = self.pickle.function_name(function);
            return Err(CheckpointProblem::NotExecuted { part: owner.to_owned(), function });
        }
        if self.pickle.mapping(mapping).is_none() {
            return Err(CheckpointProblem::Type { part: owner.to_owned(), expected: "a dictionary" });
        }
        self.pickle.get(mapping, key).ok_or_else(|| CheckpointProblem::MissingPart { part: key.to_owned() })
    }

    fn text(&self, mapping: Value, owner: &str, key: &str) -> Result<String, CheckpointProblem> {
        let value = self.get(mapping, owner, key)?;
        if let Some((function, _)) = self.pickle.call(value) {
            let function = self.pickle.function_name(function);
            return Err(CheckpointProblem::NotExecuted { part: key.to_owned(), function });
        }
        let text = self.pickle.text(value).filter(|text| text.len() <= LONGEST_TEXT);
        text.map(str::to_owned)
            .ok_or_else(|| CheckpointProblem::Type { part: key.to_owned(), expected: "a short text" })
    }
}
