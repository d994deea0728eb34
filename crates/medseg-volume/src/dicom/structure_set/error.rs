//! Errors of structure sets.

use std::path::PathBuf;

use super::SharedVoxels;
use crate::Dhw;
use crate::dicom::DicomError;
use crate::segments::{SegmentFault, SegmentTableError};

/// An error of reading, rasterising or writing a structure set; its message never has a value that could tell who the
/// patient is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StructureSetError {
    /// The file cannot be read, is not sound, or needs too much memory.
    #[error(transparent)]
    File(#[from] DicomError),
    /// The file is another DICOM object.
    #[error("{}: no RT structure set, but an object of the SOP class {class:?}", path.display())]
    OtherObject {
        /// The file.
        path: PathBuf,
        /// Its `SOPClassUID`; may be empty.
        class: String,
    },
    /// No region has the name.
    #[error("no ROI {name:?}, but {}", listed(names))]
    UnknownRoi {
        /// The name that was asked for.
        name: String,
        /// The names that there are.
        names: Vec<String>,
    },
    /// Several regions have the name.
    #[error("several ROIs are called {name:?}")]
    SeveralRois {
        /// The name.
        name: String,
    },
    /// No region with closed contours is to be rasterised.
    #[error("no ROI has a closed contour")]
    NoContours,
    /// Regions share voxels, of which a mask has one label value each.
    #[error("ROIs overlap: {}", overlaps(.0))]
    Overlap(Vec<SharedVoxels>),
    /// The grid has no slices parallel to the contours.
    #[error(
        "the contours of ROI {roi:?} lie across {steps:.2} slices of the grid: its slices are not parallel to them"
    )]
    NotParallel {
        /// The region that lies across the most slices.
        roi: String,
        /// The slices that its worst contour lies across, along the axis where they are fewest.
        steps: f64,
    },
    /// More regions than a mask has label values.
    #[error("{0} ROIs are more than the 65535 label values of a mask")]
    ManyRois(usize),
    /// The mask needs too much memory.
    #[error("a mask of the grid needs {needed} bytes, more than the {limit} allowed")]
    Memory {
        /// Bytes of the mask.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The table of segments is empty, and a structure set without regions is none.
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
        /// The first voxel with it, on the series' grid.
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
    /// The mask's outlines have more points than allowed.
    #[error("the mask's contours have {points} points, more than the {limit} allowed")]
    ManyPoints {
        /// Points of all contours.
        points: u64,
        /// Points allowed.
        limit: u64,
    },
    /// A coordinate has no text of 16 characters that is exact enough.
    #[error("{0} mm is too large a coordinate for a contour of such small pixels")]
    Coordinate(f64),
    /// A text of the options that DICOM cannot hold.
    #[error("{option}: {fault}")]
    Option {
        /// The option.
        option: &'static str,
        /// The fault.
        fault: SegmentFault,
    },
    /// The series' texts exchange character sets by escape sequences, and names of segments need another set.
    #[error("the series' character set has no characters for the segments' texts, and cannot be replaced by UTF-8")]
    CharacterSet,
    /// The regions' texts make no table of segments.
    #[error(transparent)]
    Segments(#[from] SegmentTableError),
}

/// Names in an error's message.
const LISTED: usize = 12;

fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(LISTED).map(|name| format!("{name:?}")).collect();
    let more = if names.len() > LISTED { format!(" and {} more", names.len() - LISTED) } else { String::new() };
    if names.is_empty() { "the file has none".into() } else { format!("{}{more}", shown.join(", ")) }
}

fn overlaps(overlaps: &[SharedVoxels]) -> String {
    let shown: Vec<String> = overlaps.iter().take(LISTED).map(ToString::to_string).collect();
    let more = if overlaps.len() > LISTED { format!("; and {} more", overlaps.len() - LISTED) } else { String::new() };
    format!("{}{more}", shown.join("; "))
}
