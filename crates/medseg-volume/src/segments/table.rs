//! The segments of a mask.

use super::{Segment, SegmentTableError};

/// The segments of a mask, sorted by label value: each value once, and all texts such that DICOM can hold them.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SegmentTable {
    segments: Vec<Segment>,
}

impl SegmentTable {
    /// Checks segments and sorts them by label value.
    ///
    /// # Errors
    /// A label value of 0 or one that occurs twice; a text that is empty, too long or has forbidden characters.
    pub fn new(mut segments: Vec<Segment>) -> Result<Self, SegmentTableError> {
        for segment in &segments {
            segment.check().map_err(|fault| SegmentTableError::Segment { label: segment.label, fault })?;
        }
        segments.sort_by_key(|segment| segment.label);
        match segments.windows(2).find(|pair| pair[0].label == pair[1].label) {
            Some(pair) => Err(SegmentTableError::DuplicateLabel(pair[0].label)),
            None => Ok(Self { segments }),
        }
    }

    /// Segments by label value and name, with codes by name as [`Segment::new`] finds them.
    ///
    /// # Errors
    /// As [`SegmentTable::new`].
    pub fn from_names<N: Into<String>>(names: impl IntoIterator<Item = (u16, N)>) -> Result<Self, SegmentTableError> {
        Self::new(names.into_iter().map(|(label, name)| Segment::new(label, name)).collect())
    }

    /// The segments, sorted by label value.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The segment of a label value.
    #[must_use]
    pub fn get(&self, label: u16) -> Option<&Segment> {
        let at = self.segments.binary_search_by_key(&label, |segment| segment.label).ok()?;
        self.segments.get(at)
    }

    /// The segment of a name, without regard to case; the first of several.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Segment> {
        let wanted = name.to_lowercase();
        self.segments.iter().find(|segment| segment.name.to_lowercase() == wanted)
    }

    /// True without segments.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Number of segments.
    #[must_use]
    pub fn len(&self) -> usize {
        self.segments.len()
    }
}
