//! An opened file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::container::Container;
use crate::element::ByteOrder;
use crate::flatten::Flattener;
use crate::legacy::{self, LegacyStorages, is_legacy};
use crate::part::Part;
use crate::pickle::Pickle;
use crate::rebuild::Rebuilder;
use crate::source::Source;
use crate::zip::Archive;
use crate::{StoredTensor, TorchError, TorchFormat, TorchProblem};

/// Position and text by which a tar archive is known.
const TAR: (u64, &[u8]) = (257, b"ustar");

/// A file of `torch.save` or `torch.jit.save`, opened without executing anything that it holds.
///
/// Such a file is a program: loading it with Python runs whatever it says. Here names are only compared, and calls are
/// only noted. Memory is bounded by the size of the file, and values are read when asked for.
///
/// Source: the formats of PyTorch (`torch/serialization.py`, `torch/csrc/jit/serialization`), of Python's pickle and of
/// zip, with 64-bit sizes.
///
/// ```
/// use medseg_torch::{TorchFile, TorchFormat};
///
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/legacy.pth");
/// let file = TorchFile::open(path)?;
/// assert_eq!(file.format(), TorchFormat::Legacy);
/// let tensors = file.state_dict(&["model"])?;
/// assert_eq!(tensors["conv.weight"].shape(), [2, 1, 3, 3, 3]);
/// # Ok::<(), medseg_torch::TorchError>(())
/// ```
#[derive(Debug)]
pub struct TorchFile {
    container: Arc<Container>,
    pickle: Pickle,
    order: ByteOrder,
    format: TorchFormat,
}

impl TorchFile {
    /// Opens a file and reads its description, but no values.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or has another format than those of [`TorchFormat`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, TorchError> {
        let source = Source::open(path.as_ref())?;
        let head = source.read(0, source.length().min(legacy::HEAD))?.unwrap_or_default();
        if is_legacy(&head) {
            let (storages, pickle) = LegacyStorages::open(source)?;
            let container = Arc::new(Container::Legacy(storages));
            return Ok(Self { container, pickle, order: ByteOrder::Little, format: TorchFormat::Legacy });
        }
        if !head.starts_with(b"PK") && source.read(TAR.0, TAR.1.len() as u64)?.as_deref() == Some(TAR.1) {
            return Err(source.error(TorchProblem::TarFormat));
        }
        let archive = Archive::open(source)?;
        let format = archive.format();
        let bytes = archive.pickle()?;
        let container = Arc::new(Container::Zip(archive));
        let order = container.byte_order()?;
        let pickle = Pickle::parse(&bytes)
            .map_err(|(position, problem)| container.source().error(TorchProblem::Pickle { position, problem }))?;
        Ok(Self { container, pickle, order, format })
    }

    /// Path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.container.source().path()
    }

    /// Format of the file.
    #[must_use]
    pub fn format(&self) -> TorchFormat {
        self.format
    }

    /// The value that was saved.
    #[must_use]
    pub fn root(&self) -> Part<'_> {
        Part::new(self, self.pickle.result())
    }

    /// Tensors by their names: of the first of these keys that the file has, or of the whole file if it has none.
    ///
    /// So MONAI's and Ignite's checkpoints are read by the key `model`, and so is a file that is the state dict itself.
    /// Names in nested dictionaries and lists are joined by dots. Modules that were saved whole give what their
    /// `state_dict()` has. Those of TorchScript give all tensors among their attributes, which include parameters and
    /// buffers. Numbers, texts and foreign objects are left out.
    ///
    /// Source: `Checkpoint.load_objects` of Ignite, which MONAI's `CheckpointLoader` calls.
    ///
    /// # Errors
    /// If the key's value is no dictionary or module, or a tensor does not fit its storage. Also if two tensors have one
    /// name, or there are more or longer names than any network has.
    pub fn state_dict(&self, keys: &[&str]) -> Result<BTreeMap<String, StoredTensor>, TorchError> {
        let root = self.pickle.result();
        let chosen = keys.iter().find_map(|key| Some((*key, self.pickle.get(root, key)?)));
        if let Some((key, _)) = chosen
            && self.pickle.all(root, key).nth(1).is_some()
        {
            return Err(self.error(TorchProblem::Duplicate { key: key.to_owned() }));
        }
        let (part, value) = chosen.unwrap_or(("the file", root));
        Flattener::new(self.rebuilder()).tensors(part, value).map_err(|problem| self.error(problem))
    }

    /// The pickle.
    pub(crate) fn pickle(&self) -> &Pickle {
        &self.pickle
    }

    /// Makes tensors of the pickle's values.
    pub(crate) fn rebuilder(&self) -> Rebuilder<'_> {
        Rebuilder { container: &self.container, pickle: &self.pickle, order: self.order }
    }

    /// Makes an error that names the file.
    pub(crate) fn error(&self, problem: TorchProblem) -> TorchError {
        self.container.source().error(problem)
    }
}
