//! The elements that a volume needs, as a file has them; all others are passed over unread.

use std::fs::File;
use std::path::Path;

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};

use super::DicomError;
use super::elements::{Elements, Head, WalkError};
use crate::MalformedKind;

/// Longest value that is read: a header's values are short.
const LONGEST_VALUE: u64 = 1 << 12;

/// The elements of interest as they were found.
#[derive(Default)]
pub(super) struct Raw {
    values: Vec<(Tag, Vec<u8>)>,
    /// A `ModalityLUTSequence` is there.
    pub lookup_table: bool,
    /// Pixels of floating point are there.
    pub float_pixels: bool,
    /// Start of PixelData's value, and its length if that is known.
    pub pixel_data: Option<(u64, Option<u64>)>,
}

/// Elements whose values are read; in the order of the standard.
const WANTED: [Tag; 21] = [
    tags::IMAGE_TYPE,
    tags::SOP_CLASS_UID,
    tags::MODALITY,
    tags::SLICE_THICKNESS,
    tags::SPACING_BETWEEN_SLICES,
    tags::SERIES_INSTANCE_UID,
    tags::IMAGE_POSITION_PATIENT,
    tags::IMAGE_ORIENTATION_PATIENT,
    tags::FRAME_OF_REFERENCE_UID,
    tags::SAMPLES_PER_PIXEL,
    tags::PHOTOMETRIC_INTERPRETATION,
    tags::NUMBER_OF_FRAMES,
    tags::ROWS,
    tags::COLUMNS,
    tags::PIXEL_SPACING,
    tags::BITS_ALLOCATED,
    tags::BITS_STORED,
    tags::HIGH_BIT,
    tags::PIXEL_REPRESENTATION,
    tags::RESCALE_INTERCEPT,
    tags::RESCALE_SLOPE,
];

/// Reads group 2: the transfer syntax, or `None` for a directory of files.
pub(super) fn read_meta(elements: &mut Elements<File>) -> Result<Option<String>, WalkError> {
    let (mut syntax, mut directory) = (None, false);
    while elements.peek_group()? == Some(0x0002) {
        let Some(head) = elements.next()? else { break };
        match head.tag {
            tags::TRANSFER_SYNTAX_UID => syntax = Some(text(&elements.value(&head, LONGEST_VALUE)?)),
            tags::MEDIA_STORAGE_SOP_CLASS_UID => {
                directory = text(&elements.value(&head, LONGEST_VALUE)?) == uids::MEDIA_STORAGE_DIRECTORY_STORAGE;
            }
            _ => elements.skip(&head)?,
        }
    }
    if directory {
        return Ok(None);
    }
    syntax
        .map(Some)
        .ok_or_else(|| WalkError::Malformed(MalformedKind::Header, "the file names no transfer syntax".into()))
}

/// Reads the wanted elements up to the pixels.
pub(super) fn read_data_set(elements: &mut Elements<File>) -> Result<Raw, WalkError> {
    let mut raw = Raw::default();
    while let Some(head) = elements.next()? {
        match head.tag {
            tags::PIXEL_DATA => {
                raw.pixel_data = Some((elements.position(), head.length));
                break;
            }
            tags::FLOAT_PIXEL_DATA | tags::DOUBLE_FLOAT_PIXEL_DATA => {
                raw.float_pixels = true;
                break;
            }
            tag if WANTED.contains(&tag) => keep(elements, &mut raw, &head)?,
            tag => {
                raw.lookup_table |= tag == tags::MODALITY_LUT_SEQUENCE;
                elements.skip(&head)?;
            }
        }
    }
    Ok(raw)
}

fn keep(elements: &mut Elements<File>, raw: &mut Raw, head: &Head) -> Result<(), WalkError> {
    if raw.values.iter().any(|(tag, _)| *tag == head.tag) {
        return Err(WalkError::Malformed(MalformedKind::Header, format!("{} occurs twice", head.tag)));
    }
    let value = elements.value(head, LONGEST_VALUE)?;
    raw.values.push((head.tag, value));
    Ok(())
}

/// A value of text without the padding around it.
fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_matches([' ', '\0']).to_string()
}

/// Reads values by their attribute.
pub(super) struct Values<'a> {
    pub path: &'a Path,
    pub raw: &'a Raw,
    /// True if numbers have their highest byte first.
    pub big: bool,
}

impl Values<'_> {
    fn bytes(&self, tag: Tag) -> Option<&[u8]> {
        let found = self.raw.values.iter().find(|(other, _)| *other == tag);
        found.map(|(_, value)| value.as_slice()).filter(|value| !value.is_empty())
    }

    pub fn text(&self, tag: Tag) -> String {
        self.bytes(tag).map(text).unwrap_or_default()
    }

    /// A 16-bit number.
    pub fn short(&self, tag: Tag, attribute: &'static str) -> Result<Option<u16>, DicomError> {
        let Some(value) = self.bytes(tag) else { return Ok(None) };
        let two: [u8; 2] = value.try_into().map_err(|_| {
            DicomError::malformed(self.path, MalformedKind::Header, format!("{attribute} is no single number"))
        })?;
        Ok(Some(if self.big { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) }))
    }

    pub fn needed_short(&self, tag: Tag, attribute: &'static str) -> Result<u16, DicomError> {
        self.short(tag, attribute)?.ok_or_else(|| self.missing(attribute))
    }

    /// Decimal numbers, exactly `N`.
    pub fn decimals<const N: usize>(&self, tag: Tag, attribute: &'static str) -> Result<Option<[f64; N]>, DicomError> {
        let text = self.text(tag);
        if text.is_empty() {
            return Ok(None);
        }
        let numbers: Vec<f64> = text.split('\\').filter_map(decimal).collect();
        let complete = numbers.len() == text.split('\\').count();
        let numbers: Option<[f64; N]> = numbers.try_into().ok().filter(|_| complete);
        let refused = || {
            DicomError::malformed(self.path, MalformedKind::Header, format!("{attribute} is not {N} finite numbers"))
        };
        numbers.ok_or_else(refused).map(Some)
    }

    pub fn missing(&self, attribute: &'static str) -> DicomError {
        DicomError::Missing { path: self.path.to_path_buf(), attribute }
    }
}

/// One number of a decimal string.
fn decimal(text: &str) -> Option<f64> {
    text.trim_matches([' ', '\0']).parse::<f64>().ok().filter(|number| number.is_finite())
}
