//! The elements that a volume needs, as a file has them; all others are passed over unread.

use std::path::Path;

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};

use super::elements::{Elements, Head, WalkError};
use super::{DicomError, functional_groups};
use crate::MalformedKind;

/// Longest value that is read: a header's values are short.
const LONGEST_VALUE: u64 = 1 << 12;

/// Elements with their values.
#[derive(Clone, Debug, Default)]
pub(super) struct List(Vec<(Tag, Vec<u8>)>);

impl List {
    /// Reads the value of an element that must not be there yet.
    pub fn read(&mut self, elements: &mut Elements, head: &Head) -> Result<(), WalkError> {
        if self.0.iter().any(|(tag, _)| *tag == head.tag) {
            return Err(WalkError::Malformed(MalformedKind::Header, format!("{} occurs twice", head.tag)));
        }
        let value = elements.value(head, LONGEST_VALUE)?;
        self.0.push((head.tag, value));
        Ok(())
    }

    fn get(&self, tag: Tag) -> Option<&[u8]> {
        self.0.iter().find(|(other, _)| *other == tag).map(|(_, value)| value.as_slice())
    }
}

/// The elements of interest as they were found.
#[derive(Default)]
pub(super) struct Raw {
    pub values: List,
    /// Elements that all frames share.
    pub shared: List,
    /// Elements that each frame has of its own; empty for an object without functional groups.
    pub frames: Vec<List>,
    /// A `ModalityLUTSequence` is there.
    pub lookup_table: bool,
    /// Pixels of floating point are there.
    pub float_pixels: bool,
    /// Start of PixelData's value, and its length if that is known.
    pub pixel_data: Option<(u64, Option<u64>)>,
}

/// Elements whose values are read; in the order of the standard.
const WANTED: [Tag; 23] = [
    tags::IMAGE_TYPE,
    tags::SOP_CLASS_UID,
    tags::SOP_INSTANCE_UID,
    tags::MODALITY,
    tags::SERIES_DESCRIPTION,
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

/// The content of group 2.
pub(super) enum Meta {
    /// The transfer syntax, if it is named.
    Syntax(Option<String>),
    /// The file is a directory of files.
    Directory,
}

/// Reads group 2, if there is one.
pub(super) fn read_meta(elements: &mut Elements) -> Result<Meta, WalkError> {
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
    Ok(if directory { Meta::Directory } else { Meta::Syntax(syntax.filter(|uid| !uid.is_empty())) })
}

/// Reads the wanted elements up to the pixels.
pub(super) fn read_data_set(elements: &mut Elements) -> Result<Raw, WalkError> {
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
            tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE => {
                raw.shared = functional_groups::read(elements, &head)?.into_iter().next().unwrap_or_default();
            }
            tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE => raw.frames = functional_groups::read(elements, &head)?,
            tag if WANTED.contains(&tag) => raw.values.read(elements, &head)?,
            tag => {
                raw.lookup_table |= tag == tags::MODALITY_LUT_SEQUENCE;
                elements.skip(&head)?;
            }
        }
    }
    Ok(raw)
}

/// A value of text without the padding around it.
fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_matches([' ', '\0']).to_string()
}

/// Reads values by their attribute.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub path: &'a Path,
    pub raw: &'a Raw,
    /// The frame whose own elements come first.
    pub frame: Option<usize>,
    /// True if numbers have their highest byte first.
    pub big: bool,
}

impl Values<'_> {
    fn bytes(&self, tag: Tag) -> Option<&[u8]> {
        let own = self.frame.and_then(|frame| self.raw.frames.get(frame)).and_then(|list| list.get(tag));
        let found = own.or_else(|| self.raw.shared.get(tag)).or_else(|| self.raw.values.get(tag));
        found.filter(|value| !value.is_empty())
    }

    pub fn text(&self, tag: Tag) -> String {
        self.bytes(tag).map(text).unwrap_or_default()
    }

    /// A 16-bit number.
    pub fn short(&self, tag: Tag, attribute: &'static str) -> Result<Option<u16>, DicomError> {
        let Some(value) = self.bytes(tag) else { return Ok(None) };
        let two: [u8; 2] =
            value.try_into().map_err(|_| DicomError::header(self.path, format!("{attribute} is no single number")))?;
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
        let refused = || DicomError::header(self.path, format!("{attribute} is not {N} finite numbers"));
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
