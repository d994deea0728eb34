//! Errors of the import.

use std::path::PathBuf;

use medseg_bundle::BundleError;
use medseg_network::NetworkError;
use medseg_torch::TorchError;

/// An error of this crate; its message is one sentence that names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObeliskError {
    /// No file was given.
    #[error("no file of weights was given")]
    NoFile,
    /// The weights are those of another network.
    #[error("{}: these are no weights of OBELISK's all-convolutional U-Net: {reason}", path.display())]
    OtherNetwork {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The file cannot be read as one of PyTorch.
    #[error(transparent)]
    Torch(#[from] TorchError),
    /// The weights do not fit.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The bundle cannot be made.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}
