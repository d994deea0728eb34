//! The segments that a file describes.

use std::path::Path;

use dicom_dictionary_std::tags;
use ndarray::Array3;

use super::header::Kind;
use super::read_options::ReadOptions;
use super::segments::{self, Numbered};
use crate::UnsupportedKind;
use crate::dicom::DicomError;
use crate::dicom::charset::Charset;
use crate::dicom::object::Object;
use crate::segments::{Segment, SegmentChoice, SegmentTable, SegmentationError};

/// The segments of a file.
pub(super) struct Described {
    /// Numbers with their label values, sorted.
    numbered: Vec<(u16, u16)>,
    /// The chosen segments.
    pub table: SegmentTable,
    /// All segments.
    all: SegmentTable,
    /// True if all segments are chosen.
    every: bool,
    /// The label value that stands for no segment, beside 0.
    background: u16,
}

impl Described {
    /// Reads the segments but for the background, which a label map describes too.
    pub(super) fn of(
        path: &Path,
        object: &Object,
        kind: Kind,
        options: &ReadOptions,
    ) -> Result<Self, SegmentationError> {
        let background = match kind {
            Kind::LabelMap => object.short(tags::PIXEL_PADDING_VALUE).unwrap_or(0),
            Kind::Binary | Kind::Fractional { .. } => 0,
        };
        let charset = Charset::of(object);
        let number = |item: &&Object| item.short(tags::SEGMENT_NUMBER);
        let items = object.items(tags::SEGMENT_SEQUENCE).iter().filter(|item| number(item) != Some(background));
        if items.clone().any(|item| number(&item) == Some(0) && !segments::is_background(item)) {
            let reason = "a segment has the number 0, which stands for the background here";
            return Err(DicomError::unsupported(path, UnsupportedKind::Format, reason).into());
        }
        let mut found: Vec<Numbered> = items.filter_map(|item| segments::from_item(item, &charset)).collect();
        found.sort_by_key(|numbered| numbered.number);
        if found.windows(2).any(|pair| pair[0].number == pair[1].number) {
            return Err(DicomError::header(path, "two segments have one number").into());
        }
        let mut labels: Vec<u16> = found.iter().map(|numbered| numbered.segment.label).collect();
        labels.sort_unstable();
        labels.dedup();
        if labels.len() != found.len() || kind == Kind::LabelMap {
            // Label values that contradict one another are none; those of label maps are their pixels.
            found.iter_mut().for_each(|numbered| numbered.segment.label = numbered.number);
        }
        let numbered = found.iter().map(|numbered| (numbered.number, numbered.segment.label)).collect();
        let all = SegmentTable::new(found.into_iter().map(|numbered| numbered.segment).collect())?;
        if let Some(wanted) = options.segments.missing(&all) {
            let known = all.segments().iter().map(|segment| format!("{} {:?}", segment.label, segment.name)).collect();
            return Err(SegmentationError::UnknownSegment { path: path.into(), wanted, known });
        }
        let chosen = all.segments().iter().filter(|segment| options.segments.takes(segment)).cloned().collect();
        let every = options.segments == SegmentChoice::All;
        Ok(Self { numbered, table: SegmentTable::new(chosen)?, all, every, background })
    }

    /// True for a pixel of a label map that is read: one of a chosen segment, or of none that is described.
    pub(super) fn takes(&self, label: u16) -> bool {
        label != self.background && (self.every || self.table.get(label).is_some())
    }

    /// The label value of a segment's number; none if the segment is not wanted.
    pub(super) fn label(&self, path: &Path, number: u16) -> Result<Option<u16>, DicomError> {
        let at = self.numbered.binary_search_by_key(&number, |(number, _)| *number);
        let undescribed = |_| DicomError::header(path, format!("a frame of segment {number}, which is not described"));
        let (_, label) = self.numbered[at.map_err(undescribed)?];
        Ok(Some(label).filter(|label| self.table.get(*label).is_some()))
    }

    /// The name of a label value's segment.
    pub(super) fn name(&self, label: u16) -> String {
        self.all.get(label).map_or_else(|| label.to_string(), |segment| segment.name.clone())
    }

    /// The chosen segments, and one without a name of its own for each pixel value that a label map does not describe.
    pub(super) fn with_unnamed(self, labels: &Array3<u16>) -> Result<SegmentTable, SegmentationError> {
        let table = self.table;
        if !self.every {
            return Ok(table);
        }
        let mut seen = vec![false; 1 << 16];
        labels.iter().for_each(|label| seen[usize::from(*label)] = true);
        let unnamed = (1..=u16::MAX).filter(|label| seen[usize::from(*label)] && table.get(*label).is_none());
        let unnamed: Vec<Segment> = unnamed.map(|label| Segment::new(label, format!("Segment {label}"))).collect();
        Ok(SegmentTable::new(table.segments().iter().cloned().chain(unnamed).collect())?)
    }
}
