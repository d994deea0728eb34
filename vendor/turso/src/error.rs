//! Errors.

use std::fmt;
use std::io;

/// Errors of the stand-in; the variants are those that `cubecl-environment` tells apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Another process holds the file.
    Busy(String),
    /// Never made here.
    BusySnapshot(String),
    /// Reading or writing the file failed while doing this.
    IoError(io::ErrorKind, &'static str),
    /// Anything else, such as a statement that is not known.
    Error(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy(text) | Self::BusySnapshot(text) | Self::Error(text) => f.write_str(text),
            Self::IoError(kind, doing) => write!(f, "{doing}: {kind}"),
        }
    }
}

impl std::error::Error for Error {}

/// Names what was being done when an input or output failed.
pub(crate) fn while_doing(doing: &'static str) -> impl Fn(io::Error) -> Error {
    move |error| Error::IoError(error.kind(), doing)
}
