//! Voxels on their way into a file.

use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use medseg_files::AtomicFile;
use ndarray::ArrayView4;

use super::Stored;
use super::compress::{BLOCK, Framing, write_packed};
use crate::c_order;

/// The content of a file beside its voxels, and the way they are packed.
#[derive(Clone, Copy, Default)]
pub(crate) struct Output<'a> {
    /// Bytes that are not packed.
    pub before: &'a [u8],
    /// The first bytes of what is packed.
    pub first: &'a [u8],
    pub packing: Option<Framing>,
    pub level: u32,
    /// The place in `before` that takes the length of what is packed, as text filled up with spaces.
    pub size_at: Option<usize>,
}

/// Writes a whole file or none; returns the length of what is packed.
pub(crate) fn write_output<T: Stored>(path: &Path, output: &Output<'_>, data: ArrayView4<'_, T>) -> io::Result<u64> {
    let file = AtomicFile::create(path)?;
    let mut to = BufWriter::with_capacity(BLOCK, file.file());
    to.write_all(output.before)?;
    pack(&mut to, output, data)?;
    let size = to.stream_position()? - output.before.len() as u64;
    if let Some(at) = output.size_at {
        to.seek(SeekFrom::Start(at as u64))?;
        to.write_all(size.to_string().as_bytes())?;
    }
    to.flush()?;
    drop(to);
    file.commit()?;
    Ok(size)
}

/// Writes what follows [`Output::before`]: the first bytes and the voxels, packed or not.
pub(crate) fn pack<T: Stored>(to: &mut impl Write, output: &Output<'_>, data: ArrayView4<'_, T>) -> io::Result<()> {
    let copy;
    let voxels = match data.as_slice() {
        Some(voxels) => voxels,
        None => {
            copy = c_order(data, T::clone);
            copy.as_slice().unwrap_or_default()
        }
    };
    let blocks: Vec<&[T]> = voxels.chunks(BLOCK / size_of::<T>()).collect();
    match output.packing {
        // What comes first is a block of its own.
        Some(framing) => write_packed(to, framing, 1 + blocks.len(), output.level, |block, bytes| match block {
            0 => bytes.extend_from_slice(output.first),
            n => T::append_bytes(blocks[n - 1], bytes),
        }),
        None => write_plain(to, output.first, &blocks),
    }
}

fn write_plain<T: Stored>(to: &mut impl Write, head: &[u8], blocks: &[&[T]]) -> io::Result<()> {
    to.write_all(head)?;
    let mut bytes = Vec::with_capacity(BLOCK);
    for block in blocks {
        bytes.clear();
        T::append_bytes(block, &mut bytes);
        to.write_all(&bytes)?;
    }
    Ok(())
}
