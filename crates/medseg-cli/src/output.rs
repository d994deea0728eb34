//! Results on standard output and remarks on standard error, without a panic where one of them is closed or full.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use crate::CliError;

/// Prints a result and ends the line.
///
/// # Errors
/// The system's, such as a full disk. A reader that has gone, as behind `| head`, is no error.
pub fn result(text: impl Display) -> Result<(), CliError> {
    bytes(format!("{text}\n").as_bytes())
}

/// Prints a result as it is.
///
/// # Errors
/// As [`result`].
pub fn bytes(bytes: &[u8]) -> Result<(), CliError> {
    let mut to = io::stdout().lock();
    match to.write_all(bytes).and_then(|()| to.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CliError::Failed(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints a remark; nothing stops because nobody can read it.
pub fn remark(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}
