//! Errors of the export.

use std::error::Error;
use std::path::PathBuf;

/// An error of this crate; its message is one sentence that names the tensor, the operation or the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The caller has no values for a tensor.
    #[error("tensor {name}: no values")]
    Weights {
        /// Name of the tensor.
        name: String,
        /// The caller's reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A tensor has another number of values than its shape.
    #[error("tensor {name}: {found} values instead of {expected}")]
    Length {
        /// Name of the tensor.
        name: String,
        /// Number of values of its shape.
        expected: u64,
        /// Number of values given.
        found: usize,
    },
    /// A value is NaN or infinite: every mask of such a network would be wrong.
    #[error("tensor {name}: it holds {value}, which is not a finite number")]
    NotFinite {
        /// Name of the tensor.
        name: String,
        /// The first such value.
        value: f32,
    },
    /// The model does not fit a protobuf message, which ends at 2^31 - 1 bytes.
    #[error("the model takes {bytes} bytes, and an ONNX file without external data at most 2147483647")]
    TooLarge {
        /// Bytes of the model, or of its weights alone.
        bytes: u64,
    },
    /// This crate does not know an operation.
    #[error("operation {name}: this version cannot write it as ONNX")]
    Operation {
        /// Name of the operation.
        name: String,
    },
    /// The file could not be written.
    #[error("cannot write {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}
