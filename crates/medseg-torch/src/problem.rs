//! The ways in which a file can be wrong.

use crate::PickleProblem;

/// The reason why a file, or a tensor of it, is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TorchProblem {
    /// The file has the format that `torch.save` wrote before PyTorch 0.1.10.
    #[error(
        "the file has the tar format before PyTorch 0.1.10, which is not read; load it with PyTorch and save it again"
    )]
    TarFormat,
    /// The file is no zip archive.
    #[error("the file is no zip archive, so no checkpoint of torch.save, or its end is missing")]
    NotZip,
    /// The archive's directory contradicts itself or the file's size.
    #[error("the zip archive is damaged: {part}")]
    DamagedZip {
        /// The damaged part.
        part: &'static str,
    },
    /// The archive lacks an entry.
    #[error("the zip archive has no entry {entry}")]
    MissingEntry {
        /// Name of the entry.
        entry: String,
    },
    /// An entry is compressed or encrypted, which `torch.save` never does.
    #[error("entry {entry} of the zip archive is compressed or encrypted; store it as torch.save does")]
    NotStored {
        /// Name of the entry.
        entry: String,
    },
    /// An entry's bytes are not those that were written.
    #[error("entry {entry} of the zip archive is damaged: its checksum differs")]
    Checksum {
        /// Name of the entry.
        entry: String,
    },
    /// An entry is larger than any such entry of PyTorch.
    #[error("entry {entry} of the zip archive has {bytes} bytes, more than the {limit} that are read")]
    TooLarge {
        /// Name of the entry.
        entry: String,
        /// Its size.
        bytes: u64,
        /// The largest size that is read.
        limit: u64,
    },
    /// The entry `byteorder` says neither `little` nor `big`.
    #[error("the byte order is neither little nor big")]
    ByteOrder,
    /// The pickle is damaged.
    #[error("byte {position} of the pickle: {problem}")]
    Pickle {
        /// Position in the pickle in bytes; in a file before PyTorch 1.6, that in the file.
        position: usize,
        /// The problem.
        problem: PickleProblem,
    },
    /// A file of the format before PyTorch 1.6 contradicts itself or its size.
    #[error("the file of the format before PyTorch 1.6 is damaged: {part}")]
    DamagedLegacy {
        /// The damaged part.
        part: &'static str,
    },
    /// The format before PyTorch 1.6 in another version than 1001.
    #[error("the file has a version before PyTorch 1.6 that is not 1001")]
    LegacyVersion,
    /// The format before PyTorch 1.6, written by a computer whose large bytes come first.
    #[error("the file was written by a big-endian computer before PyTorch 1.6, which is not read")]
    BigEndian,
    /// A storage of the format before PyTorch 1.6 does not lie in the file as it is described.
    #[error("storage {key}: {fault}")]
    Storage {
        /// Key of the storage.
        key: String,
        /// The fault.
        fault: &'static str,
    },
    /// A needed part is the result of a function, which is not called.
    #[error("the pickle calls {function} to make {part}, which is not executed")]
    NotExecuted {
        /// The part of the file.
        part: String,
        /// The function, with its module.
        function: String,
    },
    /// A part has another type.
    #[error("{part} should be {expected}")]
    Type {
        /// The part of the file.
        part: String,
        /// The type that it should have.
        expected: &'static str,
    },
    /// Two tensors of a state dict have one name, so it is unclear which is meant.
    #[error("two tensors have the name {key}")]
    Duplicate {
        /// The name.
        key: String,
    },
    /// Names of a state dict are longer than any module's, or contain themselves.
    #[error("{part} has parts whose names have more than {limit} bytes, or parts in too many levels")]
    Nested {
        /// The beginning of the name.
        part: String,
        /// The longest name.
        limit: usize,
    },
    /// A state dict holds more parts than are looked at.
    #[error("the state dict has more than {limit} {parts}")]
    TooMany {
        /// Kind of the parts.
        parts: &'static str,
        /// The most that are looked at.
        limit: usize,
    },
    /// A tensor does not fit its storage.
    #[error("tensor {key}: {fault}")]
    Tensor {
        /// Key of the tensor.
        key: String,
        /// The fault.
        fault: &'static str,
    },
    /// A tensor's numbers have a type that is not read.
    #[error("tensor {key} holds {element}, which is not read")]
    Element {
        /// Key of the tensor.
        key: String,
        /// PyTorch's name of the type.
        element: String,
    },
}
