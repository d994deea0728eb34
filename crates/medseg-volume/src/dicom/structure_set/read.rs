//! From a file to regions and their contours.

use std::collections::BTreeMap;
use std::path::Path;

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};

use super::{Roi, RoiContour, StructureSet, StructureSetError, StructureSetWarning};
use crate::MalformedKind;
use crate::dicom::charset::Charset;
use crate::dicom::object::{self, Bounds, Object};
use crate::dicom::{DicomError, start};
use crate::segments::Code;

/// Elements that are read, in items too.
const WANTED: [Tag; 27] = [
    tags::SPECIFIC_CHARACTER_SET,
    tags::SOP_CLASS_UID,
    tags::CODE_VALUE,
    tags::CODING_SCHEME_DESIGNATOR,
    tags::CODE_MEANING,
    tags::SERIES_INSTANCE_UID,
    tags::FRAME_OF_REFERENCE_UID,
    tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE,
    tags::SEGMENTED_PROPERTY_TYPE_MODIFIER_CODE_SEQUENCE,
    tags::STRUCTURE_SET_LABEL,
    tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE,
    tags::RT_REFERENCED_STUDY_SEQUENCE,
    tags::RT_REFERENCED_SERIES_SEQUENCE,
    tags::STRUCTURE_SET_ROI_SEQUENCE,
    tags::ROI_NUMBER,
    tags::ROI_NAME,
    tags::ROI_GENERATION_ALGORITHM,
    tags::ROI_DISPLAY_COLOR,
    tags::ROI_CONTOUR_SEQUENCE,
    tags::CONTOUR_SEQUENCE,
    tags::CONTOUR_GEOMETRIC_TYPE,
    tags::NUMBER_OF_CONTOUR_POINTS,
    tags::CONTOUR_DATA,
    tags::RTROI_OBSERVATIONS_SEQUENCE,
    tags::REFERENCED_ROI_NUMBER,
    tags::RTROI_IDENTIFICATION_CODE_SEQUENCE,
    tags::RTROI_INTERPRETED_TYPE,
];

/// Limits of reading a structure set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadOptions {
    /// Most bytes of memory for the file's elements. The contours' numbers take up to four times as much.
    pub max_bytes: u64,
}

impl Default for ReadOptions {
    /// 2 GiB.
    fn default() -> Self {
        Self { max_bytes: 2 << 30 }
    }
}

impl ReadOptions {
    /// Sets the most bytes of memory for the file's elements.
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }
}

/// Reads a structure set.
///
/// # Errors
/// As [`read_with()`].
///
/// ```no_run
/// use medseg_volume::dicom::structure_set;
/// for roi in structure_set::read("rtstruct.dcm")?.rois {
///     println!("{} {:?}: {} contours", roi.number, roi.name, roi.contours.len());
/// }
/// # Ok::<(), medseg_volume::dicom::structure_set::StructureSetError>(())
/// ```
pub fn read(path: impl AsRef<Path>) -> Result<StructureSet, StructureSetError> {
    read_with(path, &ReadOptions::default())
}

/// Reads a structure set within limits.
///
/// # Errors
/// [`StructureSetError::File`] if the file is not DICOM, is damaged (a coordinate that is no finite number, a region
/// without a number of its own, contours of a region that is not there) or exceeds a limit;
/// [`StructureSetError::OtherObject`] for another DICOM object.
pub fn read_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<StructureSet, StructureSetError> {
    let path = path.as_ref();
    let other = |class: &str| StructureSetError::OtherObject { path: path.to_path_buf(), class: class.to_string() };
    let mut start = match start::open(path)? {
        start::Found::DataSet(start) => start,
        start::Found::Directory => return Err(other(uids::MEDIA_STORAGE_DIRECTORY_STORAGE)),
        start::Found::NotDicom => {
            let reason = "not DICOM: neither a preamble with DICM nor an element at the start";
            return Err(DicomError::malformed(path, MalformedKind::Format, reason).into());
        }
    };
    let bounds = Bounds {
        wanted: &|tag| WANTED.contains(&tag),
        longest: options.max_bytes,
        memory: options.max_bytes,
        encoding: start.syntax.encoding,
    };
    let (object, _) = object::read(&mut start.elements, bounds).map_err(|error| error.of_file(path))?;
    let class = object.text(tags::SOP_CLASS_UID);
    if class != uids::RT_STRUCTURE_SET_STORAGE {
        return Err(other(&class));
    }
    structure_set(&object).map_err(|reason| DicomError::header(path, reason).into())
}

/// Joins regions, contours and observations by their numbers; the reason where they do not fit.
fn structure_set(object: &Object) -> Result<StructureSet, String> {
    let characters = Charset::of(object);
    let text = |object: &Object, tag| characters.decode(object.bytes(tag).unwrap_or_default());
    let frame = object.item(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE);
    let study = frame.and_then(|frame| frame.item(tags::RT_REFERENCED_STUDY_SEQUENCE));
    let series = study.and_then(|study| study.item(tags::RT_REFERENCED_SERIES_SEQUENCE));
    let uid = |object: Option<&Object>, tag| object.map(|object| object.text(tag)).unwrap_or_default();
    let mut set = StructureSet {
        label: text(object, tags::STRUCTURE_SET_LABEL),
        frame_of_reference: uid(frame, tags::FRAME_OF_REFERENCE_UID),
        series: uid(series, tags::SERIES_INSTANCE_UID),
        ..StructureSet::default()
    };
    let mut places = BTreeMap::new();
    for item in object.items(tags::STRUCTURE_SET_ROI_SEQUENCE) {
        let number = whole(item, tags::ROI_NUMBER).ok_or("an ROI has no ROINumber that is a whole number")?;
        if places.insert(number, set.rois.len()).is_some() {
            return Err(format!("two ROIs have the number {number}"));
        }
        let algorithm = item.text(tags::ROI_GENERATION_ALGORITHM).parse().ok();
        set.rois.push(Roi { number, name: text(item, tags::ROI_NAME), algorithm, ..Roi::default() });
    }
    for item in object.items(tags::ROI_CONTOUR_SEQUENCE) {
        let number = whole(item, tags::REFERENCED_ROI_NUMBER);
        let number = number.ok_or("contours have no ReferencedROINumber that is a whole number")?;
        let place = *places.get(&number).ok_or_else(|| format!("contours are of ROI {number}, which is not there"))?;
        let roi = &mut set.rois[place];
        let colour = item.decimals::<3>(tags::ROI_DISPLAY_COLOR);
        // The conversion saturates.
        roi.colour = roi.colour.or(colour.map(|colour| colour.map(|level| level as u8)));
        let mut miscounted = 0;
        for item in item.items(tags::CONTOUR_SEQUENCE) {
            if !matches!(item.text(tags::CONTOUR_GEOMETRIC_TYPE).as_str(), "CLOSED_PLANAR" | "CLOSEDPLANAR_XOR") {
                roi.open_contours += 1;
                continue;
            }
            let points = points(item.bytes(tags::CONTOUR_DATA).unwrap_or_default())?;
            let count = whole(item, tags::NUMBER_OF_CONTOUR_POINTS);
            miscounted += usize::from(count.is_some_and(|count| usize::try_from(count) != Ok(points.len())));
            roi.contours.push(RoiContour { points });
        }
        if miscounted > 0 {
            let warning = StructureSetWarning::PointCount { roi: roi.name.clone(), contours: miscounted };
            set.warnings.push(warning);
        }
    }
    // The first observation of several counts.
    for item in object.items(tags::RTROI_OBSERVATIONS_SEQUENCE).iter().rev() {
        let Some(place) = whole(item, tags::REFERENCED_ROI_NUMBER).and_then(|number| places.get(&number)) else {
            continue;
        };
        let code = |object: &Object| code(object, &characters);
        let roi = &mut set.rois[*place];
        roi.interpreted_type = item.text(tags::RTROI_INTERPRETED_TYPE);
        roi.category = item.item(tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE).and_then(code);
        let identification = item.item(tags::RTROI_IDENTIFICATION_CODE_SEQUENCE);
        roi.property_type = identification.and_then(code);
        let modifier =
            |object: &Object| object.item(tags::SEGMENTED_PROPERTY_TYPE_MODIFIER_CODE_SEQUENCE).and_then(code);
        roi.modifier = identification.and_then(modifier);
    }
    for roi in set.rois.iter().filter(|roi| roi.open_contours > 0) {
        let warning = StructureSetWarning::OpenContours { roi: roi.name.clone(), contours: roi.open_contours };
        set.warnings.push(warning);
    }
    Ok(set)
}

/// The code of an item; none if a part of it is missing.
fn code(item: &Object, characters: &Charset) -> Option<Code> {
    let meaning = characters.decode(item.bytes(tags::CODE_MEANING).unwrap_or_default());
    let (scheme, value) = (item.text(tags::CODING_SCHEME_DESIGNATOR), item.text(tags::CODE_VALUE));
    let complete = ![&scheme, &value, &meaning].iter().any(|text| text.is_empty());
    complete.then_some(Code { scheme, value, meaning })
}

fn whole(item: &Object, tag: Tag) -> Option<i32> {
    item.text(tag).parse().ok()
}

/// The points of one contour.
fn points(text: &[u8]) -> Result<Vec<[f64; 3]>, String> {
    let padding = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    let Some(last) = text.iter().rposition(|byte| !padding(byte)) else { return Ok(Vec::new()) };
    let text = &text[..=last];
    let count = text.iter().filter(|byte| **byte == b'\\').count() + 1;
    if count % 3 != 0 {
        return Err(format!("ContourData has {count} numbers, which are not three for each point"));
    }
    let mut points = Vec::with_capacity(count / 3);
    let mut numbers = text.split(|byte| *byte == b'\\').map(decimal);
    while let Some(x) = numbers.next() {
        let [Some(x), Some(y), Some(z)] = [x, numbers.next().flatten(), numbers.next().flatten()] else {
            return Err("ContourData has a coordinate that is no finite number".into());
        };
        points.push([x, y, z]);
    }
    Ok(points)
}

fn decimal(text: &[u8]) -> Option<f64> {
    let number = std::str::from_utf8(text.trim_ascii()).ok()?.parse::<f64>().ok()?;
    number.is_finite().then_some(number)
}
