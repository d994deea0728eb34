//! From a file's stored pixels to values.

mod fragments;
mod jpeg;
mod jpeg2000;
mod jpeg_dct;
mod jpeg_lossless;
mod jpeg_ls;
pub(super) mod rle;

use std::io::Read;
use std::path::Path;

use super::header::Header;
use super::pixels::{PixelSource, Pixels, Place};
use super::syntax::{Compression, Encoding, Syntax};
use super::{DicomError, SeriesOptions};
use crate::{MalformedKind, UnsupportedKind};

/// Buffer that pixels are read with.
const BUFFER: usize = 1 << 16;

/// The stored pixels of a slice.
#[derive(Clone, Copy)]
pub(super) struct StoredSlice<'a> {
    /// The file, for messages.
    pub path: &'a Path,
    pub syntax: &'a Syntax,
    pub pixels: &'a Pixels,
    pub source: &'a PixelSource,
}

/// Reads a slice's pixels and rescales them into `plane`, which has a place for each.
pub(super) fn decode(header: &Header, options: &SeriesOptions, plane: &mut [f32]) -> Result<(), DicomError> {
    let Header { path, syntax, pixels, source, .. } = header;
    decode_scaled(StoredSlice { path, syntax, pixels, source }, options.max_bytes, &Scale::of(header, options), plane)
}

/// Reads a slice's stored values into `plane`; f32 has all of up to 24 bits.
pub(super) fn decode_stored(slice: StoredSlice<'_>, max_bytes: u64, plane: &mut [f32]) -> Result<(), DicomError> {
    decode_scaled(slice, max_bytes, &Scale::stored(slice.pixels), plane)
}

fn decode_scaled(slice: StoredSlice<'_>, max_bytes: u64, scale: &Scale, plane: &mut [f32]) -> Result<(), DicomError> {
    let StoredSlice { path, syntax, pixels, source } = slice;
    let damaged = |reason: String| DicomError::malformed(path, MalformedKind::Damaged, reason);
    let bytes = source.read(path, max_bytes)?;
    if syntax.compression == Compression::None {
        return decode_native(slice, &bytes, scale, plane);
    }
    let frame = match source.place {
        Place::Encapsulated(..) => fragments::join(&bytes).map_err(damaged)?,
        _ => bytes.into(),
    };
    let mut shorts = |samples: Vec<u16>| {
        plane.iter_mut().zip(samples).for_each(|(to, sample)| *to = scale.value(u32::from(sample)));
    };
    match syntax.compression {
        Compression::Rle => {
            let little = rle::decode(&frame, pixels.count(), pixels.width()).map_err(damaged)?;
            scale.little(pixels.width(), &little, plane);
        }
        Compression::JpegLossless => shorts(jpeg_lossless::decode(&frame, pixels).map_err(damaged)?),
        Compression::JpegDct => shorts(jpeg_dct::decode(&frame, pixels).map_err(damaged)?),
        Compression::JpegLs => shorts(jpeg_ls::decode(&frame, pixels).map_err(damaged)?),
        Compression::Jpeg2000 => {
            let samples = jpeg2000::decode(&frame, pixels).map_err(damaged)?;
            plane.iter_mut().zip(samples).for_each(|(to, sample)| *to = scale.value(sample));
        }
        Compression::None | Compression::Other => {
            let reason = format!("pixels in the transfer syntax {} are not read", syntax.name);
            return Err(DicomError::unsupported(path, UnsupportedKind::Compression, reason));
        }
    }
    Ok(())
}

impl PixelSource {
    /// Bytes that the frame takes in the file, with what is around it; of a packed file the most that they can be.
    pub(super) fn length(&self) -> u64 {
        match &self.place {
            Place::Native(_, length) => *length,
            Place::Encapsulated(start, end) => end - start,
            Place::Fragments(parts) => parts.iter().fold(0, |sum, (_, length)| sum.saturating_add(*length)),
        }
    }

    /// The frame's bytes; of the only one of encapsulated pixels with the items around them, to the file's end.
    pub(super) fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, DicomError> {
        let parts: &[(u64, u64)] = match &self.place {
            Place::Native(start, length) => &[(*start, *length)],
            Place::Encapsulated(start, end) => &[(*start, end - start)],
            Place::Fragments(parts) => parts,
        };
        let length = self.length();
        if length > limit {
            return Err(DicomError::limit(path, length, limit));
        }
        let input = self.source.open(BUFFER)?;
        let mut bytes = Vec::new();
        // Of a packed file the length is not proven yet.
        if !input.packed {
            bytes.try_reserve_exact(length as usize).map_err(|_| DicomError::limit(path, length, limit))?;
        }
        let (mut content, mut position) = (input.content, 0);
        for (start, length) in parts {
            let failed = |e| DicomError::io("read", path)(e);
            content.skip(start - position).map_err(failed)?;
            position = start + length;
            let before = bytes.len() as u64;
            (&mut content).take(*length).read_to_end(&mut bytes).map_err(failed)?;
            let read = bytes.len() as u64 - before;
            // Encapsulated pixels end with their delimiter, wherever a packed file ends.
            if read != *length && !(input.packed && matches!(self.place, Place::Encapsulated(..))) {
                let reason = "the file ends before its last pixel";
                return Err(DicomError::malformed(path, MalformedKind::Truncated, reason));
            }
        }
        Ok(bytes)
    }
}

fn decode_native(slice: StoredSlice<'_>, bytes: &[u8], scale: &Scale, plane: &mut [f32]) -> Result<(), DicomError> {
    let width = slice.pixels.width();
    match (slice.syntax.encoding, width) {
        // An 8-bit image in 16-bit words has its bytes swapped here and not there; writers disagree.
        (Encoding::ExplicitBig, 1) => Err(DicomError::unsupported(
            slice.path,
            UnsupportedKind::Datatype,
            "8-bit pixels in big endian are not read",
        )),
        (Encoding::ExplicitBig, _) => {
            scale.big(width, bytes, plane);
            Ok(())
        }
        _ => {
            scale.little(width, bytes, plane);
            Ok(())
        }
    }
}

/// From a container with a stored value in it to the rescaled value.
struct Scale {
    /// Bits above the stored value, after it was moved down.
    unused: u32,
    /// Bits below the stored value.
    below: u32,
    signed: bool,
    /// All ones to complement the value, else 0.
    complement: u32,
    slope: f64,
    intercept: f64,
}

impl Scale {
    fn of(header: &Header, options: &SeriesOptions) -> Self {
        Self {
            complement: if options.invert_monochrome1 && header.photometric == "MONOCHROME1" { u32::MAX } else { 0 },
            slope: header.slope,
            intercept: header.intercept,
            ..Self::stored(&header.pixels)
        }
    }

    /// Of the stored values themselves.
    fn stored(pixels: &Pixels) -> Self {
        let Pixels { stored, high_bit, signed, .. } = *pixels;
        Self {
            unused: 32 - u32::from(stored),
            below: u32::from(high_bit + 1 - stored),
            signed,
            complement: 0,
            slope: 1.0,
            intercept: 0.0,
        }
    }

    /// The value of a container's bits.
    #[inline]
    fn value(&self, container: u32) -> f32 {
        let top = ((container ^ self.complement) >> self.below) << self.unused;
        let stored = if self.signed { f64::from(top as i32 >> self.unused) } else { f64::from(top >> self.unused) };
        (stored * self.slope + self.intercept) as f32
    }

    /// Containers of `width` bytes, least first.
    fn little(&self, width: usize, bytes: &[u8], plane: &mut [f32]) {
        match width {
            1 => plane.iter_mut().zip(bytes).for_each(|(to, byte)| *to = self.value(u32::from(*byte))),
            2 => self.each(bytes, plane, |two| u32::from(u16::from_le_bytes(two))),
            _ => self.each(bytes, plane, u32::from_le_bytes),
        }
    }

    /// Containers of `width` bytes, most first.
    fn big(&self, width: usize, bytes: &[u8], plane: &mut [f32]) {
        match width {
            2 => self.each(bytes, plane, |two| u32::from(u16::from_be_bytes(two))),
            _ => self.each(bytes, plane, u32::from_be_bytes),
        }
    }

    fn each<const N: usize>(&self, bytes: &[u8], plane: &mut [f32], container: impl Fn([u8; N]) -> u32) {
        let (containers, _) = bytes.as_chunks::<N>();
        plane.iter_mut().zip(containers).for_each(|(to, bytes)| *to = self.value(container(*bytes)));
    }
}
