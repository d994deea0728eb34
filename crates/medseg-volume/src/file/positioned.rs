//! Voxels of a file that is not packed, read at their positions by all threads.

use std::fs::File;
use std::os::unix::fs::FileExt;

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::chunks::{CHUNK, Parts, Stop};

/// Reads the parts into `out`, whose length is the number of voxels of `size` bytes in them. Of several chunks that fail
/// the first in the file is reported.
pub(super) fn read_parts<V: Send, E: Send>(
    file: &File,
    parts: &Parts,
    size: usize,
    out: &mut [V],
    convert: impl Fn(usize, &mut [u8], &mut [V]) -> Result<(), E> + Sync,
) -> Result<(), Stop<E>> {
    let run = parts.length as usize / size;
    let chunks = out.par_chunks_mut(run).enumerate().flat_map(|(n, out)| {
        let start = parts.first + n as u64 * (parts.length + parts.between);
        let chunks = out.par_chunks_mut(CHUNK / size).enumerate();
        chunks.map(move |(i, out)| (start + (i * CHUNK) as u64, n * run + i * (CHUNK / size), out))
    });
    let read = |buffer: &mut Vec<u8>, (position, first, out): (u64, usize, &mut [V])| {
        let bytes = &mut buffer[..out.len() * size];
        file.read_exact_at(bytes, position).map_err(Stop::Read)?;
        convert(first, bytes, out).map_err(Stop::Convert)
    };
    chunks.map_init(|| vec![0; CHUNK], read).find_map_first(Result::err).map_or(Ok(()), Err)
}
