//! gzip written by several threads, the same bytes whatever their number.

use std::collections::HashMap;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// Bytes compressed on their own: a slice of a usual label map.
pub(super) const BLOCK: usize = 1 << 18;
/// Bytes looked at together in the search for runs of one value.
const TILE: usize = 1 << 12;
/// Runs below this are compressed with what is around them.
const SHORTEST_RUN: usize = 4 * TILE;
/// More threads than this do not help a disk.
const MOST_THREADS: usize = 16;
/// gzip, deflate, no name, no time, no flags, unknown system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// The empty last block of a deflate stream.
const END: [u8; 2] = [3, 0];

/// A compressed block with the checksum of what it holds.
struct Packed {
    bytes: Vec<u8>,
    crc: Crc,
}

/// Writes one gzip member of `blocks` blocks; `fill` puts the content of a block, at most [`BLOCK`] bytes, into a buffer.
///
/// Blocks do not refer to one another, so they are compressed independently and joined.
pub(super) fn write_member<W: Write>(
    to: &mut W,
    blocks: usize,
    level: u32,
    fill: impl Fn(usize, &mut Vec<u8>) + Sync,
) -> io::Result<()> {
    to.write_all(&HEAD)?;
    let mut crc = Crc::new();
    let threads = thread::available_parallelism().map_or(1, usize::from).clamp(1, MOST_THREADS).min(blocks);
    thread::scope(|scope| {
        let spawn = |first: usize| {
            let (done, next) = mpsc::sync_channel(2);
            let fill = &fill;
            let work = move || {
                let mut packer = Packer::new(level);
                for block in (first..blocks).step_by(threads) {
                    // The receiver is gone when the file could not be written.
                    if done.send(packer.pack(|content| fill(block, content))).is_err() {
                        return;
                    }
                }
            };
            thread::Builder::new().spawn_scoped(scope, work).map(|_| next)
        };
        let workers: Vec<Receiver<io::Result<Packed>>> = (0..threads).map(spawn).collect::<io::Result<_>>()?;
        for block in 0..blocks {
            let packed = workers[block % threads].recv().map_err(io::Error::other)??;
            to.write_all(&packed.bytes)?;
            crc.combine(&packed.crc);
        }
        io::Result::Ok(())
    })?;
    to.write_all(&END)?;
    to.write_all(&crc.sum().to_le_bytes())?;
    to.write_all(&crc.amount().to_le_bytes())
}

/// Compresses blocks one after the other.
struct Packer {
    compress: Compress,
    content: Vec<u8>,
    /// Runs by value and length in compressed form: label maps repeat them.
    runs: HashMap<(u8, usize), Vec<u8>>,
}

impl Packer {
    fn new(level: u32) -> Self {
        let compress = Compress::new(Compression::new(level.min(9)), false);
        Self { compress, content: Vec::with_capacity(BLOCK), runs: HashMap::new() }
    }

    fn pack(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> io::Result<Packed> {
        self.content.clear();
        fill(&mut self.content);
        let mut crc = Crc::new();
        crc.update(&self.content);
        let mut bytes = Vec::with_capacity(self.content.len() / 8 + 64);
        let mut start = 0;
        for run in runs(&self.content) {
            self.deflate(start..run.start, &mut bytes)?;
            start = run.end;
            let key = (self.content[run.start], run.len());
            if !self.runs.contains_key(&key) {
                let mut packed = Vec::with_capacity(512);
                self.deflate(run, &mut packed)?;
                self.runs.insert(key, packed);
            }
            bytes.extend(&self.runs[&key]);
        }
        self.deflate(start..self.content.len(), &mut bytes)?;
        Ok(Packed { bytes, crc })
    }

    /// Appends a part of the content as deflate blocks that end at a whole byte.
    fn deflate(&mut self, part: Range<usize>, to: &mut Vec<u8>) -> io::Result<()> {
        if part.is_empty() {
            return Ok(());
        }
        let part = &self.content[part];
        self.compress.reset();
        loop {
            to.reserve(part.len() / 8 + 64);
            let taken = usize::try_from(self.compress.total_in()).map_err(io::Error::other)?;
            let status = self.compress.compress_vec(&part[taken..], to, FlushCompress::Sync)?;
            // Room that is left shows that everything, the end mark too, is out.
            if status == Status::BufError || to.len() < to.capacity() {
                return Ok(());
            }
        }
    }
}

/// The longest runs of one value, long enough that compressing them apart pays.
fn runs(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (n, tile) in bytes.chunks(TILE).enumerate() {
        let (start, end) = (n * TILE, n * TILE + tile.len());
        if tile.iter().fold(0, |differs, b| differs | (b ^ tile[0])) != 0 {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.end == start && bytes[run.start] == tile[0] => run.end = end,
            _ => runs.push(start..end),
        }
    }
    runs.retain(|run| run.len() >= SHORTEST_RUN);
    runs
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn unpacked(content: &[u8], level: u32) -> Vec<u8> {
        let mut packed = Vec::new();
        let block = |n: usize, to: &mut Vec<u8>| {
            to.extend_from_slice(&content[n * BLOCK..content.len().min((n + 1) * BLOCK)]);
        };
        write_member(&mut packed, content.len().div_ceil(BLOCK), level, block).unwrap();
        let mut back = Vec::new();
        flate2::bufread::GzDecoder::new(&packed[..]).read_to_end(&mut back).unwrap();
        back
    }

    #[test]
    fn any_content_comes_back() {
        // Runs of several values and lengths between noise.
        let striped =
            |n: usize| (0..n).map(|i| if i / 10_000 % 3 == 0 { (i * 31 % 251) as u8 } else { (i / 50_000) as u8 });
        let noise = |n: usize| (0..n as u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 53) as u8);
        for level in [0, 1, 6, 9] {
            for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 77] {
                let random: Vec<u8> = noise(length).collect();
                assert!(unpacked(&random, level) == random, "{length} random bytes at level {level}");
                let stripes: Vec<u8> = striped(length).collect();
                assert!(unpacked(&stripes, level) == stripes, "{length} bytes of stripes at level {level}");
                let uniform = vec![7; length];
                assert!(unpacked(&uniform, level) == uniform, "{length} bytes of 7 at level {level}");
                let mut mixed = vec![0; length];
                mixed.iter_mut().zip(noise(length / 2)).for_each(|(to, v)| *to = v);
                assert!(unpacked(&mixed, level) == mixed, "{length} bytes of both at level {level}");
            }
        }
    }
}
