//! Reading a segmentation.

use std::path::Path;

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::described::Described;
use super::header::{Header, Kind};
use super::paint::FrameValues;
use super::read_options::ReadOptions;
use super::segments;
use super::stored_frames::FrameReader;
use super::target::Target;
use crate::dicom::object::{self, Bounds, Object};
use crate::dicom::{DicomError, SeriesWarning, start};
use crate::segments::{SegmentTable, SegmentationError};
use crate::{MalformedKind, Volume};

/// A segmentation that was read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Segmentation {
    /// The label values; 0 is background.
    pub mask: Volume<u16>,
    /// The segments that were read.
    pub table: SegmentTable,
    /// SeriesInstanceUID of the series that the object refers to, if it says so.
    pub source_series_uid: Option<String>,
    /// The images that the object refers to.
    pub references: Vec<Reference>,
    /// FrameOfReferenceUID; may be empty.
    pub frame_of_reference_uid: String,
    /// Unusual but not wrong properties of the object's own grid.
    pub warnings: Vec<SeriesWarning>,
}

/// An image that a segmentation refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reference {
    /// Its SOPClassUID.
    pub class_uid: String,
    /// Its SOPInstanceUID.
    pub instance_uid: String,
}

/// Elements that are read beside those of segments.
const WANTED: [Tag; 30] = [
    tags::SOP_CLASS_UID,
    tags::FRAME_OF_REFERENCE_UID,
    tags::NUMBER_OF_FRAMES,
    tags::SAMPLES_PER_PIXEL,
    tags::ROWS,
    tags::COLUMNS,
    tags::BITS_ALLOCATED,
    tags::BITS_STORED,
    tags::HIGH_BIT,
    tags::PIXEL_REPRESENTATION,
    tags::SEGMENTATION_TYPE,
    tags::MAXIMUM_FRACTIONAL_VALUE,
    tags::REFERENCED_SERIES_SEQUENCE,
    tags::SERIES_INSTANCE_UID,
    tags::REFERENCED_INSTANCE_SEQUENCE,
    tags::REFERENCED_SOP_CLASS_UID,
    tags::REFERENCED_SOP_INSTANCE_UID,
    tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
    tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
    tags::PLANE_POSITION_SEQUENCE,
    tags::IMAGE_POSITION_PATIENT,
    tags::PLANE_ORIENTATION_SEQUENCE,
    tags::IMAGE_ORIENTATION_PATIENT,
    tags::PIXEL_MEASURES_SEQUENCE,
    tags::PIXEL_SPACING,
    tags::SLICE_THICKNESS,
    tags::SPACING_BETWEEN_SLICES,
    tags::SEGMENT_IDENTIFICATION_SEQUENCE,
    tags::REFERENCED_SEGMENT_NUMBER,
    tags::PIXEL_PADDING_VALUE,
];
/// Longest value that is read.
const LONGEST_VALUE: u64 = 1 << 13;
/// Memory for all elements.
const MEMORY: u64 = 1 << 30;

/// Reads a DICOM segmentation: BINARY, LABELMAP or FRACTIONAL, of any program.
///
/// Frames are put at their places; where there is none, the mask is background. The result has the object's own grid, from
/// its first frame to its last, or the one that the options give: then each frame must lie on it, with axes of any order
/// and direction. Label values are the segments' numbers (see the [module](crate::dicom::segmentation) for those that this
/// crate wrote). A voxel of a FRACTIONAL segmentation belongs to its segment from half of the largest value on.
///
/// # Errors
/// A file that is no segmentation, is damaged, or promises more than the limit; frames that make no grid, or do not lie on
/// the one that was asked for; segments that overlap ([`SegmentationError::Overlap`], by default) or are not there.
pub fn read(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Segmentation, SegmentationError> {
    let path = path.as_ref();
    let start::Found::DataSet(mut start) = start::open(path)? else {
        return Err(DicomError::malformed(path, MalformedKind::Format, "no DICOM file with a data set").into());
    };
    let bounds = Bounds {
        wanted: &|tag| WANTED.contains(&tag) || segments::WANTED.contains(&tag),
        longest: LONGEST_VALUE,
        memory: MEMORY.min(options.max_bytes),
        encoding: start.syntax.encoding,
    };
    let (object, pixel_data) = object::read(&mut start.elements, bounds).map_err(|error| error.of_file(path))?;
    let header = Header::of(path, &object)?;
    let pixel_data = pixel_data.ok_or(DicomError::Missing { path: path.into(), attribute: "PixelData" })?;
    let described = Described::of(path, &object, header.kind, options)?;
    let target = Target::of(path, &header.planes(&object)?, options)?;
    let reader = FrameReader::new(&header, &mut start, pixel_data, options)?;
    let pixels = header.pixels.count();
    let mut labels = target.background(path, pixels, options.max_bytes)?;
    let mut values = vec![0.0; pixels];
    for (frame, place) in target.places.iter().enumerate() {
        let number = header.segment_number(&object, frame)?;
        let label = number.map(|number| described.label(path, number)).transpose()?;
        // A segment that is not wanted.
        if label == Some(None) {
            continue;
        }
        reader.read(frame, &mut values)?;
        let (label, threshold) = (label.flatten(), reader.threshold);
        let frame = FrameValues { path, frame, values: &values, columns: header.columns, label, threshold };
        frame.paint(place, &mut labels, &described, options.overlap)?;
    }
    let table = if header.kind == Kind::LabelMap { described.with_unnamed(&labels)? } else { described.table };
    let warnings = target.warnings.clone();
    let mask = target.mask(labels);
    let series = object.item(tags::REFERENCED_SERIES_SEQUENCE);
    let uid = series.map(|series| series.text(tags::SERIES_INSTANCE_UID)).filter(|uid| !uid.is_empty());
    let images = object.items(tags::REFERENCED_SERIES_SEQUENCE).iter();
    let reference = |image: &Object| Reference {
        class_uid: image.text(tags::REFERENCED_SOP_CLASS_UID),
        instance_uid: image.text(tags::REFERENCED_SOP_INSTANCE_UID),
    };
    Ok(Segmentation {
        mask,
        table,
        source_series_uid: uid,
        references: images.flat_map(|s| s.items(tags::REFERENCED_INSTANCE_SEQUENCE)).map(reference).collect(),
        frame_of_reference_uid: object.text(tags::FRAME_OF_REFERENCE_UID),
        warnings,
    })
}
