//! Voxel bytes in chunks: read by one thread and converted by another, or both by all threads where the file allows it.

use std::io::{self, Read};
use std::sync::mpsc;
use std::thread;

use super::source::Input;

/// Bytes handed over at a time; a multiple of every voxel's size.
pub(crate) const CHUNK: usize = 1 << 18;
/// Chunks under way between the threads.
const DEPTH: usize = 4;
/// Files below this are read by one thread.
const ALONE: u64 = 4 << 20;
/// Bytes after the voxels that are unpacked to reach the checksum at the stream's end; more is no padding.
const MOST_TRAILING: u64 = 1 << 26;

/// The parts of the content that are wanted: `runs` of `length` bytes, each after `before` bytes that are not.
#[derive(Clone, Copy)]
pub(crate) struct Parts {
    /// Passed over before the first run.
    pub first: u64,
    pub runs: u64,
    pub length: u64,
    /// Passed over between two runs.
    pub between: u64,
}

/// Reads the parts one after the other.
struct Reader {
    input: Input,
    parts: Parts,
    /// Bytes left of the current run.
    left: u64,
    started: bool,
}

impl Reader {
    /// Fills a buffer; parts may end within it.
    fn fill(&mut self, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            if self.left == 0 {
                let skipped = if self.started { self.parts.between } else { self.parts.first };
                self.started = true;
                if skipped > 0 {
                    self.input.content.skip(skipped)?;
                }
                self.left = self.parts.length;
            }
            let length = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            let (now, later) = buffer.split_at_mut(length);
            self.input.content.read_exact(now)?;
            self.left -= length as u64;
            buffer = later;
        }
        Ok(())
    }

    /// Reads a packed file to its end, where its checksum is.
    fn finish<E>(self) -> Result<(), Stop<E>> {
        self.checksum().map_err(Stop::Checksum)
    }

    fn checksum(mut self) -> io::Result<()> {
        if !self.input.packed {
            return Ok(());
        }
        let rest = self.input.available.min(self.parts.between.saturating_add(MOST_TRAILING));
        io::copy(&mut (&mut self.input.content).take(rest), &mut io::sink())?;
        match self.input.content.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(io::Error::other("far more follows the last voxel, so that its checksum is out of reach")),
        }
    }
}

/// Why reading ended early.
pub(crate) enum Stop<E> {
    /// The file.
    Read(io::Error),
    /// The rest of a packed file, after its last voxel.
    Checksum(io::Error),
    /// The conversion of a chunk.
    Convert(E),
}

/// Reads the parts into `out`, whose length is the number of voxels of `size` bytes in them; `convert` makes voxels of
/// bytes, and is given the place of the first of them in `out`.
pub(crate) fn read_parts<V: Send, E: Send>(
    input: Input,
    parts: &Parts,
    size: usize,
    out: &mut [V],
    convert: impl Fn(usize, &mut [u8], &mut [V]) -> Result<(), E> + Sync,
) -> Result<(), Stop<E>> {
    let total = parts.runs * parts.length;
    #[cfg(unix)]
    if let Some((file, start)) = input.file.as_ref().filter(|_| total >= ALONE) {
        let parts = Parts { first: parts.first + start, ..*parts };
        return super::positioned::read_parts(file, &parts, size, out, convert);
    }
    let reader = Reader { input, parts: *parts, left: 0, started: false };
    let mut out = out.chunks_mut(CHUNK / size).enumerate();
    let next = |bytes: &mut [u8]| out.next().map_or(Ok(()), |(n, out)| convert(n * (CHUNK / size), bytes, out));
    if total < ALONE { alone(reader, total, next) } else { together(reader, total, next) }
}

/// Reads all parts in order and gives them to `convert` in chunks, whole voxels each.
fn alone<E>(
    mut reader: Reader,
    total: u64,
    mut convert: impl FnMut(&mut [u8]) -> Result<(), E>,
) -> Result<(), Stop<E>> {
    let mut chunk = vec![0; next_length(total)];
    let mut left = total;
    while left > 0 {
        let part = &mut chunk[..next_length(left)];
        reader.fill(part).map_err(Stop::Read)?;
        convert(part).map_err(Stop::Convert)?;
        left -= part.len() as u64;
    }
    reader.finish()
}

/// [`alone`] with a second thread that reads (and unpacks) ahead.
fn together<E: Send>(
    mut reader: Reader,
    total: u64,
    mut convert: impl FnMut(&mut [u8]) -> Result<(), E>,
) -> Result<(), Stop<E>> {
    thread::scope(|scope| {
        let (full, filled) = mpsc::sync_channel::<Vec<u8>>(DEPTH);
        let (empty, emptied) = mpsc::channel::<Vec<u8>>();
        for _ in 0..DEPTH {
            let _ = empty.send(vec![0; CHUNK]);
        }
        let ahead = move || {
            let mut left = total;
            while left > 0 {
                // Either end is gone when the other side has given up.
                let Ok(mut chunk) = emptied.recv() else { return Ok(()) };
                chunk.truncate(next_length(left));
                reader.fill(&mut chunk).map_err(Stop::Read)?;
                left -= chunk.len() as u64;
                if full.send(chunk).is_err() {
                    return Ok(());
                }
            }
            reader.finish()
        };
        let ahead = thread::Builder::new().spawn_scoped(scope, ahead).map_err(Stop::Read)?;
        for mut chunk in filled {
            convert(&mut chunk).map_err(Stop::Convert)?;
            let _ = empty.send(chunk);
        }
        ahead.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn next_length(left: u64) -> usize {
    usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK))
}
