//! Errors of bundles.

use std::path::{Path, PathBuf};

use crate::BundleProblem;

/// An error of this crate; its message is one sentence that names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MonaiError {
    /// The system could not read a file or folder.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A configuration is larger than any such file.
    #[error("{} has {bytes} bytes, more than the {limit} that such a file may have", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The largest size that is read.
        limit: u64,
    },
    /// The folder or zip has no configuration of the inference.
    #[error("{} is no MONAI bundle: it has no {config}", path.display())]
    NotABundle {
        /// The folder or zip.
        path: PathBuf,
        /// The configurations that were looked for.
        config: String,
    },
    /// A path of the bundle leads out of its folder.
    #[error("{} leads out of the bundle {}", path.display(), bundle.display())]
    Outside {
        /// The path, as the bundle writes it.
        path: PathBuf,
        /// The bundle's folder.
        bundle: PathBuf,
    },
    /// A setting of `inference.json` or `metadata.json` is missing or not supported.
    #[error("{}: {problem}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: Box<BundleProblem>,
    },
    /// The weights are there as TorchScript only, which holds code.
    #[error("{} is missing, and {} is TorchScript, which is not read", path.display(), script.display())]
    TorchScript {
        /// The state dict that inference.json names.
        path: PathBuf,
        /// The TorchScript file.
        script: PathBuf,
    },
    /// The weights are missing.
    #[error("the bundle has no weights: {} is missing", path.display())]
    NoCheckpoint {
        /// The state dict that inference.json names.
        path: PathBuf,
    },
    /// A zip is damaged, or cannot be extracted to a temporary folder.
    #[error("cannot extract {}", path.display())]
    Zip {
        /// The zip.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A zip expands to more than any bundle would.
    #[error("{} expands to more than 100 times its size, so it is no bundle", path.display())]
    Expands {
        /// The zip.
        path: PathBuf,
    },
    /// The bundle in a zip cannot be opened; the cause names files of the temporary folder.
    #[error("{} was extracted to a temporary folder", path.display())]
    InZip {
        /// The zip.
        path: PathBuf,
        /// The cause.
        source: Box<MonaiError>,
    },
}

impl MonaiError {
    pub(crate) fn config(path: &Path, problem: BundleProblem) -> Self {
        Self::Config { path: path.to_owned(), problem: Box::new(problem) }
    }
}
