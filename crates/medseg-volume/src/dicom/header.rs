//! A file's header: the elements before its pixels.

use std::path::{Path, PathBuf};

use dicom_dictionary_std::{tags, uids};

use super::data_set::{Values, read_data_set};
use super::pixels::{PixelSource, Pixels, format, places};
use super::start::{self, Start};
use super::syntax::{Encoding, Syntax};
use super::{DicomError, PassedOverReason};
use crate::UnsupportedKind;

/// The kinds of file in a folder.
#[derive(Debug)]
pub(super) enum Found {
    /// Images with a place in the patient: one, or the frames of a file.
    Images(Vec<Header>),
    /// An image that cannot be read, and its series if that is known.
    Refused { series: Option<String>, error: DicomError },
    /// No image that could be part of a volume.
    PassedOver(PassedOverReason),
}

/// One image's header: what its pixels and its place need, and nothing about the patient.
#[derive(Clone, Debug)]
pub(super) struct Header {
    /// The file, for messages with the number of the frame where it has several.
    pub path: PathBuf,
    /// `SOPClassUID` and `SOPInstanceUID`; empty if the file does not say.
    pub class: String,
    pub instance: String,
    /// The number of the frame in a file of several, from 1.
    pub frame: Option<u32>,
    /// Empty if the file does not say.
    pub series: String,
    pub modality: String,
    pub description: String,
    /// True for a picture of many slices side by side.
    pub mosaic: bool,
    pub frame_of_reference: String,
    pub syntax: Syntax,
    /// True if the file names no syntax.
    pub guessed: bool,
    pub photometric: String,
    pub pixels: Pixels,
    pub source: PixelSource,
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
    let mut start = match start::open(path)? {
        start::Found::DataSet(start) => start,
        start::Found::Directory => return Ok(Found::PassedOver(PassedOverReason::Directory)),
        start::Found::NotDicom => return Ok(Found::PassedOver(PassedOverReason::NotDicom)),
    };
    let raw = read_data_set(&mut start.elements).map_err(|error| error.of_file(path))?;
    let big = start.syntax.encoding == Encoding::ExplicitBig;
    let values = Values { path, raw: &raw, frame: None, big };
    *series = Some(values.text(tags::SERIES_INSTANCE_UID));
    interpret(values, *start)
}

/// Makes headers of the elements, or finds what else the file is.
fn interpret(values: Values<'_>, mut start: Start) -> Result<Found, DicomError> {
    let (path, raw) = (values.path, values.raw);
    let class = values.text(tags::SOP_CLASS_UID);
    if DERIVED_OBJECTS.contains(&class.as_str()) {
        return Ok(Found::PassedOver(PassedOverReason::DerivedObject));
    }
    if has_part(&values.text(tags::IMAGE_TYPE), "LOCALIZER") {
        return Ok(Found::PassedOver(PassedOverReason::Localizer));
    }
    let Some(pixel_data) = raw.pixel_data else {
        let float =
            || DicomError::unsupported(path, UnsupportedKind::Datatype, "pixels of floating point are not read");
        return if raw.float_pixels { Err(float()) } else { Ok(Found::PassedOver(PassedOverReason::NoPixels)) };
    };
    let [frames] = values.decimals(tags::NUMBER_OF_FRAMES, "NumberOfFrames")?.unwrap_or([1.0]);
    if raw.frames.is_empty() {
        if ENHANCED.contains(&class.as_str()) {
            return Err(values.missing("PerFrameFunctionalGroupsSequence"));
        }
        if frames != 1.0 {
            let reason = "an image of several frames without functional groups, which would place them, is not read";
            return Err(DicomError::unsupported(path, UnsupportedKind::Channels, reason));
        }
        let (position, orientation) = (tags::IMAGE_POSITION_PATIENT, tags::IMAGE_ORIENTATION_PATIENT);
        // A screenshot, a dose report as an image, a plain radiograph.
        if values.text(position).is_empty() && values.text(orientation).is_empty() {
            return Ok(Found::PassedOver(PassedOverReason::NoPosition));
        }
    } else if frames != raw.frames.len() as f64 {
        let reason = format!("NumberOfFrames is {frames}, but {} frames have functional groups", raw.frames.len());
        return Err(DicomError::header(path, reason));
    }
    if raw.lookup_table {
        let reason = "values by a lookup table (ModalityLUTSequence) are not read";
        return Err(DicomError::unsupported(path, UnsupportedKind::LookupTable, reason));
    }
    let photometric = photometric(&values)?;
    let pixels = format(&values)?;
    let count = raw.frames.len().max(1);
    let places = places(path, &mut start, &pixels, pixel_data, count)?;
    let single = raw.frames.is_empty();
    let images = places.into_iter().enumerate().filter_map(|(frame, source)| {
        let values = Values { frame: (!single).then_some(frame), ..values };
        if has_part(&values.text(tags::FRAME_TYPE), "LOCALIZER") {
            return None;
        }
        let image = image(&values, &start, photometric.clone(), pixels, source);
        Some(image.map(|image| Header { path: name_of_frame(path, &values), ..image }))
    });
    Ok(Found::Images(images.collect::<Result<_, _>>()?))
}

/// The header of one frame.
fn image(
    values: &Values<'_>,
    start: &Start,
    photometric: String,
    pixels: Pixels,
    source: PixelSource,
) -> Result<Header, DicomError> {
    let position = values.decimals(tags::IMAGE_POSITION_PATIENT, "ImagePositionPatient")?;
    let orientation = values.decimals::<6>(tags::IMAGE_ORIENTATION_PATIENT, "ImageOrientationPatient")?;
    let [a, b, c, d, e, f] = orientation.ok_or_else(|| values.missing("ImageOrientationPatient"))?;
    let spacing = values.decimals::<2>(tags::PIXEL_SPACING, "PixelSpacing")?;
    let [slope] = values.decimals(tags::RESCALE_SLOPE, "RescaleSlope")?.unwrap_or([1.0]);
    let [intercept] = values.decimals(tags::RESCALE_INTERCEPT, "RescaleIntercept")?.unwrap_or([0.0]);
    if slope == 0.0 {
        return Err(DicomError::header(values.path, "RescaleSlope is 0"));
    }
    let positive = |value: [f64; 1]| (value[0] > 0.0).then_some(value[0]);
    let between = values.decimals::<1>(tags::SPACING_BETWEEN_SLICES, "SpacingBetweenSlices").unwrap_or(None);
    let thick = values.decimals::<1>(tags::SLICE_THICKNESS, "SliceThickness").unwrap_or(None);
    Ok(Header {
        path: values.path.to_path_buf(),
        class: values.text(tags::SOP_CLASS_UID),
        instance: values.text(tags::SOP_INSTANCE_UID),
        frame: values.frame.and_then(|frame| u32::try_from(frame + 1).ok()),
        series: values.text(tags::SERIES_INSTANCE_UID),
        modality: values.text(tags::MODALITY),
        description: values.text(tags::SERIES_DESCRIPTION),
        mosaic: has_part(&values.text(tags::IMAGE_TYPE), "MOSAIC"),
        frame_of_reference: values.text(tags::FRAME_OF_REFERENCE_UID),
        syntax: start.syntax.clone(),
        guessed: start.guessed,
        photometric,
        pixels,
        source,
        position: position.ok_or_else(|| values.missing("ImagePositionPatient"))?,
        orientation: [[a, b, c], [d, e, f]],
        spacing: spacing.ok_or_else(|| values.missing("PixelSpacing"))?,
        thickness: between.and_then(positive).or(thick.and_then(positive)),
        slice_thickness: thick.and_then(positive),
        slope,
        intercept,
    })
}

/// A file's path, with the number of the frame in a file of several.
fn name_of_frame(path: &Path, values: &Values<'_>) -> PathBuf {
    let Some(frame) = values.frame else { return path.to_path_buf() };
    let mut name = path.as_os_str().to_os_string();
    // As wide as the largest number, so that names sort as frames do.
    name.push(format!(" (frame {:0width$})", frame + 1, width = values.raw.frames.len().to_string().len()));
    name.into()
}

fn photometric(values: &Values<'_>) -> Result<String, DicomError> {
    let samples = values.short(tags::SAMPLES_PER_PIXEL, "SamplesPerPixel")?.unwrap_or(1);
    let photometric = values.text(tags::PHOTOMETRIC_INTERPRETATION);
    if samples != 1 || !matches!(photometric.as_str(), "MONOCHROME1" | "MONOCHROME2") {
        let reason = "colour is not read, only MONOCHROME1 and MONOCHROME2";
        return Err(DicomError::unsupported(values.path, UnsupportedKind::Datatype, reason));
    }
    Ok(photometric)
}

/// Looks for a word among the parts of an image's type.
fn has_part(image_type: &str, word: &str) -> bool {
    image_type.split('\\').any(|part| part.trim() == word)
}

/// Objects that have pixels but are no images of the patient: segmentations, doses, parametric maps.
const DERIVED_OBJECTS: [&str; 4] = [
    uids::SEGMENTATION_STORAGE,
    uids::LABEL_MAP_SEGMENTATION_STORAGE,
    uids::RT_DOSE_STORAGE,
    uids::PARAMETRIC_MAP_STORAGE,
];

/// Images whose frames carry their own geometry.
const ENHANCED: [&str; 6] = [
    uids::ENHANCED_CT_IMAGE_STORAGE,
    uids::ENHANCED_MR_IMAGE_STORAGE,
    uids::ENHANCED_PET_IMAGE_STORAGE,
    uids::LEGACY_CONVERTED_ENHANCED_CT_IMAGE_STORAGE,
    uids::LEGACY_CONVERTED_ENHANCED_MR_IMAGE_STORAGE,
    uids::LEGACY_CONVERTED_ENHANCED_PET_IMAGE_STORAGE,
];
