//! The format of a file's pixels.

use std::path::Path;

use dicom_dictionary_std::tags;

use super::DicomError;
use super::data_set::Values;
use super::syntax::{Compression, Syntax};
use crate::{MalformedKind, UnsupportedKind};

/// Stored pixels: how many, how wide, where in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pixels {
    pub rows: u16,
    pub columns: u16,
    pub allocated: u16,
    pub stored: u16,
    pub high_bit: u16,
    pub signed: bool,
    /// Start of PixelData's value.
    pub start: u64,
    /// Its length; `None` for encapsulated fragments.
    pub length: Option<u64>,
    /// The file's length.
    pub end: u64,
}

impl Pixels {
    /// Number of pixels.
    pub(super) fn count(&self) -> usize {
        usize::from(self.rows) * usize::from(self.columns)
    }

    /// Bytes of a pixel before compression.
    pub(super) fn width(&self) -> usize {
        usize::from(self.allocated / 8)
    }
}

/// The pixels' format, and where they are, with their length proven.
pub(super) fn pixels(
    values: &Values<'_>,
    syntax: &Syntax,
    (start, length): (u64, Option<u64>),
    end: u64,
) -> Result<Pixels, DicomError> {
    let allocated = values.needed_short(tags::BITS_ALLOCATED, "BitsAllocated")?;
    let stored = values.short(tags::BITS_STORED, "BitsStored")?.unwrap_or(allocated);
    let pixels = Pixels {
        rows: values.needed_short(tags::ROWS, "Rows")?,
        columns: values.needed_short(tags::COLUMNS, "Columns")?,
        allocated,
        stored,
        high_bit: values.short(tags::HIGH_BIT, "HighBit")?.unwrap_or(stored.saturating_sub(1)),
        signed: match values.short(tags::PIXEL_REPRESENTATION, "PixelRepresentation")? {
            Some(0) => false,
            Some(1) => true,
            None => return Err(values.missing("PixelRepresentation")),
            Some(_) => {
                return Err(DicomError::malformed(
                    values.path,
                    MalformedKind::Header,
                    "PixelRepresentation is neither 0 nor 1",
                ));
            }
        },
        start,
        length,
        end,
    };
    if ![8, 16, 32].contains(&allocated) {
        return Err(DicomError::unsupported(
            values.path,
            UnsupportedKind::Datatype,
            format!("{allocated} bits a pixel are not read"),
        ));
    }
    let fits = stored >= 1 && pixels.high_bit < allocated && pixels.high_bit + 1 >= stored;
    if !fits {
        return Err(DicomError::malformed(
            values.path,
            MalformedKind::Header,
            "BitsStored and HighBit do not fit in BitsAllocated",
        ));
    }
    if pixels.count() == 0 {
        return Err(DicomError::malformed(values.path, MalformedKind::Header, "Rows or Columns is 0"));
    }
    check_length(values.path, syntax, &pixels)?;
    Ok(pixels)
}

/// Uncompressed pixels have the length that their number says, compressed ones are encapsulated.
fn check_length(path: &Path, syntax: &Syntax, pixels: &Pixels) -> Result<(), DicomError> {
    let expected = (pixels.count() * pixels.width()) as u64;
    match (syntax.compression, pixels.length) {
        (Compression::None, Some(length)) if length == expected || length == expected + expected % 2 => Ok(()),
        (Compression::None, Some(length)) => {
            let size = format!("{}x{} pixels of {} bits", pixels.rows, pixels.columns, pixels.allocated);
            Err(DicomError::malformed(
                path,
                MalformedKind::Header,
                format!("PixelData has {length} bytes, {size} take {expected}"),
            ))
        }
        (Compression::None, None) => {
            Err(DicomError::malformed(path, MalformedKind::Header, "uncompressed PixelData of undefined length"))
        }
        (_, Some(_)) => {
            Err(DicomError::malformed(path, MalformedKind::Header, "compressed PixelData that is not encapsulated"))
        }
        (_, None) => Ok(()),
    }
}
