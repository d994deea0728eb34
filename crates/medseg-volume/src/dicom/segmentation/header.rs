//! The header of a segmentation: kind, pixels, and the places of its frames.

use std::path::Path;

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};

use super::grid::Planes;
use crate::UnsupportedKind;
use crate::dicom::DicomError;
use crate::dicom::object::Object;
use crate::dicom::pixels::Pixels;
use crate::dicom::series::VARYING;
use crate::dicom::vectors::Vector;

/// SOP classes of segmentations.
pub(super) const CLASSES: [&str; 2] = [uids::SEGMENTATION_STORAGE, uids::LABEL_MAP_SEGMENTATION_STORAGE];

/// Kinds of segmentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Binary,
    Fractional { most: u16 },
    LabelMap,
}

/// An object's header, found sound.
pub(super) struct Header<'a> {
    pub path: &'a Path,
    pub kind: Kind,
    pub columns: usize,
    rows: usize,
    pub pixels: Pixels,
    /// The functional groups of each frame.
    pub groups: &'a [Object],
}

impl<'a> Header<'a> {
    pub(super) fn of(path: &'a Path, object: &'a Object) -> Result<Self, DicomError> {
        let header = |reason: String| DicomError::header(path, reason);
        let unsupported = |kind, reason: String| DicomError::unsupported(path, kind, reason);
        let class = object.text(tags::SOP_CLASS_UID);
        if !CLASSES.contains(&class.as_str()) {
            let reason = format!("no DICOM segmentation: its SOPClassUID is {class:?}");
            return Err(unsupported(UnsupportedKind::Format, reason));
        }
        let kind = match object.text(tags::SEGMENTATION_TYPE).as_str() {
            "BINARY" => Kind::Binary,
            "LABELMAP" => Kind::LabelMap,
            "FRACTIONAL" => {
                let most = object.short(tags::MAXIMUM_FRACTIONAL_VALUE).filter(|most| *most > 0);
                let missing = DicomError::Missing { path: path.into(), attribute: "MaximumFractionalValue" };
                Kind::Fractional { most: most.ok_or(missing)? }
            }
            other => return Err(unsupported(UnsupportedKind::Format, format!("segmentations of type {other:?}"))),
        };
        let short = |tag, attribute| object.short(tag).ok_or(DicomError::Missing { path: path.into(), attribute });
        let (rows, columns) = (short(tags::ROWS, "Rows")?, short(tags::COLUMNS, "Columns")?);
        if rows == 0 || columns == 0 {
            return Err(header("Rows or Columns is 0".into()));
        }
        if object.short(tags::SAMPLES_PER_PIXEL).is_some_and(|samples| samples != 1) {
            return Err(unsupported(UnsupportedKind::Datatype, "segmentations in colour are not read".into()));
        }
        let allocated = short(tags::BITS_ALLOCATED, "BitsAllocated")?;
        let stored = object.short(tags::BITS_STORED).unwrap_or(allocated);
        let high_bit = object.short(tags::HIGH_BIT).unwrap_or(stored.saturating_sub(1));
        let single_bits = kind == Kind::Binary && allocated == 1;
        if !single_bits && ![8, 16].contains(&allocated) {
            return Err(unsupported(UnsupportedKind::Datatype, format!("segmentations of {allocated} bits a pixel")));
        }
        if stored == 0 || high_bit >= allocated || high_bit + 1 < stored {
            return Err(header("BitsStored and HighBit do not fit in BitsAllocated".into()));
        }
        let groups = object.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
        let [frames] = object.decimals(tags::NUMBER_OF_FRAMES).unwrap_or([1.0]);
        if groups.is_empty() || frames != groups.len() as f64 {
            let reason = format!("NumberOfFrames is {frames}, but {} frames have functional groups", groups.len());
            return Err(header(reason));
        }
        let pixels = Pixels { rows, columns, allocated, stored, high_bit, signed: false };
        Ok(Self { path, kind, rows: rows.into(), columns: columns.into(), pixels, groups })
    }

    /// A functional group of a frame, its own or the shared one.
    fn group<'b>(&'b self, object: &'b Object, frame: usize, sequence: Tag) -> Option<&'b Object> {
        let shared = || object.item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE).and_then(|groups| groups.item(sequence));
        self.groups[frame].item(sequence).or_else(shared)
    }

    /// The segment of a frame; none in a label map.
    pub(super) fn segment_number(&self, object: &Object, frame: usize) -> Result<Option<u16>, DicomError> {
        if self.kind == Kind::LabelMap {
            return Ok(None);
        }
        let group = self.group(object, frame, tags::SEGMENT_IDENTIFICATION_SEQUENCE);
        let number = group.and_then(|group| group.short(tags::REFERENCED_SEGMENT_NUMBER));
        let missing = || DicomError::Missing { path: self.path.into(), attribute: "ReferencedSegmentNumber" };
        number.map(Some).ok_or_else(missing)
    }

    /// The places of all frames.
    pub(super) fn planes(&self, object: &Object) -> Result<Planes, DicomError> {
        let missing = |attribute| DicomError::Missing { path: self.path.into(), attribute };
        let mut positions = Vec::with_capacity(self.groups.len());
        let (mut orientation, mut spacing): (Option<[Vector; 2]>, Option<[f64; 2]>) = (None, None);
        let mut measures = None;
        for frame in 0..self.groups.len() {
            let position = self.group(object, frame, tags::PLANE_POSITION_SEQUENCE);
            let position = position.and_then(|group| group.decimals::<3>(tags::IMAGE_POSITION_PATIENT));
            positions.push(position.ok_or_else(|| missing("ImagePositionPatient"))?);
            let directions = self.group(object, frame, tags::PLANE_ORIENTATION_SEQUENCE);
            let directions = directions.and_then(|group| group.decimals::<6>(tags::IMAGE_ORIENTATION_PATIENT));
            let [a, b, c, d, e, f] = directions.ok_or_else(|| missing("ImageOrientationPatient"))?;
            let directions = [[a, b, c], [d, e, f]];
            let group = self.group(object, frame, tags::PIXEL_MEASURES_SEQUENCE);
            let distances = group.and_then(|group| group.decimals::<2>(tags::PIXEL_SPACING));
            let distances = distances.ok_or_else(|| missing("PixelSpacing"))?;
            let near = |a: &[f64], b: &[f64], most: f64| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= most);
            let known = *orientation.get_or_insert(directions);
            if !near(known.as_flattened(), directions.as_flattened(), VARYING) {
                return Err(DicomError::header(self.path, "its frames have several orientations"));
            }
            let known = *spacing.get_or_insert(distances);
            if !near(&known, &distances, VARYING * known[0].abs()) {
                return Err(DicomError::header(self.path, "its frames have several spacings"));
            }
            measures = measures.or(group);
        }
        let length = |tag| measures.and_then(|group: &Object| group.decimals::<1>(tag)).map(|[length]| length.abs());
        Ok(Planes {
            positions,
            orientation: orientation.ok_or_else(|| missing("ImageOrientationPatient"))?,
            spacing: spacing.ok_or_else(|| missing("PixelSpacing"))?,
            between: length(tags::SPACING_BETWEEN_SLICES),
            thickness: length(tags::SLICE_THICKNESS),
            rows: self.rows,
            columns: self.columns,
        })
    }
}
