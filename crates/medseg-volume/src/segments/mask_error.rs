//! Errors of masks with their segments.

use std::path::PathBuf;

use super::SegmentTableError;
use crate::{Dhw, VolumeError};

/// An error of reading or writing a mask with its segments.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentationError {
    /// A file cannot be read or written, is not sound, or needs too much memory.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// The segments make no table.
    #[error(transparent)]
    Table(#[from] SegmentTableError),
    /// The table of segments is empty.
    #[error("the table has no segment")]
    NoSegments,
    /// The mask has a label value that the table lacks.
    #[error(
        "label value {label} has no segment in the table, at voxel [{}, {}, {}] (depth, height, width)",
        voxel.d, voxel.h, voxel.w
    )]
    LabelWithoutSegment {
        /// The label value.
        label: u16,
        /// The first voxel with it.
        voxel: Dhw<usize>,
    },
    /// The mask does not lie on the series' grid, whatever the order and direction of its axes.
    #[error(
        "the mask of {mask} voxels does not lie on the series' grid of {series} voxels, whatever the order of its axes"
    )]
    OtherGrid {
        /// The mask's shape.
        mask: Dhw<usize>,
        /// The series' shape.
        series: Dhw<usize>,
    },
    /// Two segments claim one voxel; see [`Overlap`](super::Overlap).
    #[error(
        "{}: the segments {first:?} and {second:?} overlap at voxel [{}, {}, {}] (depth, height, width)",
        path.display(), voxel.d, voxel.h, voxel.w
    )]
    Overlap {
        /// The file.
        path: PathBuf,
        /// Name of a segment.
        first: String,
        /// Name of the other.
        second: String,
        /// The first voxel of both.
        voxel: Dhw<usize>,
    },
    /// A chosen segment is not in the file.
    #[error("{}: no segment {wanted}, but {}", path.display(), known.join(", "))]
    UnknownSegment {
        /// The file.
        path: PathBuf,
        /// The label value or name that was asked for.
        wanted: String,
        /// The segments that are there.
        known: Vec<String>,
    },
    /// A frame does not lie on the grid that was asked for.
    #[error("{}: frame {frame} does not lie on the grid", path.display())]
    FrameOffGrid {
        /// The file.
        path: PathBuf,
        /// The frame, from 1.
        frame: usize,
    },
    /// A segment reaches beyond the grid that was asked for.
    #[error("{}: the segment {segment:?} reaches beyond the grid, in frame {frame}", path.display())]
    OutsideGrid {
        /// The file.
        path: PathBuf,
        /// Name of the segment.
        segment: String,
        /// The frame, from 1.
        frame: usize,
    },
    /// The series' texts exchange character sets by escape sequences, and names of segments need another set.
    #[error("the series' character set has no characters for the segments' texts, and cannot be replaced by UTF-8")]
    CharacterSet,
}

#[cfg(feature = "dicom")]
impl From<crate::dicom::DicomError> for SegmentationError {
    fn from(error: crate::dicom::DicomError) -> Self {
        Self::Volume(error.into())
    }
}
