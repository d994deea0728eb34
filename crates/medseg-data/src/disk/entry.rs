//! The file of one prepared case: a mark, the key, the item, and a checksum of all of them.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use bytemuck::Pod;
use crc32fast::Hasher;
use medseg_files::AtomicFile;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::CacheKey;

const MARK: &[u8; 8] = b"medsegC1";
/// Bytes that are read and summed at a time, so that they are summed while they are near the processor.
const BLOCK: usize = 1 << 18;

/// An item that a [`DiskCache`](crate::DiskCache) can keep: it is written as JSON values and slices of numbers, and
/// read back in the same order.
///
/// # Examples
/// ```
/// use medseg_data::{CacheItem, CompactImage, ItemReader, ItemWriter};
/// struct Prepared {
///     image: CompactImage,
///     warning: Option<String>,
/// }
/// impl CacheItem for Prepared {
///     fn write(&self, to: &mut ItemWriter<'_>) -> std::io::Result<()> {
///         self.image.write(to)?;
///         to.json(&self.warning)
///     }
///     fn read(from: &mut ItemReader<'_>) -> std::io::Result<Self> {
///         Ok(Self { image: CompactImage::read(from)?, warning: from.json()? })
///     }
/// }
/// ```
pub trait CacheItem: Sized {
    /// Writes the item.
    ///
    /// # Errors
    /// Those of the writer.
    fn write(&self, to: &mut ItemWriter<'_>) -> io::Result<()>;

    /// Reads what [`write`](Self::write) wrote. The bytes may be damaged, which the checksum tells afterwards: check what
    /// would panic.
    ///
    /// # Errors
    /// Those of the reader; [`ItemReader::damaged`] for a value that cannot be.
    fn read(from: &mut ItemReader<'_>) -> io::Result<Self>;
}

impl CacheItem for Vec<u8> {
    fn write(&self, to: &mut ItemWriter<'_>) -> io::Result<()> {
        to.slice(self)
    }

    fn read(from: &mut ItemReader<'_>) -> io::Result<Self> {
        from.slice()
    }
}

/// Takes the parts of an item, sums and counts them.
pub struct ItemWriter<'a> {
    to: &'a mut dyn Write,
    sum: Hasher,
    bytes: u64,
}

impl ItemWriter<'_> {
    /// Writes a value as JSON: for what is small.
    ///
    /// # Errors
    /// If the value cannot be JSON, or the file cannot be written.
    pub fn json(&mut self, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
        self.slice(&serde_json::to_vec(value)?)
    }

    /// Writes numbers as they lie in memory.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn slice<T: Pod>(&mut self, values: &[T]) -> io::Result<()> {
        self.raw(&(values.len() as u64).to_ne_bytes())?;
        bytemuck::cast_slice(values).chunks(BLOCK).try_for_each(|block| self.raw(block))
    }

    fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        self.sum.update(bytes);
        self.to.write_all(bytes)
    }
}

/// Gives the parts of an item in the order in which they were written.
pub struct ItemReader<'a> {
    from: &'a mut dyn Read,
    sum: Hasher,
    /// Bytes before the checksum.
    left: u64,
}

impl ItemReader<'_> {
    /// The error for a value that cannot be: the entry is thrown away and made anew.
    pub fn damaged(reason: impl Into<String>) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, reason.into())
    }

    /// Reads a value that was written as JSON.
    ///
    /// # Errors
    /// If the bytes are no such value.
    pub fn json<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        Ok(serde_json::from_slice(&self.slice::<u8>()?)?)
    }

    /// Reads numbers.
    ///
    /// # Errors
    /// If the file ends before them; memory is taken only for what the file can hold.
    pub fn slice<T: Pod>(&mut self) -> io::Result<Vec<T>> {
        let mut count = [0; 8];
        self.raw(&mut count)?;
        let count = u64::from_ne_bytes(count);
        if count.checked_mul(size_of::<T>() as u64).is_none_or(|bytes| bytes > self.left) {
            return Err(Self::damaged(format!("{count} values do not fit the {} bytes left", self.left)));
        }
        let mut values = vec![T::zeroed(); count as usize];
        bytemuck::cast_slice_mut(&mut values).chunks_mut(BLOCK).try_for_each(|block| self.raw(block))?;
        Ok(values)
    }

    fn raw(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(|| Self::damaged("the entry ends early"))?;
        self.from.read_exact(bytes)?;
        self.sum.update(bytes);
        Ok(())
    }
}

/// The bytes that the file of an item will have.
pub(super) fn length(key: &CacheKey, item: &impl CacheItem) -> io::Result<u64> {
    write_to(&mut io::sink(), key, item)
}

/// Writes an item to a file that appears whole.
pub(super) fn write(path: &Path, key: &CacheKey, item: &impl CacheItem) -> io::Result<()> {
    let mut to = BufWriter::new(AtomicFile::create(path)?);
    write_to(&mut to, key, item)?;
    to.into_inner()?.commit()
}

fn write_to(to: &mut dyn Write, key: &CacheKey, item: &impl CacheItem) -> io::Result<u64> {
    let mut writer = ItemWriter { to, sum: Hasher::new(), bytes: 0 };
    writer.raw(MARK)?;
    writer.slice(key.text().as_bytes())?;
    item.write(&mut writer)?;
    let ItemWriter { to, sum, bytes } = writer;
    to.write_all(&sum.finalize().to_ne_bytes())?;
    Ok(bytes + 4)
}

/// Reads an item from its file; `None` if the file is that of another key.
///
/// # Errors
/// If the file cannot be read, or is not what was written.
pub(super) fn read<T: CacheItem>(file: &File, key: &CacheKey) -> io::Result<Option<T>> {
    let length = file.metadata()?.len();
    let left = length.checked_sub(4).ok_or_else(|| ItemReader::damaged("the file is empty"))?;
    let mut buffered = BufReader::new(file);
    let mut reader = ItemReader { from: &mut buffered, sum: Hasher::new(), left };
    let mut mark = [0; 8];
    reader.raw(&mut mark)?;
    if mark != *MARK {
        return Err(ItemReader::damaged("the file is no entry of a cache"));
    }
    if reader.slice::<u8>()? != key.text().as_bytes() {
        return Ok(None);
    }
    let item = T::read(&mut reader)?;
    let ItemReader { from, sum, left } = reader;
    let mut expected = [0; 4];
    from.read_exact(&mut expected)?;
    if left != 0 || sum.finalize().to_ne_bytes() != expected {
        return Err(ItemReader::damaged("the checksum does not fit"));
    }
    Ok(Some(item))
}
