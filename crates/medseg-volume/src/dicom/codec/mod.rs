//! From a file's stored pixels to values.

mod fragments;
mod jpeg2000;
mod jpeg_lossless;
mod rle;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::header::Header;
use super::pixels::Pixels;
use super::syntax::{Compression, Encoding};
use super::{DicomError, SeriesOptions};
use crate::{MalformedKind, UnsupportedKind};

/// Reads a slice's pixels and rescales them into `plane`, which has a place for each.
pub(super) fn decode(header: &Header, options: &SeriesOptions, plane: &mut [f32]) -> Result<(), DicomError> {
    let damaged = |reason: String| DicomError::malformed(&header.path, MalformedKind::Damaged, reason);
    let bytes = read(header, options.max_bytes)?;
    let scale = Scale::of(header, options);
    if header.syntax.compression == Compression::None {
        return decode_native(header, &bytes, &scale, plane);
    }
    let frame = fragments::join(&bytes).map_err(damaged)?;
    let pixels = &header.pixels;
    match header.syntax.compression {
        Compression::Rle => {
            let little = rle::decode(&frame, pixels.count(), pixels.width()).map_err(damaged)?;
            scale.little(pixels.width(), &little, plane);
        }
        Compression::JpegLossless => {
            let samples = jpeg_lossless::decode(&frame, pixels).map_err(damaged)?;
            plane.iter_mut().zip(samples).for_each(|(to, sample)| *to = scale.value(u32::from(sample)));
        }
        Compression::Jpeg2000 => {
            let samples = jpeg2000::decode(&frame, pixels).map_err(damaged)?;
            plane.iter_mut().zip(samples).for_each(|(to, sample)| *to = scale.value(sample));
        }
        Compression::None | Compression::Other => {
            let reason = format!("compression {} is not read", header.syntax.name);
            return Err(DicomError::unsupported(&header.path, UnsupportedKind::Compression, reason));
        }
    }
    Ok(())
}

/// The bytes of PixelData; of an encapsulated one all to the file's end.
fn read(header: &Header, limit: u64) -> Result<Vec<u8>, DicomError> {
    let Pixels { start, length, end, .. } = header.pixels;
    let length = length.unwrap_or(end - start);
    let refused = || DicomError::limit(&header.path, length, limit);
    if length > limit {
        return Err(refused());
    }
    let mut file = File::open(&header.path).map_err(DicomError::io("open", &header.path))?;
    file.seek(SeekFrom::Start(start)).map_err(DicomError::io("read", &header.path))?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length as usize).map_err(|_| refused())?;
    file.take(length).read_to_end(&mut bytes).map_err(DicomError::io("read", &header.path))?;
    if bytes.len() as u64 != length {
        let reason = "the file became shorter while it was read";
        return Err(DicomError::malformed(&header.path, MalformedKind::Truncated, reason));
    }
    Ok(bytes)
}

fn decode_native(header: &Header, bytes: &[u8], scale: &Scale, plane: &mut [f32]) -> Result<(), DicomError> {
    let width = header.pixels.width();
    match (header.syntax.encoding, width) {
        // An 8-bit image in 16-bit words has its bytes swapped here and not there; writers disagree.
        (Encoding::ExplicitBig, 1) => Err(DicomError::unsupported(
            &header.path,
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
        let Pixels { stored, high_bit, signed, .. } = header.pixels;
        Self {
            unused: 32 - u32::from(stored),
            below: u32::from(high_bit + 1 - stored),
            signed,
            complement: if options.invert_monochrome1 && header.photometric == "MONOCHROME1" { u32::MAX } else { 0 },
            slope: header.slope,
            intercept: header.intercept,
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
