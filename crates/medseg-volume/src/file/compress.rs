//! gzip and zlib written by several threads, the same bytes whatever their number.

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
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// zlib, deflate with a window of 32 KiB, default level.
const ZLIB_HEAD: [u8; 2] = [0x78, 0x9c];
/// The empty last block of a deflate stream.
const END: [u8; 2] = [3, 0];

/// The container of a deflate stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Gzip,
    Zlib,
}

/// A checksum that blocks have on their own.
enum Checksum {
    Crc(Crc),
    Adler(Adler),
}

impl Checksum {
    fn of(framing: Framing, bytes: &[u8]) -> Self {
        match framing {
            Framing::Gzip => {
                let mut crc = Crc::new();
                crc.update(bytes);
                Self::Crc(crc)
            }
            Framing::Zlib => Self::Adler(Adler::of(bytes)),
        }
    }

    /// Of these bytes with those of another after them.
    fn combine(&mut self, other: &Self) {
        match (self, other) {
            (Self::Crc(crc), Self::Crc(other)) => crc.combine(other),
            (Self::Adler(adler), Self::Adler(other)) => adler.combine(other),
            // One framing has one checksum.
            _ => {}
        }
    }
}

/// Adler-32 (RFC 1950).
struct Adler {
    a: u64,
    b: u64,
    length: u64,
}

impl Adler {
    const MODULUS: u64 = 65521;

    fn of(bytes: &[u8]) -> Self {
        let (mut a, mut b) = (1, 0);
        // Sums of so few bytes do not overflow.
        for part in bytes.chunks(1 << 20) {
            for byte in part {
                a += u64::from(*byte);
                b += a;
            }
            (a, b) = (a % Self::MODULUS, b % Self::MODULUS);
        }
        Self { a, b, length: bytes.len() as u64 }
    }

    fn combine(&mut self, other: &Self) {
        self.b = (self.b + other.b + other.length % Self::MODULUS * (self.a + Self::MODULUS - 1)) % Self::MODULUS;
        self.a = (self.a + other.a + Self::MODULUS - 1) % Self::MODULUS;
        self.length += other.length;
    }
}

/// A compressed block with the checksum of what it holds.
struct Packed {
    bytes: Vec<u8>,
    checksum: Checksum,
}

/// Writes one gzip member or zlib stream of `blocks` blocks; `fill` puts the content of a block, at most [`BLOCK`] bytes, into a buffer.
///
/// Blocks do not refer to one another, so they are compressed independently and joined.
pub(super) fn write_packed<W: Write>(
    to: &mut W,
    framing: Framing,
    blocks: usize,
    level: u32,
    fill: impl Fn(usize, &mut Vec<u8>) + Sync,
) -> io::Result<()> {
    match framing {
        Framing::Gzip => to.write_all(&GZIP_HEAD),
        Framing::Zlib => to.write_all(&ZLIB_HEAD),
    }?;
    let mut checksum = Checksum::of(framing, &[]);
    let threads = thread::available_parallelism().map_or(1, usize::from).clamp(1, MOST_THREADS).min(blocks);
    thread::scope(|scope| {
        let spawn = |first: usize| {
            let (done, next) = mpsc::sync_channel(2);
            let fill = &fill;
            let work = move || {
                let mut packer = Packer::new(framing, level);
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
            checksum.combine(&packed.checksum);
        }
        io::Result::Ok(())
    })?;
    to.write_all(&END)?;
    match checksum {
        Checksum::Crc(crc) => {
            to.write_all(&crc.sum().to_le_bytes())?;
            to.write_all(&crc.amount().to_le_bytes())
        }
        Checksum::Adler(Adler { a, b, .. }) => to.write_all(&((b << 16 | a) as u32).to_be_bytes()),
    }
}

/// Compresses blocks one after the other.
struct Packer {
    framing: Framing,
    compress: Compress,
    content: Vec<u8>,
    /// Runs by value and length in compressed form: label maps repeat them.
    runs: HashMap<(u8, usize), Vec<u8>>,
}

impl Packer {
    fn new(framing: Framing, level: u32) -> Self {
        let compress = Compress::new(Compression::new(level.min(9)), false);
        Self { framing, compress, content: Vec::with_capacity(BLOCK), runs: HashMap::new() }
    }

    fn pack(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> io::Result<Packed> {
        self.content.clear();
        fill(&mut self.content);
        let checksum = Checksum::of(self.framing, &self.content);
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
        Ok(Packed { bytes, checksum })
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
        let block = |n: usize, to: &mut Vec<u8>| {
            to.extend_from_slice(&content[n * BLOCK..content.len().min((n + 1) * BLOCK)]);
        };
        let packed = |framing| {
            let mut packed = Vec::new();
            write_packed(&mut packed, framing, content.len().div_ceil(BLOCK), level, block).unwrap();
            packed
        };
        let [mut gzip, mut zlib] = [Vec::new(), Vec::new()];
        flate2::bufread::GzDecoder::new(&packed(Framing::Gzip)[..]).read_to_end(&mut gzip).unwrap();
        flate2::bufread::ZlibDecoder::new(&packed(Framing::Zlib)[..]).read_to_end(&mut zlib).unwrap();
        assert!(gzip == zlib);
        gzip
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
