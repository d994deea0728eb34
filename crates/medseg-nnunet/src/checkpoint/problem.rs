//! The ways in which a checkpoint can be wrong.

use super::pickle_problem::PickleProblem;

/// The reason why a checkpoint, or a tensor of it, is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointProblem {
    /// The file has the format that `torch.save` wrote before PyTorch 1.6.
    #[error("the file has the format before PyTorch 1.6, which is not read; load it with PyTorch and save it again")]
    LegacyFormat,
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
    /// An entry is larger than any such entry of nnU-Net.
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
        /// Position in the pickle, in bytes.
        position: usize,
        /// The problem.
        problem: PickleProblem,
    },
    /// A needed part is the result of a function, which is not called.
    #[error("the pickle calls {function} to make {part}, which is not executed")]
    NotExecuted {
        /// The part of the checkpoint.
        part: String,
        /// The function, with its module.
        function: String,
    },
    /// A part is missing.
    #[error("{part} is missing, so this is no checkpoint of nnU-Net")]
    MissingPart {
        /// The part of the checkpoint.
        part: String,
    },
    /// A part has another type.
    #[error("{part} should be {expected}")]
    Type {
        /// The part of the checkpoint.
        part: String,
        /// The type that it should have.
        expected: &'static str,
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
    /// Two names of one parameter have different values, so it is unclear which were trained.
    #[error("the weights have other values under {key} than under {first}, which is the same parameter")]
    Names {
        /// The further name.
        key: String,
        /// The first name.
        first: String,
    },
    /// The state dict lacks a parameter of the network.
    #[error("the weights lack {key}, which the plans' network has")]
    MissingWeight {
        /// Key of the parameter.
        key: String,
    },
    /// The state dict has a parameter that the network lacks, so the training used another network.
    #[error("the weights have {key}, which the plans' network lacks")]
    ExtraWeight {
        /// Key of the parameter.
        key: String,
    },
    /// A parameter has another shape than the plans' network.
    #[error("{key} has shape {found:?}, and the plans' network needs {expected:?}")]
    Shape {
        /// Key of the parameter.
        key: String,
        /// Shape in the checkpoint.
        found: Vec<usize>,
        /// Shape that the network needs.
        expected: Vec<usize>,
    },
}
