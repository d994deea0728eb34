//! Segments that are read, and voxels that several of them claim.

use super::{Segment, SegmentTable};

/// The segments that are read.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SegmentChoice {
    /// All of them.
    #[default]
    All,
    /// Those with these label values.
    Labels(Vec<u16>),
    /// Those with these names, without regard to case.
    Names(Vec<String>),
}

impl SegmentChoice {
    /// True if the segment is one of the choice.
    pub(crate) fn takes(&self, segment: &Segment) -> bool {
        match self {
            Self::All => true,
            Self::Labels(labels) => labels.contains(&segment.label),
            Self::Names(names) => names.iter().any(|name| name.to_lowercase() == segment.name.to_lowercase()),
        }
    }

    /// The first part of the choice that a table lacks.
    pub(crate) fn missing(&self, table: &SegmentTable) -> Option<String> {
        match self {
            Self::All => None,
            Self::Labels(labels) => labels.iter().find(|label| table.get(**label).is_none()).map(u16::to_string),
            Self::Names(names) => names.iter().find(|name| table.named(name).is_none()).cloned(),
        }
    }
}

/// The label value of voxels that several segments claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Overlap {
    /// None: it is an error that names two of the segments.
    #[default]
    Refuse,
    /// That of the segment which the file has first.
    First,
    /// That of the segment which the file has last.
    Last,
}

impl Overlap {
    /// Sets a voxel; the label value that it has already is the error.
    #[inline]
    pub(crate) fn paint(self, voxel: &mut u16, label: u16) -> Result<(), u16> {
        if *voxel == 0 || *voxel == label {
            *voxel = label;
            return Ok(());
        }
        match self {
            Self::Refuse => return Err(*voxel),
            Self::First => {}
            Self::Last => *voxel = label,
        }
        Ok(())
    }
}
