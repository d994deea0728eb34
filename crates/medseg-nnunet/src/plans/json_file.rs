//! A JSON file as text.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::NnUnetError;

/// Largest file that is read. Published plans have at most 100 kB.
const LARGEST: u64 = 16 << 20;

/// Reads a file of at most 16 MiB.
pub(crate) fn read(path: &Path) -> Result<String, NnUnetError> {
    let io = |source| NnUnetError::io(path, source);
    let file = File::open(path).map_err(io)?;
    let bytes = file.metadata().map_err(io)?.len();
    if bytes > LARGEST {
        return Err(NnUnetError::TooLarge { path: path.to_owned(), bytes, limit: LARGEST });
    }
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text).map_err(io)?;
    Ok(text)
}
