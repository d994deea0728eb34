//! `checkpoint_final.pth`: weights of one fold, and settings of its training.

mod problem;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use medseg_torch::{Content, Part, StoredTensor, TorchFile, TorchFormat};

pub use problem::CheckpointProblem;

use crate::NnUnetError;

/// Beginnings of keys that wrappers of a network add.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// A checkpoint of nnU-Net v2, opened without executing anything that it holds.
///
/// A file of `torch.save` is a program: loading it with Python runs whatever it says. Here names are only compared,
/// and calls are only noted. Optimizer state, logs and foreign objects are walked past. Memory is bounded by the
/// file's size.
///
/// Source: the formats of PyTorch (`torch.save`, since 1.6), of Python's pickle and of zip, as [`TorchFile`] reads them.
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
#[derive(Clone, Debug)]
pub struct Checkpoint {
    path: PathBuf,
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
        let path = path.as_ref();
        let file = TorchFile::open(path)?;
        let error = |problem| NnUnetError::checkpoint(path, problem);
        if file.format() == TorchFormat::Legacy {
            return Err(error(CheckpointProblem::LegacyFormat));
        }
        let whole = file.root();
        let init_args = get(whole, "the checkpoint", "init_args").map_err(error)?;
        let weights = weights(path, get(whole, "the checkpoint", "network_weights").map_err(error)?)?;
        let trainer_name = text(whole, "the checkpoint", "trainer_name").map_err(error)?;
        let configuration = text(init_args, "init_args", "configuration").map_err(error)?;
        let mirroring_axes = mirroring_axes(whole).map_err(error)?;
        Ok(Self { path: path.to_owned(), weights, trainer_name, configuration, mirroring_axes })
    }

    /// Path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The tensor of a key, which must have this shape.
    ///
    /// # Errors
    /// If there is none, or it has another shape.
    pub fn weight(&self, key: &str, shape: &[usize]) -> Result<&StoredTensor, NnUnetError> {
        let error = |problem| NnUnetError::checkpoint(&self.path, problem);
        let missing = || error(CheckpointProblem::MissingWeight { key: key.to_owned() });
        let tensor = self.weights.get(key).ok_or_else(missing)?;
        if tensor.shape() != shape {
            return Err(error(CheckpointProblem::Shape {
                key: key.to_owned(),
                found: tensor.shape().to_vec(),
                expected: shape.to_vec(),
            }));
        }
        Ok(tensor)
    }
}

/// Every tensor of the state dict, by its key.
fn weights(path: &Path, state_dict: Part<'_>) -> Result<BTreeMap<String, StoredTensor>, NnUnetError> {
    let error = |problem| NnUnetError::checkpoint(path, problem);
    require_dictionary(state_dict, "network_weights").map_err(error)?;
    let mut weights = BTreeMap::new();
    for (key, value) in state_dict.entries() {
        let part = "a key of network_weights".to_owned();
        let wrong = || error(CheckpointProblem::Type { part, expected: "a short text" });
        let mut key = key.text().ok_or_else(wrong)?;
        while let Some(inner) = WRAPPERS.iter().find_map(|wrapper| key.strip_prefix(wrapper)) {
            key = inner;
        }
        if let Some(tensor) = value.tensor(key)? {
            weights.insert(key.to_owned(), tensor);
        }
    }
    Ok(weights)
}

/// The axes of mirroring, or nothing where they are absent or `None`.
fn mirroring_axes(whole: Part<'_>) -> Result<Option<Vec<usize>>, CheckpointProblem> {
    const KEY: &str = "inference_allowed_mirroring_axes";
    let wrong = || CheckpointProblem::Type { part: KEY.to_owned(), expected: "up to three of the axes 0, 1 and 2" };
    let Some(value) = whole.get(KEY) else { return Ok(None) };
    match value.content() {
        Content::None => return Ok(None),
        Content::Sequence if value.items().len() <= 3 => {}
        _ => return Err(wrong()),
    }
    let mut axes = Vec::new();
    for axis in value.items() {
        match axis.content() {
            Content::Int(axis @ 0..=2) if !axes.contains(&(axis as usize)) => axes.push(axis as usize),
            _ => return Err(wrong()),
        }
    }
    Ok(Some(axes))
}

/// Refuses the result of a function, and anything else that is no dictionary.
fn require_dictionary(value: Part<'_>, part: &str) -> Result<(), CheckpointProblem> {
    match value.content() {
        Content::Dictionary => Ok(()),
        Content::Call(function) => Err(CheckpointProblem::NotExecuted { part: part.to_owned(), function }),
        _ => Err(CheckpointProblem::Type { part: part.to_owned(), expected: "a dictionary" }),
    }
}

/// The value of a key; `owner` names the dictionary in errors.
fn get<'a>(mapping: Part<'a>, owner: &str, key: &str) -> Result<Part<'a>, CheckpointProblem> {
    require_dictionary(mapping, owner)?;
    mapping.get(key).ok_or_else(|| CheckpointProblem::MissingPart { part: key.to_owned() })
}

/// The short text of a key.
fn text(mapping: Part<'_>, owner: &str, key: &str) -> Result<String, CheckpointProblem> {
    match get(mapping, owner, key)?.content() {
        Content::Text(text) => Ok(text.to_owned()),
        Content::Call(function) => Err(CheckpointProblem::NotExecuted { part: key.to_owned(), function }),
        _ => Err(CheckpointProblem::Type { part: key.to_owned(), expected: "a short text" }),
    }
}
