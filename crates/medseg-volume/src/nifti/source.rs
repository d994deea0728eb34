//! The source of a file's bytes: the disk or memory, packed or not, in one file or a pair.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::gzip::{MAGIC, MOST_EXPANSION, Members};
use crate::{MalformedKind, VolumeError};

/// A file or its bytes.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Path(PathBuf),
    Memory(Arc<[u8]>),
}

/// Unpacked bytes in order.
pub(super) trait Content: Read + Send {
    /// Passes over bytes; an end before them shows when reading.
    fn skip(&mut self, bytes: u64) -> io::Result<()>;
}

/// Unpacked content.
pub(super) struct Input {
    pub content: Box<dyn Content>,
    /// The most bytes it can have.
    pub available: u64,
    pub packed: bool,
    /// The file itself where its bytes are the content, to be read at any position.
    pub file: Option<File>,
}

impl Source {
    /// The name in messages.
    pub fn name(&self) -> &Path {
        match self {
            Self::Path(path) => path,
            Self::Memory(_) => Path::new("<bytes>"),
        }
    }

    /// Opens the content, told by itself to be packed or not, with a buffer of this many bytes.
    pub fn open(&self, buffer: usize) -> Result<Input, VolumeError> {
        let path = self.name();
        let failed = |e| VolumeError::io("read", path)(e);
        match self {
            Self::Path(path) => {
                let file = File::open(path).map_err(failed)?;
                let meta = file.metadata().map_err(failed)?;
                if meta.is_dir() {
                    return Err(VolumeError::malformed(path, MalformedKind::Format, "a folder, not a file"));
                }
                let again = file.try_clone().map_err(failed)?;
                let input = input(file, meta.len(), buffer).map_err(failed)?;
                Ok(Input { file: Some(again).filter(|_| !input.packed), ..input })
            }
            Self::Memory(bytes) => input(Cursor::new(Arc::clone(bytes)), bytes.len() as u64, buffer).map_err(failed),
        }
    }
}

fn input<R: Read + Seek + Send + 'static>(from: R, length: u64, buffer: usize) -> io::Result<Input> {
    let mut from = BufReader::with_capacity(buffer, from);
    let packed = from.fill_buf()?.starts_with(&MAGIC);
    Ok(if packed {
        let available = length.saturating_mul(MOST_EXPANSION);
        Input { content: Box::new(Members::new(from)), available, packed, file: None }
    } else {
        Input { content: Box::new(from), available: length, packed, file: None }
    })
}

impl<R: Read + Seek + Send> Content for BufReader<R> {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        self.seek_relative(i64::try_from(bytes).map_err(io::Error::other)?)
    }
}

impl<R: BufRead + Send> Content for Members<R> {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        io::copy(&mut self.take(bytes), &mut io::sink()).map(drop)
    }
}

/// The other file of a pair: the `.img` of a `.hdr` or the reverse, packed as the first or else the other way; none for a
/// name that does not end in `from`.
pub(super) fn partner(path: &Path, from: &str, to: &str) -> Option<PathBuf> {
    let packed = has_extension(path, "gz");
    let plain = if packed { path.with_extension("") } else { path.to_path_buf() };
    if !has_extension(&plain, from) {
        return None;
    }
    let upper = plain.extension().is_some_and(|e| e.to_string_lossy().chars().all(char::is_uppercase));
    let other = plain.with_extension(if upper { to.to_uppercase() } else { to.to_string() });
    let mut with_gz = other.clone().into_os_string();
    with_gz.push(".gz");
    let candidates = if packed { [PathBuf::from(with_gz), other] } else { [other, PathBuf::from(with_gz)] };
    let found = candidates.iter().position(|candidate| candidate.exists()).unwrap_or(0);
    candidates.into_iter().nth(found)
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}
