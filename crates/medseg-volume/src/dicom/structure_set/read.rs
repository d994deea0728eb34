//! From a file to regions and their contours.

use std::collections::BTreeMap;
use std::path::Path;

use dicom_dictionary_std::{tags, uids};
use dicom_encoding::text::{SpecificCharacterSet, TextCodec};

use super::{Roi, RoiContour, StructureSet, StructureSetError, StructureSetWarning};
use crate::MalformedKind;
use crate::dicom::elements::{Elements, Head, WalkError};
use crate::dicom::{DicomError, start};
use crate::segments::{AlgorithmKind, Code};

/// Longest text that is read: names and codes are short.
const LONGEST_TEXT: u64 = 1 << 12;
/// Longest `ContourData` that is read, in bytes.
const LONGEST_CONTOUR: u64 = 1 << 28;
/// Most regions; a file has a few, and each takes some memory.
const MOST_ROIS: usize = 65_535;
/// Bytes of a point in memory.
const POINT_BYTES: u64 = 24;

/// Limits of reading a structure set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StructureSetOptions {
    /// Most points of all contours together.
    pub max_points: u64,
}

impl Default for StructureSetOptions {
    /// 50 million points, which take 1.2 GB.
    fn default() -> Self {
        Self { max_points: 50_000_000 }
    }
}

impl StructureSetOptions {
    /// Sets the most points of all contours together.
    #[must_use]
    pub fn with_max_points(mut self, max_points: u64) -> Self {
        self.max_points = max_points;
        self
    }
}

/// Reads a structure set, with at most 50 million points.
///
/// # Errors
/// As [`read_structure_set_with`].
///
/// ```no_run
/// use medseg_volume::dicom::structure_set::read_structure_set;
/// for roi in read_structure_set("rtstruct.dcm")?.rois {
///     println!("{} {:?}: {} contours", roi.number, roi.name, roi.contours.len());
/// }
/// # Ok::<(), medseg_volume::dicom::structure_set::StructureSetError>(())
/// ```
pub fn read_structure_set(path: impl AsRef<Path>) -> Result<StructureSet, StructureSetError> {
    read_structure_set_with(path, &StructureSetOptions::default())
}

/// Reads a structure set within limits.
///
/// # Errors
/// [`StructureSetError::File`] if the file is not DICOM, is damaged (a coordinate that is no finite number, a region
/// without a number of its own, contours of a region that is not there) or exceeds a limit;
/// [`StructureSetError::OtherObject`] for another DICOM object.
pub fn read_structure_set_with(
    path: impl AsRef<Path>,
    options: &StructureSetOptions,
) -> Result<StructureSet, StructureSetError> {
    let path = path.as_ref();
    let mut start = match start::open(path)? {
        start::Found::DataSet(start) => start,
        start::Found::Directory => {
            let class = uids::MEDIA_STORAGE_DIRECTORY_STORAGE.to_string();
            return Err(StructureSetError::OtherObject { path: path.to_path_buf(), class });
        }
        start::Found::NotDicom => {
            let reason = "not DICOM: neither a preamble with DICM nor an element at the start";
            return Err(DicomError::malformed(path, MalformedKind::Format, reason).into());
        }
    };
    let parts = Parts::read(&mut start.elements, options.max_points).map_err(|error| error.of_file(path))?;
    if parts.class != uids::RT_STRUCTURE_SET_STORAGE {
        return Err(StructureSetError::OtherObject { path: path.to_path_buf(), class: parts.class });
    }
    parts.join().map_err(|reason| DicomError::header(path, reason).into())
}

/// The file's sequences before they are joined by the regions' numbers.
#[derive(Default)]
struct Parts {
    class: String,
    label: String,
    frame_of_reference: String,
    series: String,
    rois: Vec<(Option<i32>, Roi)>,
    contours: Vec<RoiContours>,
    observations: Vec<Observation>,
}

/// An item of `ROIContourSequence`.
#[derive(Default)]
struct RoiContours {
    number: Option<i32>,
    colour: Option<[u8; 3]>,
    contours: Vec<RoiContour>,
    open: usize,
    miscounted: usize,
}

/// An item of `RTROIObservationsSequence`.
#[derive(Default)]
struct Observation {
    number: Option<i32>,
    interpreted_type: String,
    category: Option<Code>,
    property_type: Option<Code>,
    modifier: Option<Code>,
}

impl Parts {
    /// Reads the elements of a data set; those of another object than a structure set only up to its class.
    fn read(elements: &mut Elements, max_points: u64) -> Result<Self, WalkError> {
        let (mut parts, mut characters) = (Self::default(), Characters::default());
        let mut points = Points { left: max_points, most: max_points };
        while let Some(head) = elements.next()? {
            match head.tag {
                tags::SPECIFIC_CHARACTER_SET => characters = Characters::of(&plain(elements, &head)?),
                tags::SOP_CLASS_UID => {
                    parts.class = plain(elements, &head)?;
                    if parts.class != uids::RT_STRUCTURE_SET_STORAGE {
                        break;
                    }
                }
                tags::STRUCTURE_SET_LABEL => parts.label = characters.text(elements, &head)?,
                tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE => parts.read_references(elements, &head)?,
                tags::STRUCTURE_SET_ROI_SEQUENCE => elements.items(&head, |elements, end| {
                    parts.rois.push(read_roi(elements, end, &characters)?);
                    if parts.rois.len() > MOST_ROIS { Err(malformed("it has too many ROIs")) } else { Ok(()) }
                })?,
                tags::ROI_CONTOUR_SEQUENCE => elements.items(&head, |elements, end| {
                    parts.contours.push(RoiContours::read(elements, end, &mut points)?);
                    if parts.contours.len() > MOST_ROIS { Err(malformed("it has too many ROIs")) } else { Ok(()) }
                })?,
                tags::RTROI_OBSERVATIONS_SEQUENCE => elements.items(&head, |elements, end| {
                    parts.observations.push(Observation::read(elements, end, &characters)?);
                    if parts.observations.len() > MOST_ROIS { Err(malformed("it has too many observations")) } else { Ok(()) }
                })?,
                _ => elements.skip(&head)?,
            }
        }
        Ok(parts)
    }

    /// Reads the first frame of reference and the first series in it.
    fn read_references(&mut self, elements: &mut Elements, sequence: &Head) -> Result<(), WalkError> {
        elements.items(sequence, |elements, end| {
            while let Some(head) = elements.next_of_item(end)? {
                match head.tag {
                    tags::FRAME_OF_REFERENCE_UID => set(&mut self.frame_of_reference, plain(elements, &head)?),
                    tags::RT_REFERENCED_STUDY_SEQUENCE => elements.items(&head, |elements, end| {
                        while let Some(head) = elements.next_of_item(end)? {
                            match head.tag {
                                tags::RT_REFERENCED_SERIES_SEQUENCE => elements.items(&head, |elements, end| {
                                    while let Some(head) = elements.next_of_item(end)? {
                                        match head.tag {
                                            tags::SERIES_INSTANCE_UID => set(&mut self.series, plain(elements, &head)?),
                                            _ => elements.skip(&head)?,
                                        }
                                    }
                                    Ok(())
                                })?,
                                _ => elements.skip(&head)?,
                            }
                        }
                        Ok(())
                    })?,
                    _ => elements.skip(&head)?,
                }
            }
            Ok(())
        })
    }

    /// Joins regions, contours and observations by their numbers; the reason where they do not fit.
    fn join(self) -> Result<StructureSet, String> {
        let mut set = StructureSet {
            label: self.label,
            frame_of_reference: self.frame_of_reference,
            series: self.series,
            ..StructureSet::default()
        };
        let mut places = BTreeMap::new();
        for (number, mut roi) in self.rois {
            roi.number = number.ok_or("an ROI has no ROINumber that is a whole number")?;
            if places.insert(roi.number, set.rois.len()).is_some() {
                return Err(format!("two ROIs have the number {}", roi.number));
            }
            set.rois.push(roi);
        }
        let mut miscounted = BTreeMap::new();
        for item in self.contours {
            let number = item.number.ok_or("contours have no ReferencedROINumber that is a whole number")?;
            let place = *places.get(&number).ok_or_else(|| format!("contours refer to ROI {number}, which is not there"))?;
            let roi = &mut set.rois[place];
            roi.colour = roi.colour.or(item.colour);
            roi.open_contours += item.open;
            *miscounted.entry(place).or_insert(0) += item.miscounted;
            roi.contours.extend(item.contours);
        }
        // The first observation of several.
        for item in self.observations.into_iter().rev() {
            let Some(place) = item.number.and_then(|number| places.get(&number)) else { continue };
            let roi = &mut set.rois[*place];
            roi.interpreted_type = item.interpreted_type;
            (roi.category, roi.property_type, roi.modifier) = (item.category, item.property_type, item.modifier);
        }
        for (place, roi) in set.rois.iter().enumerate() {
            if roi.open_contours > 0 {
                let (roi, contours) = (roi.name.clone(), roi.open_contours);
                set.warnings.push(StructureSetWarning::OpenContours { roi, contours });
            }
            let contours = miscounted.get(&place).copied().unwrap_or(0);
            if contours > 0 {
                set.warnings.push(StructureSetWarning::PointCount { roi: roi.name.clone(), contours });
            }
        }
        Ok(set)
    }
}

/// An item of `StructureSetROISequence`, and its number if it has one.
fn read_roi(
    elements: &mut Elements,
    end: Option<u64>,
    characters: &Characters,
) -> Result<(Option<i32>, Roi), WalkError> {
    let (mut number, mut roi) = (None, Roi::default());
    while let Some(head) = elements.next_of_item(end)? {
        match head.tag {
            tags::ROI_NUMBER => number = whole(&plain(elements, &head)?),
            tags::ROI_NAME => roi.name = characters.text(elements, &head)?,
            tags::ROI_GENERATION_ALGORITHM => {
                roi.algorithm = plain(elements, &head)?.parse::<AlgorithmKind>().ok();
            }
            _ => elements.skip(&head)?,
        }
    }
    Ok((number, roi))
}

impl RoiContours {
    fn read(elements: &mut Elements, end: Option<u64>, points: &mut Points) -> Result<Self, WalkError> {
        let mut read = Self::default();
        while let Some(head) = elements.next_of_item(end)? {
            match head.tag {
                tags::REFERENCED_ROI_NUMBER => read.number = whole(&plain(elements, &head)?),
                tags::ROI_DISPLAY_COLOR => {
                    let parts: Vec<Option<u8>> =
                        plain(elements, &head)?.split('\\').map(|part| part.trim().parse().ok()).collect();
                    if let [Some(red), Some(green), Some(blue)] = parts[..] {
                        read.colour = Some([red, green, blue]);
                    }
                }
                tags::CONTOUR_SEQUENCE => {
                    elements.items(&head, |elements, end| read.read_contour(elements, end, points))?;
                }
                _ => elements.skip(&head)?,
            }
        }
        Ok(read)
    }

    /// Reads an item of `ContourSequence`.
    fn read_contour(&mut self, elements: &mut Elements, end: Option<u64>, points: &mut Points) -> Result<(), WalkError> {
        let (mut kind, mut count, mut contour) = (String::new(), None, RoiContour::default());
        while let Some(head) = elements.next_of_item(end)? {
            match head.tag {
                tags::CONTOUR_GEOMETRIC_TYPE => kind = plain(elements, &head)?,
                tags::NUMBER_OF_CONTOUR_POINTS => count = whole(&plain(elements, &head)?),
                tags::CONTOUR_DATA => contour.points = points.read(elements, &head)?,
                _ => elements.skip(&head)?,
            }
        }
        if !matches!(kind.as_str(), "CLOSED_PLANAR" | "CLOSEDPLANAR_XOR") {
            self.open += 1;
            return Ok(());
        }
        if count.is_some_and(|count| usize::try_from(count).ok() != Some(contour.points.len())) {
            self.miscounted += 1;
        }
        self.contours.push(contour);
        Ok(())
    }
}

impl Observation {
    fn read(elements: &mut Elements, end: Option<u64>, characters: &Characters) -> Result<Self, WalkError> {
        let mut read = Self::default();
        while let Some(head) = elements.next_of_item(end)? {
            match head.tag {
                tags::REFERENCED_ROI_NUMBER => read.number = whole(&plain(elements, &head)?),
                tags::RTROI_INTERPRETED_TYPE => read.interpreted_type = plain(elements, &head)?,
                tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE => {
                    read.category = read_code(elements, &head, characters)?.0;
                }
                tags::RTROI_IDENTIFICATION_CODE_SEQUENCE => {
                    let (code, modifier) = read_code(elements, &head, characters)?;
                    (read.property_type, read.modifier) = (code, modifier.or(read.modifier));
                }
                _ => elements.skip(&head)?,
            }
        }
        Ok(read)
    }
}

/// The code of a sequence's first item, and that of the modifier in it.
fn read_code(
    elements: &mut Elements,
    sequence: &Head,
    characters: &Characters,
) -> Result<(Option<Code>, Option<Code>), WalkError> {
    let mut codes = None;
    elements.items(sequence, |elements, end| {
        let (mut value, mut scheme, mut meaning, mut modifier) = (String::new(), String::new(), String::new(), None);
        while let Some(head) = elements.next_of_item(end)? {
            match head.tag {
                tags::CODE_VALUE => value = plain(elements, &head)?,
                tags::CODING_SCHEME_DESIGNATOR => scheme = plain(elements, &head)?,
                tags::CODE_MEANING => meaning = characters.text(elements, &head)?,
                tags::SEGMENTED_PROPERTY_TYPE_MODIFIER_CODE_SEQUENCE => {
                    elements.items(&head, |elements, end| {
                        let code = read_modifier(elements, end, characters)?;
                        modifier = modifier.take().or(code);
                        Ok(())
                    })?;
                }
                _ => elements.skip(&head)?,
            }
        }
        codes = codes.take().or_else(|| Some((code(scheme, value, meaning), modifier)));
        Ok(())
    })?;
    Ok(codes.unwrap_or_default())
}

fn read_modifier(
    elements: &mut Elements,
    end: Option<u64>,
    characters: &Characters,
) -> Result<Option<Code>, WalkError> {
    let (mut value, mut scheme, mut meaning) = (String::new(), String::new(), String::new());
    while let Some(head) = elements.next_of_item(end)? {
        match head.tag {
            tags::CODE_VALUE => value = plain(elements, &head)?,
            tags::CODING_SCHEME_DESIGNATOR => scheme = plain(elements, &head)?,
            tags::CODE_MEANING => meaning = characters.text(elements, &head)?,
            _ => elements.skip(&head)?,
        }
    }
    Ok(code(scheme, value, meaning))
}

/// A code, unless a part of it is missing.
fn code(scheme: String, value: String, meaning: String) -> Option<Code> {
    let complete = ![&scheme, &value, &meaning].iter().any(|text| text.is_empty());
    complete.then_some(Code { scheme, value, meaning })
}

/// The points that may still be read.
struct Points {
    left: u64,
    most: u64,
}

impl Points {
    /// Reads the points of one contour.
    fn read(&mut self, elements: &mut Elements, head: &Head) -> Result<Vec<[f64; 3]>, WalkError> {
        let text = elements.value(head, LONGEST_CONTOUR)?;
        let content = text.trim_ascii().strip_suffix(b"\0").unwrap_or(text.trim_ascii());
        if content.is_empty() {
            return Ok(Vec::new());
        }
        let numbers = content.iter().filter(|byte| **byte == b'\\').count() + 1;
        let points = (numbers / 3) as u64;
        if numbers % 3 != 0 {
            return Err(malformed("ContourData is not three numbers for each point"));
        }
        if points > self.left {
            let needed = (self.most - self.left).saturating_add(points).saturating_mul(POINT_BYTES);
            return Err(WalkError::Limit { needed, limit: self.most.saturating_mul(POINT_BYTES) });
        }
        self.left -= points;
        let mut read = Vec::with_capacity(numbers / 3);
        let mut numbers = content.split(|byte| *byte == b'\\').map(decimal);
        while let Some(x) = numbers.next() {
            let point = [x, numbers.next().flatten(), numbers.next().flatten()];
            let [Some(x), Some(y), Some(z)] = point else {
                return Err(malformed("ContourData has a coordinate that is no finite number"));
            };
            read.push([x, y, z]);
        }
        Ok(read)
    }
}

fn decimal(text: &[u8]) -> Option<f64> {
    let number = std::str::from_utf8(text.trim_ascii()).ok()?.parse::<f64>().ok()?;
    number.is_finite().then_some(number)
}

fn whole(text: &str) -> Option<i32> {
    text.trim().parse().ok()
}

fn malformed(reason: &str) -> WalkError {
    WalkError::Malformed(MalformedKind::Header, reason.into())
}

/// A value of ASCII without the padding around it.
fn plain(elements: &mut Elements, head: &Head) -> Result<String, WalkError> {
    let value = elements.value(head, LONGEST_TEXT)?;
    Ok(String::from_utf8_lossy(&value).trim_matches([' ', '\0']).to_string())
}

/// Keeps the first of several values.
fn set(text: &mut String, value: String) {
    if text.is_empty() {
        *text = value;
    }
}

/// The character set of a file's texts.
#[derive(Default)]
struct Characters(SpecificCharacterSet);

impl Characters {
    /// The set of a `SpecificCharacterSet`; of several that are switched between, the last one that is known.
    fn of(code: &str) -> Self {
        Self(code.split('\\').filter_map(SpecificCharacterSet::from_code).last().unwrap_or_default())
    }

    /// A value of text without the padding around it.
    fn text(&self, elements: &mut Elements, head: &Head) -> Result<String, WalkError> {
        let value = elements.value(head, LONGEST_TEXT)?;
        let text = self.0.decode(&value).unwrap_or_else(|_| String::from_utf8_lossy(&value).into_owned());
        Ok(text.trim_matches([' ', '\0']).to_string())
    }
}
