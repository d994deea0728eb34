//! The open file, of which no more is read than it has.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{TorchError, TorchProblem};

/// An open file.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    file: Mutex<File>,
    length: u64,
}

impl Source {
    /// Opens a file.
    pub(crate) fn open(path: &Path) -> Result<Self, TorchError> {
        let file = File::open(path).map_err(|source| TorchError::io(path, source))?;
        let length = file.metadata().map_err(|source| TorchError::io(path, source))?.len();
        Ok(Self { path: path.to_owned(), file: Mutex::new(file), length })
    }

    /// Path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Length of the file in bytes, when it was opened.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Makes an error that names the file.
    pub(crate) fn error(&self, problem: TorchProblem) -> TorchError {
        TorchError::file(&self.path, problem)
    }

    /// Reads bytes, or nothing if they lie outside of the file; so no more memory is taken than the file has.
    pub(crate) fn read(&self, start: u64, bytes: u64) -> Result<Option<Vec<u8>>, TorchError> {
        let end = start.checked_add(bytes).filter(|end| *end <= self.length);
        let (Some(_), Ok(size)) = (end, usize::try_from(bytes)) else { return Ok(None) };
        let mut read = vec![0; size];
        let mut file = lock(&self.file);
        let result = file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut read));
        result.map(|()| Some(read)).map_err(|source| TorchError::io(&self.path, source))
    }
}

/// Locks, whatever another thread did while it held the lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
