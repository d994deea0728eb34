//! From a mask to a file.

use std::path::Path;

use super::outlines::{Outline, Outlines, outlines};
use super::{StructureSetError, WriteOptions};
use crate::Volume;
use crate::dicom::charset::{self, Charset};
use crate::dicom::mask_axes::{axes_to_series, place_before};
use crate::dicom::object::Object;
use crate::dicom::syntax::Encoding;
use crate::dicom::uid::DerivedUid;
use crate::dicom::write_file::write_file_as;
use crate::dicom::{SeriesOptions, SourceSeries, SourceSlice};
use crate::segments::{AlgorithmKind, Code, Segment, SegmentTable, SegmentationError};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{tags, uids};

/// The class of the study's reference, which is retired and yet required.
const STUDY_CLASS: &str = "1.2.840.10008.3.1.2.3.1";

/// Attributes of patient, study and frame of reference that are there with no value where the series lacks them (type 2).
const EMPTY_IF_UNKNOWN: [(Tag, VR); 10] = [
    (tags::STUDY_DATE, VR::DA),
    (tags::STUDY_TIME, VR::TM),
    (tags::ACCESSION_NUMBER, VR::SH),
    (tags::REFERRING_PHYSICIAN_NAME, VR::PN),
    (tags::PATIENT_NAME, VR::PN),
    (tags::PATIENT_ID, VR::LO),
    (tags::PATIENT_BIRTH_DATE, VR::DA),
    (tags::PATIENT_SEX, VR::CS),
    (tags::STUDY_ID, VR::SH),
    (tags::POSITION_REFERENCE_INDICATOR, VR::LO),
];

/// The content of a structure set that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// Its SeriesInstanceUID.
    pub series_uid: String,
    /// Its SOPInstanceUID.
    pub instance_uid: String,
    /// Contours of each segment, in the table's order; 0 for one without voxels.
    pub contours: Vec<usize>,
    /// Points of all contours.
    pub points: u64,
}

/// Writes a mask as the structure set of a series. Each segment of the table is a region, with the label value as its
/// number; one without voxels has no contours. The [module](super) states the form of contours.
///
/// The mask may have the series' axes in any order and direction. The file is written whole or not at all.
///
/// # Errors
/// A mask on another grid than the series'; a label value that the table lacks; an empty table; texts that DICOM cannot
/// hold; too many points; a file that cannot be written.
pub fn write<L: Copy + Into<u16> + Sync>(
    path: impl AsRef<Path>,
    mask: &Volume<L>,
    segments: &SegmentTable,
    source: &SourceSeries,
    options: &WriteOptions,
) -> Result<Written, StructureSetError> {
    options.check()?;
    if segments.is_empty() {
        return Err(SegmentationError::NoSegments.into());
    }
    let axes = axes_to_series(mask, source)?;
    let place = |voxel: [usize; 3]| place_before(&axes, voxel, source.shape());
    let outlines = outlines(&axes.view(mask.data.view()), segments, source, options, place)?;
    let (contours, points) = (outlines.rois.iter().map(Vec::len).collect(), outlines.points);
    let mut object = structure_set(segments, source, options, outlines)?;
    let (series_uid, instance_uid) = put_uids(&mut object, options);
    write_file_as(path.as_ref(), &object, Encoding::ImplicitLittle)?;
    Ok(Written { series_uid, instance_uid, contours, points })
}

/// Writes a mask as the structure set of a series in a folder: [`SourceSeries::read`], then [`write()`].
///
/// # Errors
/// As these.
pub fn write_for_series<L: Copy + Into<u16> + Sync>(
    path: impl AsRef<Path>,
    mask: &Volume<L>,
    segments: &SegmentTable,
    (folder, series): (&Path, &SeriesOptions),
    options: &WriteOptions,
) -> Result<Written, StructureSetError> {
    write(path, mask, segments, &SourceSeries::read(folder, series)?, options)
}

/// The data set without the UIDs of the new series and instance.
fn structure_set(
    segments: &SegmentTable,
    source: &SourceSeries,
    options: &WriteOptions,
    outlines: Outlines,
) -> Result<Object, StructureSetError> {
    let mut object = source.attributes().clone();
    // Of images alone.
    for tag in
        [tags::LOSSY_IMAGE_COMPRESSION, tags::LOSSY_IMAGE_COMPRESSION_RATIO, tags::LOSSY_IMAGE_COMPRESSION_METHOD]
    {
        object.remove(tag);
    }
    let mut texts = vec![options.label.as_str(), &options.series_description, &options.model_name];
    for segment in segments.segments() {
        texts.extend([segment.name.as_str(), &segment.algorithm_name]);
        texts.extend(segment.description.as_deref());
        let codes = [Some(&segment.category), Some(&segment.property_type), segment.modifier.as_ref()];
        texts.extend(codes.into_iter().flatten().map(|code| code.meaning.as_str()));
    }
    for (tag, vr) in EMPTY_IF_UNKNOWN {
        if !object.has(tag) {
            object.put_text(tag, vr, "");
        }
    }
    let characters = charset::fitting(&mut object, &texts).ok_or(SegmentationError::CharacterSet)?;
    let date = options.content_date.clone().unwrap_or_else(|| source.content_date());
    let mut put = |tag, vr, text: &str| put_text(&mut object, &characters, tag, vr, text);
    put(tags::SOP_CLASS_UID, VR::UI, uids::RT_STRUCTURE_SET_STORAGE)?;
    put(tags::MODALITY, VR::CS, "RTSTRUCT")?;
    put(tags::MANUFACTURER, VR::LO, "medseg")?;
    put(tags::MANUFACTURER_MODEL_NAME, VR::LO, &options.model_name)?;
    put(tags::SOFTWARE_VERSIONS, VR::LO, env!("CARGO_PKG_VERSION"))?;
    put(tags::SERIES_DESCRIPTION, VR::LO, &options.series_description)?;
    put(tags::SERIES_NUMBER, VR::IS, &options.series_number.to_string())?;
    put(tags::OPERATORS_NAME, VR::PN, "")?;
    put(tags::INSTANCE_CREATION_DATE, VR::DA, date.date())?;
    put(tags::INSTANCE_CREATION_TIME, VR::TM, date.time())?;
    put(tags::STRUCTURE_SET_LABEL, VR::SH, &options.label)?;
    put(tags::STRUCTURE_SET_DATE, VR::DA, date.date())?;
    put(tags::STRUCTURE_SET_TIME, VR::TM, date.time())?;
    put(tags::APPROVAL_STATUS, VR::CS, "UNAPPROVED")?;
    object.put_items(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE, vec![references(source)]);
    let (mut rois, mut contours, mut observations) = (Vec::new(), Vec::new(), Vec::new());
    for (segment, outlines) in segments.segments().iter().zip(outlines.rois) {
        rois.push(roi(segment, source, &characters)?);
        contours.push(roi_contours(segment, source, outlines));
        observations.push(observation(segment, &characters)?);
    }
    object.put_items(tags::STRUCTURE_SET_ROI_SEQUENCE, rois);
    object.put_items(tags::ROI_CONTOUR_SEQUENCE, contours);
    object.put_items(tags::RTROI_OBSERVATIONS_SEQUENCE, observations);
    Ok(object)
}

fn put_text(object: &mut Object, characters: &Charset, tag: Tag, vr: VR, text: &str) -> Result<(), StructureSetError> {
    object.put_bytes(tag, vr, characters.encode(text).ok_or(SegmentationError::CharacterSet)?);
    Ok(())
}

/// Sets the UIDs of the new series and instance: those of the options, or else by all other elements.
fn put_uids(object: &mut Object, options: &WriteOptions) -> (String, String) {
    let content = object.hashed(DerivedUid::new("structure set")).finish();
    let uid = |role| DerivedUid::new(role).of(content.as_bytes()).finish();
    let series = options.series_uid.clone().unwrap_or_else(|| uid("series"));
    let instance = options.instance_uid.clone().unwrap_or_else(|| uid("instance"));
    object.put_text(tags::SERIES_INSTANCE_UID, VR::UI, &series);
    object.put_text(tags::SOP_INSTANCE_UID, VR::UI, &instance);
    (series, instance)
}

/// An item of `ReferencedFrameOfReferenceSequence`: every image of the series.
fn references(source: &SourceSeries) -> Object {
    let mut images: Vec<Object> = Vec::new();
    let mut last = "";
    for slice in source.slices() {
        // The frames of one image follow each other.
        if slice.instance_uid != last {
            images.push(image(slice, false));
            last = &slice.instance_uid;
        }
    }
    let mut series = Object::default();
    series.put_text(tags::SERIES_INSTANCE_UID, VR::UI, source.series_uid());
    series.put_items(tags::CONTOUR_IMAGE_SEQUENCE, images);
    let mut study = Object::default();
    study.put_text(tags::REFERENCED_SOP_CLASS_UID, VR::UI, STUDY_CLASS);
    study.put_text(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, &source.study_uid());
    study.put_items(tags::RT_REFERENCED_SERIES_SEQUENCE, vec![series]);
    let mut frame = Object::default();
    frame.put_text(tags::FRAME_OF_REFERENCE_UID, VR::UI, source.frame_of_reference_uid());
    frame.put_items(tags::RT_REFERENCED_STUDY_SEQUENCE, vec![study]);
    frame
}

/// An item of `ContourImageSequence`.
fn image(slice: &SourceSlice, with_frame: bool) -> Object {
    let mut image = Object::default();
    image.put_text(tags::REFERENCED_SOP_CLASS_UID, VR::UI, &slice.class_uid);
    image.put_text(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, &slice.instance_uid);
    if let Some(frame) = slice.frame.filter(|_| with_frame) {
        image.put_text(tags::REFERENCED_FRAME_NUMBER, VR::IS, &frame.to_string());
    }
    image
}

/// An item of `StructureSetROISequence`.
fn roi(segment: &Segment, source: &SourceSeries, characters: &Charset) -> Result<Object, StructureSetError> {
    let mut roi = Object::default();
    let algorithm = match segment.algorithm {
        AlgorithmKind::Automatic => "AUTOMATIC",
        AlgorithmKind::Semiautomatic => "SEMIAUTOMATIC",
        AlgorithmKind::Manual => "MANUAL",
    };
    roi.put_text(tags::ROI_NUMBER, VR::IS, &segment.label.to_string());
    roi.put_text(tags::REFERENCED_FRAME_OF_REFERENCE_UID, VR::UI, source.frame_of_reference_uid());
    roi.put_text(tags::ROI_GENERATION_ALGORITHM, VR::CS, algorithm);
    put_text(&mut roi, characters, tags::ROI_NAME, VR::LO, &segment.name)?;
    if let Some(description) = &segment.description {
        put_text(&mut roi, characters, tags::ROI_DESCRIPTION, VR::ST, description)?;
    }
    if !segment.algorithm_name.is_empty() {
        put_text(&mut roi, characters, tags::ROI_GENERATION_DESCRIPTION, VR::LO, &segment.algorithm_name)?;
    }
    Ok(roi)
}

/// An item of `ROIContourSequence`.
fn roi_contours(segment: &Segment, source: &SourceSeries, outlines: Vec<Outline>) -> Object {
    let mut item = Object::default();
    let [red, green, blue] = segment.colour;
    item.put_text(tags::ROI_DISPLAY_COLOR, VR::IS, &format!("{red}\\{green}\\{blue}"));
    item.put_text(tags::REFERENCED_ROI_NUMBER, VR::IS, &segment.label.to_string());
    let contour = |outline: Outline| {
        let mut contour = Object::default();
        contour.put_items(tags::CONTOUR_IMAGE_SEQUENCE, vec![image(&source.slices()[outline.slice], true)]);
        contour.put_text(tags::CONTOUR_GEOMETRIC_TYPE, VR::CS, "CLOSED_PLANAR");
        contour.put_text(tags::NUMBER_OF_CONTOUR_POINTS, VR::IS, &outline.points.to_string());
        contour.put_bytes(tags::CONTOUR_DATA, VR::DS, outline.data);
        contour
    };
    if !outlines.is_empty() {
        item.put_items(tags::CONTOUR_SEQUENCE, outlines.into_iter().map(contour).collect());
    }
    item
}

/// An item of `RTROIObservationsSequence`.
fn observation(segment: &Segment, characters: &Charset) -> Result<Object, StructureSetError> {
    let mut item = Object::default();
    item.put_text(tags::OBSERVATION_NUMBER, VR::IS, &segment.label.to_string());
    item.put_text(tags::REFERENCED_ROI_NUMBER, VR::IS, &segment.label.to_string());
    item.put_text(tags::RTROI_INTERPRETED_TYPE, VR::CS, interpreted_type(segment));
    item.put_text(tags::ROI_INTERPRETER, VR::PN, "");
    item.put_items(tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE, vec![code(&segment.category, characters)?]);
    let mut identification = code(&segment.property_type, characters)?;
    if let Some(modifier) = &segment.modifier {
        let modifier = code(modifier, characters)?;
        identification.put_items(tags::SEGMENTED_PROPERTY_TYPE_MODIFIER_CODE_SEQUENCE, vec![modifier]);
    }
    item.put_items(tags::RTROI_IDENTIFICATION_CODE_SEQUENCE, vec![identification]);
    Ok(item)
}

/// `ORGAN` for anatomy; a target of radiotherapy is a decision that a mask does not make.
fn interpreted_type(segment: &Segment) -> &'static str {
    let anatomy = segment.category.scheme == "SCT" && segment.category.value == "91723000";
    if anatomy { "ORGAN" } else { "" }
}

fn code(code: &Code, characters: &Charset) -> Result<Object, StructureSetError> {
    let mut item = Object::default();
    item.put_text(tags::CODE_VALUE, VR::SH, &code.value);
    item.put_text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, &code.scheme);
    put_text(&mut item, characters, tags::CODE_MEANING, VR::LO, &code.meaning)?;
    Ok(item)
}
