//! A file's header: the elements before its pixels.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use dicom_dictionary_std::{tags, uids};

use super::data_set::{Values, read_data_set, read_meta};
use super::elements::{Elements, WalkError};
use super::pixels::{Pixels, pixels};
use super::syntax::{Encoding, Syntax};
use super::{DicomError, PassedOverReason};
use crate::{MalformedKind, UnsupportedKind};

/// Bytes before a file's first element: the preamble and `DICM`.
const PREAMBLE: usize = 132;

/// The kinds of file in a folder.
#[derive(Debug)]
pub(super) enum Found {
    /// An image with a place in the patient.
    Image(Box<Header>),
    /// An image that cannot be read, and its series if that is known.
    Refused { series: Option<String>, error: DicomError },
    /// No image that could be part of a volume.
    PassedOver(PassedOverReason),
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
    /// Millimetres that may stand for the step of a single slice.
    pub thickness: Option<f64>,
    /// `SliceThickness` itself.
    pub slice_thickness: Option<f64>,
    pub slope: f64,
    pub intercept: f64,
}

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
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            return Ok(Found::PassedOver(PassedOverReason::NotDicom));
        }
        result => result.map_err(DicomError::io("read", path))?,
    }
    if &preamble[128..] != b"DICM" {
        return Ok(Found::PassedOver(PassedOverReason::NotDicom));
    }
    let mut elements = Elements::new(reader, Encoding::ExplicitLittle, PREAMBLE as u64, end);
    let fail = |error| match error {
        WalkError::Io(source) => DicomError::io("read", path)(source),
        WalkError::Malformed(kind, reason) => DicomError::malformed(path, kind, reason),
    };
    let Some(uid) = read_meta(&mut elements).map_err(fail)? else {
        return Ok(Found::PassedOver(PassedOverReason::Directory));
    };
    let syntax = Syntax::of(&uid).ok_or_else(|| {
        DicomError::unsupported(
            path,
            UnsupportedKind::Compression,
            "a transfer syntax that is not read: deflated or private",
        )
    })?;
    elements.set_encoding(syntax.encoding);
    let raw = read_data_set(&mut elements).map_err(fail)?;
    let values = Values { path, raw: &raw, big: syntax.encoding == Encoding::ExplicitBig };
    *series = Some(values.text(tags::SERIES_INSTANCE_UID));
    interpret(&values, syntax, end)
}

/// Makes a header of the elements, or tells what else the file is.
fn interpret(values: &Values<'_>, syntax: Syntax, end: u64) -> Result<Found, DicomError> {
    let path = values.path;
    let class = values.text(tags::SOP_CLASS_UID);
    if DERIVED_OBJECTS.contains(&class.as_str()) {
        return Ok(Found::PassedOver(PassedOverReason::DerivedObject));
    }
    if is_localizer(&values.text(tags::IMAGE_TYPE)) {
        return Ok(Found::PassedOver(PassedOverReason::Localizer));
    }
    let Some(pixel_data) = values.raw.pixel_data else {
        let float =
            || DicomError::unsupported(path, UnsupportedKind::Datatype, "pixels of floating point are not read");
        return if values.raw.float_pixels { Err(float()) } else { Ok(Found::PassedOver(PassedOverReason::NoPixels)) };
    };
    let [frames] = values.decimals(tags::NUMBER_OF_FRAMES, "NumberOfFrames")?.unwrap_or([1.0]);
    if ENHANCED.contains(&class.as_str()) || frames != 1.0 {
        return Err(DicomError::unsupported(
            path,
            UnsupportedKind::Channels,
            "an image of several frames (as enhanced CT and MR) is not read",
        ));
    }
    let position = values.decimals(tags::IMAGE_POSITION_PATIENT, "ImagePositionPatient")?;
    let orientation = values.decimals::<6>(tags::IMAGE_ORIENTATION_PATIENT, "ImageOrientationPatient")?;
    let (position, [a, b, c, d, e, f]) = match (position, orientation) {
        // A screenshot, a dose report as an image, a plain radiograph.
        (None, None) => return Ok(Found::PassedOver(PassedOverReason::NoPosition)),
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
        slice_thickness: thick.and_then(positive),
        slope,
        intercept,
    };
    Ok(Found::Image(Box::new(header)))
}

fn rescale(values: &Values<'_>) -> Result<[f64; 2], DicomError> {
    if values.raw.lookup_table {
        return Err(DicomError::unsupported(
            values.path,
            UnsupportedKind::LookupTable,
            "values by a lookup table (ModalityLUTSequence) are not read",
        ));
    }
    let [slope] = values.decimals(tags::RESCALE_SLOPE, "RescaleSlope")?.unwrap_or([1.0]);
    let [intercept] = values.decimals(tags::RESCALE_INTERCEPT, "RescaleIntercept")?.unwrap_or([0.0]);
    if slope == 0.0 {
        return Err(DicomError::malformed(values.path, MalformedKind::Header, "RescaleSlope is 0"));
    }
    Ok([slope, intercept])
}

fn photometric(values: &Values<'_>) -> Result<String, DicomError> {
    let samples = values.short(tags::SAMPLES_PER_PIXEL, "SamplesPerPixel")?.unwrap_or(1);
    let photometric = values.text(tags::PHOTOMETRIC_INTERPRETATION);
    if samples != 1 || !matches!(photometric.as_str(), "MONOCHROME1" | "MONOCHROME2") {
        return Err(DicomError::unsupported(
            values.path,
            UnsupportedKind::Datatype,
            "colour is not read, only MONOCHROME1 and MONOCHROME2",
        ));
    }
    Ok(photometric)
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
