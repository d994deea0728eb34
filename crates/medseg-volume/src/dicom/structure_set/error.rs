//! Errors of structure sets.

use std::path::PathBuf;

use super::SharedVoxels;
use crate::dicom::DicomError;
use crate::segments::SegmentationError;

/// An error of reading, rasterising or writing a structure set; its message never has a value that could tell who the
/// patient is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StructureSetError {
    /// The file cannot be read, is not sound, or needs too much memory.
    #[error(transparent)]
    File(#[from] DicomError),
    /// The mask lies on another grid than the series, or does not fit its table of segments.
    #[error(transparent)]
    Mask(#[from] SegmentationError),
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
    /// The contours count their millimetres in another frame of reference than the series: they may be of another patient.
    #[error("the contours lie in the frame of reference {structure_set}, the series in {series}")]
    OtherFrameOfReference {
        /// `FrameOfReferenceUID` of the structure set.
        structure_set: String,
        /// That of the series.
        series: String,
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
    /// The mask's outlines have more points than allowed.
    #[error("the mask's contours have more than the {limit} points allowed")]
    ManyPoints {
        /// Points allowed.
        limit: u64,
    },
    /// A coordinate has no text of 16 characters that is exact enough.
    #[error("{0} mm is too large a coordinate for a contour of such small pixels")]
    Coordinate(f64),
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
