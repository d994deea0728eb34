//! Errors of medseg as exceptions of Python.

use std::error::Error;
use std::io;

use medseg_transforms::TransformError;
use medseg_volume::{VolumeError, error_chain};
use pyo3::exceptions::{
    PyFileNotFoundError, PyMemoryError, PyOSError, PyPermissionError, PyTypeError, PyUserWarning, PyValueError,
};
use pyo3::prelude::*;
use pyo3::{PyErr, create_exception};

create_exception!(
    medseg,
    MedsegError,
    PyValueError,
    "A file, a model or an argument that medseg cannot work with; the message says which and why."
);
create_exception!(
    medseg,
    MedsegWarning,
    PyUserWarning,
    "Something odd about a file or a case that could be worked with all the same."
);

/// The exception of an error, with its causes in the message.
pub fn raised(error: &(dyn Error + 'static)) -> PyErr {
    let text = error_chain(error);
    if is_memory(error) {
        return PyMemoryError::new_err(text);
    }
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return match error.kind() {
                io::ErrorKind::NotFound => PyFileNotFoundError::new_err(text),
                io::ErrorKind::PermissionDenied => PyPermissionError::new_err(text),
                // Made by a decoder, not by the system: the file is at fault.
                _ if error.raw_os_error().is_none() => MedsegError::new_err(text),
                _ => PyOSError::new_err(text),
            };
        }
        cause = error.source();
    }
    MedsegError::new_err(text)
}

/// True for an error that more memory would answer.
fn is_memory(error: &(dyn Error + 'static)) -> bool {
    #[cfg(feature = "inference")]
    if let Some(error) = error.downcast_ref::<medseg_bundle::BundleError>() {
        use medseg_bundle::BundleError;
        return matches!(error, BundleError::HostMemory { .. } | BundleError::Budget { .. });
    }
    matches!(error.downcast_ref(), Some(VolumeError::Limit { .. } | VolumeError::OutOfMemory { .. }))
}

/// An argument with a value that makes no sense.
pub fn bad_value(text: impl Into<String>) -> PyErr {
    MedsegError::new_err(text.into())
}

/// An argument of a type that makes no sense.
pub fn bad_type(text: impl Into<String>) -> PyErr {
    PyTypeError::new_err(text.into())
}

/// Warns of oddities, each with this file or case before it.
pub fn warn<T: ToString>(py: Python<'_>, about: &str, warnings: &[T]) -> PyResult<()> {
    let category = py.get_type::<MedsegWarning>();
    for warning in warnings {
        let text = if about.is_empty() { warning.to_string() } else { format!("{about}: {}", warning.to_string()) };
        // A message with a NUL could not be shown.
        let text = std::ffi::CString::new(text.replace('\0', "")).map_err(|error| bad_value(error.to_string()))?;
        PyErr::warn(py, &category, &text, 1)?;
    }
    Ok(())
}

/// The error of a transform without the case's name, which a caller of Python never gave.
pub fn transform_raised(error: TransformError) -> PyErr {
    match error {
        TransformError::Case { source, .. } => raised(&*source),
        error => raised(&error),
    }
}
