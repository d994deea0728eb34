//! The ways in which a checkpoint can be wrong.

use medseg_torch::TorchProblem;

/// The reason why a checkpoint, or a tensor of it, is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointProblem {
    /// The file has the format that `torch.save` wrote before PyTorch 1.6.
    #[error("the file has the format before PyTorch 1.6, which is not read; load it with PyTorch and save it again")]
    LegacyFormat,
    /// The file is damaged or in a format that is not read.
    #[error(transparent)]
    File(#[from] TorchProblem),
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
