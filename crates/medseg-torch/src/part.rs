//! Values of a file, one by one.

use crate::pickle::Value;
use crate::{StoredTensor, TorchError, TorchFile};

/// A value of a file, such as a dictionary, a number or a tensor.
///
/// ```
/// use medseg_torch::{Content, TorchFile};
///
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/checkpoint.pt");
/// let file = TorchFile::open(path)?;
/// let epoch = file.root().get("epoch").map(|part| part.content());
/// assert_eq!(epoch, Some(Content::Int(7)));
/// # Ok::<(), medseg_torch::TorchError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    file: &'a TorchFile,
    value: Value,
}

/// Content of a [`Part`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Content<'a> {
    /// Python's `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number of 64 bits.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A text of at most 1024 bytes.
    Text(&'a str),
    /// A list, tuple or set; see [`Part::items`].
    Sequence,
    /// A dictionary; see [`Part::entries`].
    Dictionary,
    /// The result of a function or class, by its name with its module. Tensors and modules are such results.
    Call(String),
    /// Bytes, a large number, a long text, a class or a storage.
    Other,
}

impl<'a> Part<'a> {
    /// The value in its file.
    pub(crate) fn new(file: &'a TorchFile, value: Value) -> Self {
        Self { file, value }
    }

    /// Content of the value.
    #[must_use]
    pub fn content(self) -> Content<'a> {
        let pickle = self.file.pickle();
        match self.value {
            Value::None => Content::None,
            Value::Bool(value) => Content::Bool(value),
            Value::Int(value) => Content::Int(value),
            Value::Float(value) => Content::Float(value),
            Value::Opaque => Content::Other,
            value @ Value::Object(_) => {
                if let Some(text) = pickle.text(value) {
                    Content::Text(text)
                } else if pickle.sequence(value).is_some() {
                    Content::Sequence
                } else if pickle.is_mapping(value) {
                    Content::Dictionary
                } else if let Some((function, _)) = pickle.call(value) {
                    Content::Call(pickle.function_name(function))
                } else {
                    Content::Other
                }
            }
        }
    }

    /// A text of at most 1024 bytes.
    #[must_use]
    pub fn text(self) -> Option<&'a str> {
        self.file.pickle().text(self.value)
    }

    /// The value of a key, if this is a dictionary that has it. The last of equal keys counts, as in Python.
    #[must_use]
    pub fn get(self, key: &str) -> Option<Self> {
        self.file.pickle().get(self.value, key).map(|value| Self { value, ..self })
    }

    /// The values of a list, tuple or set; empty for anything else.
    pub fn items(self) -> impl ExactSizeIterator<Item = Self> + use<'a> {
        let values = self.file.pickle().sequence(self.value).unwrap_or_default();
        values.iter().map(move |value| Self { value: *value, ..self })
    }

    /// Keys and values of a dictionary, in order; empty for anything else.
    pub fn entries(self) -> impl Iterator<Item = (Self, Self)> + use<'a> {
        let pairs = self.file.pickle().mapping(self.value).into_iter().flatten();
        pairs.map(move |(key, value)| (Self { value: key, ..self }, Self { value, ..self }))
    }

    /// The tensor or parameter that this value is, under the name `key`; nothing for a plain value such as a number.
    ///
    /// # Errors
    /// If the tensor does not fit its storage, or the value is the result of a function that builds no tensor.
    pub fn tensor(self, key: &str) -> Result<Option<StoredTensor>, TorchError> {
        self.file.rebuilder().tensor(key, self.value).map_err(|problem| self.file.error(problem))
    }
}
