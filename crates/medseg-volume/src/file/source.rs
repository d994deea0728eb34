//! The source of a file's bytes: the disk or memory, from some position on, packed or not.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::bufread::{DeflateDecoder, ZlibDecoder};

use super::gzip::{MAGIC, MOST_EXPANSION, Members};
use crate::{MalformedKind, VolumeError};

/// A part of a file, from a position to its end.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    bytes: Bytes,
    start: u64,
    packing: Packing,
}

/// A file or its bytes.
#[derive(Clone, Debug)]
enum Bytes {
    Path(PathBuf),
    Memory(Arc<[u8]>),
}

/// Compressions of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// gzip if the first bytes say so.
    ByContent,
    None,
    Gzip,
    Zlib,
    /// Deflate without a container and so without a checksum.
    #[cfg_attr(not(feature = "dicom"), allow(dead_code, reason = "only DICOM has it"))]
    Deflate,
}

/// Unpacked bytes in order.
pub(crate) trait Content: Read + Send {
    /// Passes over bytes; an end before them shows when reading.
    fn skip(&mut self, bytes: u64) -> io::Result<()>;
}

/// Unpacked content.
pub(crate) struct Input {
    pub content: Box<dyn Content>,
    /// The most bytes it can have.
    pub available: u64,
    pub packed: bool,
    /// The file itself where its bytes are the content, to be read at any position, and the position of the first.
    pub file: Option<(File, u64)>,
}

impl Source {
    /// A file on the disk, gzipped if its content says so.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self { bytes: Bytes::Path(path.into()), start: 0, packing: Packing::ByContent }
    }

    /// A file in memory.
    pub fn memory(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self { bytes: Bytes::Memory(bytes.into()), start: 0, packing: Packing::ByContent }
    }

    /// The part of the file after `start`.
    pub fn from(&self, start: u64, packing: Packing) -> Self {
        Self { bytes: self.bytes.clone(), start, packing }
    }

    /// The name in messages.
    pub fn name(&self) -> &Path {
        match &self.bytes {
            Bytes::Path(path) => path,
            Bytes::Memory(_) => Path::new("<bytes>"),
        }
    }

    /// Opens the content with a buffer of this many bytes.
    pub fn open(&self, buffer: usize) -> Result<Input, VolumeError> {
        let path = self.name();
        let failed = |e| VolumeError::io("read", path)(e);
        match &self.bytes {
            Bytes::Path(path) => {
                let file = File::open(path).map_err(failed)?;
                let meta = file.metadata().map_err(failed)?;
                if meta.is_dir() {
                    return Err(VolumeError::malformed(path, MalformedKind::Format, "a folder, not a file"));
                }
                let again = file.try_clone().map_err(failed)?;
                let input = self.input(file, meta.len(), buffer).map_err(failed)?;
                Ok(Input { file: Some((again, self.start)).filter(|_| !input.packed), ..input })
            }
            Bytes::Memory(bytes) => {
                self.input(Cursor::new(Arc::clone(bytes)), bytes.len() as u64, buffer).map_err(failed)
            }
        }
    }

    fn input<R: Read + Seek + Send + 'static>(&self, mut from: R, length: u64, buffer: usize) -> io::Result<Input> {
        if self.start > 0 {
            from.seek(SeekFrom::Start(self.start))?;
        }
        let length = length.saturating_sub(self.start);
        let mut from = BufReader::with_capacity(buffer, from);
        let packing = match self.packing {
            Packing::ByContent if from.fill_buf()?.starts_with(&MAGIC) => Packing::Gzip,
            Packing::ByContent => Packing::None,
            known => known,
        };
        let content: Box<dyn Content> = match packing {
            Packing::Gzip => Box::new(Members::new(from)),
            Packing::Zlib => Box::new(ZlibDecoder::new(from)),
            Packing::Deflate => Box::new(DeflateDecoder::new(from)),
            Packing::None | Packing::ByContent => Box::new(from),
        };
        let packed = packing != Packing::None;
        let available = if packed { length.saturating_mul(MOST_EXPANSION) } else { length };
        Ok(Input { content, available, packed, file: None })
    }
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

impl<R: BufRead + Send> Content for DeflateDecoder<R> {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        io::copy(&mut self.take(bytes), &mut io::sink()).map(drop)
    }
}

impl<R: BufRead + Send> Content for ZlibDecoder<R> {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        io::copy(&mut self.take(bytes), &mut io::sink()).map(drop)
    }
}
