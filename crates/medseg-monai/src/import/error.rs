//! Errors of the import.

use std::path::PathBuf;

use medseg_bundle::BundleError;
use medseg_network::NetworkError;
use medseg_torch::TorchError;

use crate::MonaiError;

/// An error of the import; its message is one sentence that names the setting or the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The bundle or its weights cannot be found.
    #[error(transparent)]
    Monai(#[from] MonaiError),
    /// A setting has no counterpart here.
    #[error("{setting} is not supported: {reason}")]
    Setting {
        /// The transform or argument.
        setting: String,
        /// The reason.
        reason: String,
    },
    /// The weights do not fit the network.
    #[error("{}: {reason}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The weights cannot be read.
    #[error(transparent)]
    Torch(#[from] TorchError),
    /// The network cannot be made.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The bundle cannot be made.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

impl ImportError {
    pub(super) fn setting(setting: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Setting { setting: setting.into(), reason: reason.into() }
    }
}
