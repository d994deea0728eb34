//! The stored values of frames.

use std::path::Path;

use super::header::{Header, Kind};
use super::read_options::ReadOptions;
use crate::UnsupportedKind;
use crate::dicom::DicomError;
use crate::dicom::codec::{StoredSlice, decode_stored, rle};
use crate::dicom::object::PixelPlace;
use crate::dicom::pixels::{PixelSource, Pixels, Place, places};
use crate::dicom::start::Start;
use crate::dicom::syntax::{Compression, Encoding, Syntax};

/// Reads the stored values of frames one after the other.
pub(super) struct FrameReader<'a> {
    path: &'a Path,
    pixels: Pixels,
    syntax: Syntax,
    limit: u64,
    stored: StoredFrames,
    /// The least value of a voxel that belongs to a segment.
    pub threshold: f32,
}

/// The place of the frames' values.
enum StoredFrames {
    /// Single bits of all frames, without padding between them.
    Bits(Vec<u8>),
    /// The bytes of each frame.
    Places(Vec<PixelSource>),
}

impl<'a> FrameReader<'a> {
    /// Finds where the values are, and proves that the file has as many.
    pub(super) fn new(
        file: &Header<'a>,
        start: &mut Start,
        (at, length): PixelPlace,
        options: &ReadOptions,
    ) -> Result<Self, DicomError> {
        let (path, pixels, frames) = (file.path, file.pixels, file.groups.len());
        let syntax = start.syntax.clone();
        let stored = if pixels.allocated == 1 {
            // In big endian single bits come in words whose bytes writers swap, or not.
            if syntax.compression != Compression::None || syntax.encoding == Encoding::ExplicitBig {
                let reason = format!("single bits in the transfer syntax {} are not read", syntax.name);
                return Err(DicomError::unsupported(path, UnsupportedKind::Compression, reason));
            }
            let needed = (frames as u64).saturating_mul(pixels.count() as u64).div_ceil(8);
            let length = length.unwrap_or(0);
            if length < needed {
                let reason = format!("PixelData has {length} bytes, {frames} frames take {needed}");
                return Err(DicomError::header(path, reason));
            }
            let place = Place::Native(at, needed);
            let bytes = PixelSource { source: start.source.clone(), place }.read(path, options.max_bytes)?;
            StoredFrames::Bits(bytes)
        } else {
            let places = places(path, start, &pixels, (at, length), frames)?;
            let needed = (pixels.count() * pixels.width()) as u64;
            let short = |place: &PixelSource| rle::longest(place.length()) < needed;
            if syntax.compression == Compression::Rle && places.iter().any(short) {
                return Err(DicomError::header(path, "an RLE frame is too short for its pixels"));
            }
            StoredFrames::Places(places)
        };
        let threshold = match file.kind {
            Kind::Fractional { most } => (options.fraction * f64::from(most)) as f32,
            _ => 1.0,
        };
        let threshold = if threshold > 0.0 { threshold } else { f32::MIN_POSITIVE };
        Ok(Self { path, pixels, syntax, limit: options.max_bytes, stored, threshold })
    }

    /// Reads a frame into `values`, which has a place for each pixel.
    pub(super) fn read(&self, frame: usize, values: &mut [f32]) -> Result<(), DicomError> {
        match &self.stored {
            StoredFrames::Bits(bytes) => {
                let first = frame * values.len();
                for (n, value) in values.iter_mut().enumerate() {
                    let bit = first + n;
                    *value = f32::from(bytes[bit / 8] >> (bit % 8) & 1);
                }
                Ok(())
            }
            StoredFrames::Places(places) => {
                let slice =
                    StoredSlice { path: self.path, syntax: &self.syntax, pixels: &self.pixels, source: &places[frame] };
                decode_stored(slice, self.limit, values)
            }
        }
    }
}
