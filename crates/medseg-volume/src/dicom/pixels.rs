//! The format of a file's pixels, and their place in it.

use std::path::Path;
use std::sync::Arc;

use dicom_dictionary_std::tags;

use super::DicomError;
use super::data_set::Values;
use super::start::Start;
use super::syntax::Compression;
use crate::file::Source;
use crate::{MalformedKind, UnsupportedKind};

/// Stored pixels: how many, and how wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pixels {
    pub rows: u16,
    pub columns: u16,
    pub allocated: u16,
    pub stored: u16,
    pub high_bit: u16,
    pub signed: bool,
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

    /// Bytes of a frame before compression.
    fn bytes(&self) -> u64 {
        (self.count() * self.width()) as u64
    }
}

/// The bytes of one frame.
#[derive(Clone, Debug)]
pub(super) struct PixelSource {
    /// The bytes that positions count in.
    pub source: Source,
    pub place: Place,
}

/// The place of one frame's bytes.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// Uncompressed pixels: start and length.
    Native(u64, u64),
    /// The only frame of encapsulated pixels: start of its items, and the file's end.
    Encapsulated(u64, u64),
    /// One frame of several: start and length of its fragments.
    Fragments(Arc<[(u64, u64)]>),
}

/// The format of a file's pixels.
pub(super) fn format(values: &Values<'_>) -> Result<Pixels, DicomError> {
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
            Some(_) => return Err(DicomError::header(values.path, "PixelRepresentation is neither 0 nor 1")),
        },
    };
    if ![8, 16, 32].contains(&allocated) {
        let reason = format!("{allocated} bits a pixel are not read");
        return Err(DicomError::unsupported(values.path, UnsupportedKind::Datatype, reason));
    }
    let fits = stored >= 1 && pixels.high_bit < allocated && pixels.high_bit + 1 >= stored;
    if !fits {
        return Err(DicomError::header(values.path, "BitsStored and HighBit do not fit in BitsAllocated"));
    }
    if pixels.count() == 0 {
        return Err(DicomError::header(values.path, "Rows or Columns is 0"));
    }
    Ok(pixels)
}

/// The places of a file's frames, with their lengths proven.
pub(super) fn places(
    path: &Path,
    start: &mut Start,
    pixels: &Pixels,
    (at, length): (u64, Option<u64>),
    frames: usize,
) -> Result<Vec<PixelSource>, DicomError> {
    let bad = |reason: String| DicomError::header(path, reason);
    let places: Vec<Place> = match (start.syntax.compression, length) {
        (Compression::None, Some(length)) => {
            let needed = pixels.bytes().saturating_mul(frames as u64);
            // PS3.5 8.1.1: what follows the last pixel is to be ignored.
            if length < needed {
                let size = format!("{}x{} pixels of {} bits", pixels.rows, pixels.columns, pixels.allocated);
                return Err(bad(format!("PixelData has {length} bytes, {frames} frames of {size} take {needed}")));
            }
            (0..frames as u64).map(|frame| Place::Native(at + frame * pixels.bytes(), pixels.bytes())).collect()
        }
        (Compression::None, None) => return Err(bad("uncompressed PixelData of undefined length".into())),
        (_, Some(_)) => return Err(bad("compressed PixelData that is not encapsulated".into())),
        (_, None) if frames == 1 => vec![Place::Encapsulated(at, start.end)],
        (_, None) => {
            let fragments = start.elements.fragments(1 << 20).map_err(|error| error.of_file(path))?;
            by_frame(path, start, &fragments, frames)?.into_iter().map(Place::Fragments).collect()
        }
    };
    Ok(places.into_iter().map(|place| PixelSource { source: start.source.clone(), place }).collect())
}

type Fragments = Arc<[(u64, u64)]>;

/// The fragments of each frame: one a frame, or as the offset table before them says.
fn by_frame(path: &Path, start: &Start, fragments: &[(u64, u64)], frames: usize) -> Result<Vec<Fragments>, DicomError> {
    let bad = |reason: &str| DicomError::malformed(path, MalformedKind::Header, reason);
    let (table, fragments) = fragments.split_first().ok_or_else(|| bad("encapsulated PixelData without items"))?;
    if fragments.len() == frames {
        return Ok(fragments.iter().map(|fragment| Arc::from([*fragment])).collect());
    }
    let first = fragments.first().ok_or_else(|| bad("encapsulated PixelData without a fragment"))?.0;
    if table.1 != 4 * frames as u64 {
        return Err(bad("its fragments cannot be told apart by frame: the offset table does not have the frames"));
    }
    let bytes =
        PixelSource { source: start.source.clone(), place: Place::Native(table.0, table.1) }.read(path, 1 << 20)?;
    let starts: Vec<u64> =
        bytes.as_chunks::<4>().0.iter().map(|offset| first + u64::from(u32::from_le_bytes(*offset))).collect();
    let mut of_frames = Vec::with_capacity(frames);
    for (frame, from) in starts.iter().enumerate() {
        let to = starts.get(frame + 1).copied().unwrap_or(u64::MAX);
        // Offsets count from the first item's head, positions are those of contents.
        let index = |position: u64| fragments.partition_point(|(at, _)| *at < position);
        let own = fragments.get(index(*from)..index(to)).unwrap_or_default();
        if own.first().map(|(at, _)| at) != Some(from) {
            return Err(bad("an offset of its offset table is that of no fragment"));
        }
        of_frames.push(own.into());
    }
    Ok(of_frames)
}
