//! What is read of a file before its pixels.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};

use super::DicomError;
use super::elements::{Elements, Head, WalkError};
use super::syntax::{Compression, Encoding, Syntax};

/// Bytes before a file's first element: the preamble and `DICM`.
const PREAMBLE: usize = 132;
/// Longest value that is read: a header's values are short.
const LONGEST_VALUE: u64 = 1 << 12;

/// What a file turned out to be.
#[derive(Debug)]
pub(super) enum Found {
    /// An image with a place in the patient.
    Image(Box<Header>),
    /// An image that cannot be read, and its series if that is known.
    Refused { series: Option<String>, error: DicomError },
    /// DICOM, but no image that could be part of a volume: a report, a directory, a localizer.
    Other,
    /// Not DICOM.
    Foreign,
}

/// Stored pixels: how many, how wide, where in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pixels {
    pub rows: u16,
    pub columns: u16,
    pub allocated: u16,
    pub stored: u16,
    pub high_bit: u16,
    pub signed: bool,
    /// Where the value of PixelData starts.
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

/// One image's header: what its pixels and its place need, and nothing about the patient.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub path: PathBuf,
    /// Empty if the file does not say.
    pub series: String,
    pub modality: String,
    pub frame_of_reference: String,
    pub syntax: Syntax,
    pub photometric: String,
    pub pixels: Pixels,
    /// `ImagePositionPatient`, LPS millimetres of the first pixel's centre.
    pub position: [f64; 3],
    /// `ImageOrientationPatient`: the directions along a row and down a column.
    pub orientation: [[f64; 3]; 2],
    /// `PixelSpacing`: millimetres between rows, between columns.
    pub spacing: [f64; 2],
    pub thickness: Option<f64>,
    pub slope: f64,
    pub intercept: f64,
}

/// The elements of interest as they were found.
#[derive(Default)]
struct Raw {
    values: Vec<(Tag, Vec<u8>)>,
    /// A `ModalityLUTSequence` is there.
    lookup_table: bool,
    /// Pixels of floating point are there.
    float_pixels: bool,
    pixel_data: Option<(u64, Option<u64>)>,
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

/// Reads a file's header, its pixels excluded.
pub(super) fn read(path: &Path) -> Found {
    let mut series = None;
    read_into(path, &mut series).unwrap_or_else(|error| Found::Refused { series, error })
}

/// Reads a header; leaves the series behind if only that could be read.
fn read_into(path: &Path, series: &mut Option<String>) -> Result<Found, DicomError> {
    let file = File::open(path).map_err(DicomError::io("open", path))?;
    let end = file.metadata().map_err(DicomError::io("read", path))?.len();
    let mut reader = BufReader::with_capacity(1 << 14, file);
    let mut preamble = [0; PREAMBLE];
    match reader.read_exact(&mut preamble) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(Found::Foreign),
        result => result.map_err(DicomError::io("read", path))?,
    }
    if &preamble[128..] != b"DICM" {
        return Ok(Found::Foreign);
    }
    let mut elements = Elements::new(reader, Encoding::ExplicitLittle, PREAMBLE as u64, end);
    let fail = |error| match error {
        WalkError::Io(source) => DicomError::io("read", path)(source),
        WalkError::Malformed(reason) => DicomError::malformed(path, reason),
    };
    let Some(uid) = read_meta(&mut elements).map_err(fail)? else {
        return Ok(Found::Other);
    };
    let syntax = Syntax::of(&uid)
        .ok_or_else(|| DicomError::unsupported(path, "a transfer syntax that is not read: deflated or private"))?;
    elements.set_encoding(syntax.encoding);
    let raw = read_data_set(&mut elements).map_err(fail)?;
    let values = Values { path, raw: &raw, big: syntax.encoding == Encoding::ExplicitBig };
    *series = Some(values.text(tags::SERIES_INSTANCE_UID));
    interpret(&values, syntax, end)
}

/// Reads group 2: the transfer syntax, or `None` for a directory of files.
fn read_meta(elements: &mut Elements<File>) -> Result<Option<String>, WalkError> {
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
    syntax.map(Some).ok_or_else(|| WalkError::Malformed("the file names no transfer syntax".into()))
}

/// Reads the wanted elements up to the pixels.
fn read_data_set(elements: &mut Elements<File>) -> Result<Raw, WalkError> {
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
        return Err(WalkError::Malformed(format!("{} occurs twice", head.tag)));
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
struct Values<'a> {
    path: &'a Path,
    raw: &'a Raw,
    big: bool,
}

impl Values<'_> {
    fn bytes(&self, tag: Tag) -> Option<&[u8]> {
        let found = self.raw.values.iter().find(|(other, _)| *other == tag);
        found.map(|(_, value)| value.as_slice()).filter(|value| !value.is_empty())
    }

    fn text(&self, tag: Tag) -> String {
        self.bytes(tag).map(text).unwrap_or_default()
    }

    /// A 16-bit number.
    fn short(&self, tag: Tag, attribute: &'static str) -> Result<Option<u16>, DicomError> {
        let Some(value) = self.bytes(tag) else { return Ok(None) };
        let two: [u8; 2] = value
            .try_into()
            .map_err(|_| DicomError::malformed(self.path, format!("{attribute} is no single number")))?;
        Ok(Some(if self.big { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) }))
    }

    fn needed_short(&self, tag: Tag, attribute: &'static str) -> Result<u16, DicomError> {
        self.short(tag, attribute)?.ok_or_else(|| self.missing(attribute))
    }

    /// Decimal numbers, exactly `N`.
    fn decimals<const N: usize>(&self, tag: Tag, attribute: &'static str) -> Result<Option<[f64; N]>, DicomError> {
        let text = self.text(tag);
        if text.is_empty() {
            return Ok(None);
        }
        let numbers: Vec<f64> = text.split('\\').filter_map(decimal).collect();
        let complete = numbers.len() == text.split('\\').count();
        let numbers: Option<[f64; N]> = numbers.try_into().ok().filter(|_| complete);
        let refused = || DicomError::malformed(self.path, format!("{attribute} is not {N} finite numbers"));
        numbers.ok_or_else(refused).map(Some)
    }

    fn missing(&self, attribute: &'static str) -> DicomError {
        DicomError::Missing { path: self.path.to_path_buf(), attribute }
    }
}

/// One number of a decimal string.
fn decimal(text: &str) -> Option<f64> {
    text.trim_matches([' ', '\0']).parse::<f64>().ok().filter(|number| number.is_finite())
}

/// Makes a header of the elements, or tells what else the file is.
fn interpret(values: &Values<'_>, syntax: Syntax, end: u64) -> Result<Found, DicomError> {
    let path = values.path;
    let class = values.text(tags::SOP_CLASS_UID);
    if DERIVED_OBJECTS.contains(&class.as_str()) || is_localizer(&values.text(tags::IMAGE_TYPE)) {
        return Ok(Found::Other);
    }
    let Some(pixel_data) = values.raw.pixel_data else {
        let float = || DicomError::unsupported(path, "pixels of floating point are not read");
        return if values.raw.float_pixels { Err(float()) } else { Ok(Found::Other) };
    };
    let [frames] = values.decimals(tags::NUMBER_OF_FRAMES, "NumberOfFrames")?.unwrap_or([1.0]);
    if ENHANCED.contains(&class.as_str()) || frames != 1.0 {
        return Err(DicomError::unsupported(path, "an image of several frames (as enhanced CT and MR) is not read"));
    }
    let position = values.decimals(tags::IMAGE_POSITION_PATIENT, "ImagePositionPatient")?;
    let orientation = values.decimals::<6>(tags::IMAGE_ORIENTATION_PATIENT, "ImageOrientationPatient")?;
    let (position, [a, b, c, d, e, f]) = match (position, orientation) {
        // A screenshot, a dose report as an image, a plain radiograph.
        (None, None) => return Ok(Found::Other),
        (None, _) => return Err(values.missing("ImagePositionPatient")),
        (_, None) => return Err(values.missing("ImageOrientationPatient")),
        (Some(position), Some(orientation)) => (position, orientation),
    };
    let spacing = values.decimals::<2>(tags::PIXEL_SPACING, "PixelSpacing")?;
    let [slope, intercept] = rescale(values)?;
    let positive = |value: [f64; 1]| (value[0] > 0.0).then_some(value[0]);
    let between = values.decimals::<1>(tags::SPACING_BETWEEN_SLICES, "SpacingBetweenSlices").unwrap_or(None);
    let thick = values.decimals::<1>(tags::SLICE_THICKNESS, "SliceThickness").unwrap_or(None);
    let header = Header {
        path: path.to_path_buf(),
        series: values.text(tags::SERIES_INSTANCE_UID),
        modality: values.text(tags::MODALITY),
        frame_of_reference: values.text(tags::FRAME_OF_REFERENCE_UID),
        photometric: photometric(values)?,
        pixels: pixels(values, &syntax, pixel_data, end)?,
        syntax,
        position,
        orientation: [[a, b, c], [d, e, f]],
        spacing: spacing.ok_or_else(|| values.missing("PixelSpacing"))?,
        thickness: between.and_then(positive).or(thick.and_then(positive)),
        slope,
        intercept,
    };
    Ok(Found::Image(Box::new(header)))
}

fn rescale(values: &Values<'_>) -> Result<[f64; 2], DicomError> {
    if values.raw.lookup_table {
        return Err(DicomError::unsupported(
            values.path,
            "values by a lookup table (ModalityLUTSequence) are not read",
        ));
    }
    let [slope] = values.decimals(tags::RESCALE_SLOPE, "RescaleSlope")?.unwrap_or([1.0]);
    let [intercept] = values.decimals(tags::RESCALE_INTERCEPT, "RescaleIntercept")?.unwrap_or([0.0]);
    if slope == 0.0 {
        return Err(DicomError::malformed(values.path, "RescaleSlope is 0"));
    }
    Ok([slope, intercept])
}

fn photometric(values: &Values<'_>) -> Result<String, DicomError> {
    let samples = values.short(tags::SAMPLES_PER_PIXEL, "SamplesPerPixel")?.unwrap_or(1);
    let photometric = values.text(tags::PHOTOMETRIC_INTERPRETATION);
    if samples != 1 || !matches!(photometric.as_str(), "MONOCHROME1" | "MONOCHROME2") {
        return Err(DicomError::unsupported(values.path, "colour is not read, only MONOCHROME1 and MONOCHROME2"));
    }
    Ok(photometric)
}

/// The pixels' format, and where they are, with their length proven.
fn pixels(
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
            Some(_) => return Err(DicomError::malformed(values.path, "PixelRepresentation is neither 0 nor 1")),
        },
        start,
        length,
        end,
    };
    if ![8, 16, 32].contains(&allocated) {
        return Err(DicomError::unsupported(values.path, format!("{allocated} bits a pixel are not read")));
    }
    let fits = stored >= 1 && pixels.high_bit < allocated && pixels.high_bit + 1 >= stored;
    if !fits {
        return Err(DicomError::malformed(values.path, "BitsStored and HighBit do not fit in BitsAllocated"));
    }
    if pixels.count() == 0 {
        return Err(DicomError::malformed(values.path, "Rows or Columns is 0"));
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
            Err(DicomError::malformed(path, format!("PixelData has {length} bytes, {size} take {expected}")))
        }
        (Compression::None, None) => Err(DicomError::malformed(path, "uncompressed PixelData of undefined length")),
        (_, Some(_)) => Err(DicomError::malformed(path, "compressed PixelData that is not encapsulated")),
        (_, None) => Ok(()),
    }
}

fn is_localizer(image_type: &str) -> bool {
    image_type.split('\\').any(|part| part.trim() == "LOCALIZER")
}

/// Objects that have pixels but are no images of the patient: segmentations, doses, parametric maps.
const DERIVED_OBJECTS: [&str; 3] = [uids::SEGMENTATION_STORAGE, uids::RT_DOSE_STORAGE, uids::PARAMETRIC_MAP_STORAGE];

/// Images whose frames carry their own geometry.
const ENHANCED: [&str; 6] = [
    uids::ENHANCED_CT_IMAGE_STORAGE,
    uids::ENHANCED_MR_IMAGE_STORAGE,
    uids::ENHANCED_PET_IMAGE_STORAGE,
    uids::LEGACY_CONVERTED_ENHANCED_CT_IMAGE_STORAGE,
    uids::LEGACY_CONVERTED_ENHANCED_MR_IMAGE_STORAGE,
    uids::LEGACY_CONVERTED_ENHANCED_PET_IMAGE_STORAGE,
];
