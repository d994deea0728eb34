//! Errors of networks and their weights.

use std::path::{Path, PathBuf};

use medseg_architecture::ArchitectureError;

/// An error of this crate; its message is one sentence that names the file, the layer or the tensor.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The architecture is impossible.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// A tensor that the network needs is missing.
    #[error("{place}: there is no tensor {name}")]
    Missing {
        /// The file, or another place of the weights.
        place: String,
        /// Name of the tensor.
        name: String,
    },
    /// A tensor that the network does not have.
    #[error("{place}: the network has no tensor {name}")]
    Unexpected {
        /// The file, or another place of the weights.
        place: String,
        /// Name of the tensor.
        name: String,
    },
    /// A tensor of another shape.
    #[error("{place}: the tensor {name} has the shape {found:?} instead of {expected:?}")]
    Shape {
        /// The file, or another place of the weights.
        place: String,
        /// Name of the tensor.
        name: String,
        /// Shape in the file.
        found: Vec<usize>,
        /// Shape in the network.
        expected: Vec<usize>,
    },
    /// A weight is NaN or infinite: every mask of such a network would be wrong.
    #[error("{place}: the tensor {name} holds {value}, which is not a finite number")]
    NotFinite {
        /// The file, or another place of the weights.
        place: String,
        /// Name of the tensor.
        name: String,
        /// The first such value.
        value: f32,
    },
    /// The file is no sound safetensors file of a network.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The system could not read or write a file.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The action that failed.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Weights could not be read back from the device.
    #[error("device: {0}")]
    Device(String),
}

impl NetworkError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn malformed(path: &Path) -> impl FnOnce(String) -> Self {
        let path = path.to_path_buf();
        move |reason| Self::Malformed { path, reason }
    }
}
