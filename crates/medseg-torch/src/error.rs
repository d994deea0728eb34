//! Errors of files.

use std::path::{Path, PathBuf};

use crate::TorchProblem;

/// An error of this crate; its message is one sentence that names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TorchError {
    /// The system could not read the file.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is damaged, in a format that is not read, or lacks a part that was asked for.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: Box<TorchProblem>,
    },
}

impl TorchError {
    /// Makes the error of a file that cannot be read.
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    /// Makes the error of a file with a problem.
    pub(crate) fn file(path: &Path, problem: TorchProblem) -> Self {
        Self::File { path: path.to_owned(), problem: Box::new(problem) }
    }
}
