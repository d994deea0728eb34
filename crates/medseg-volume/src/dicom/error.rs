//! Errors of DICOM series.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{PassedOver, PassedOverReason, SeriesSummary};
use crate::{MalformedKind, UnsupportedKind, VolumeError};

/// An error of reading a DICOM series; its message names the folder or the file and never a value that could tell who
/// the patient is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DicomError {
    /// A file or folder cannot be read, is not sound (truncated, a length that cannot be true, a value that is no number),
    /// is of a kind that is not read (a compression, colour, several frames, float voxels), or needs too much memory.
    #[error(transparent)]
    File(#[from] VolumeError),
    /// An image lacks an attribute without which its place or its values are unknown.
    #[error("{}: lacks {attribute}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The attribute's keyword in the standard.
        attribute: &'static str,
    },
    /// A folder holds no image that has a place in the patient.
    #[error("{}: {}", folder.display(), no_image(passed_over))]
    NoSeries {
        /// The folder.
        folder: PathBuf,
        /// Its files, and the rule that each fails.
        passed_over: Vec<PassedOver>,
    },
    /// A folder holds several series and none was chosen.
    #[error("{}: {} series, choose one by its UID: {}", folder.display(), series.len(), list(series))]
    SeveralSeries {
        /// The folder.
        folder: PathBuf,
        /// The series.
        series: Vec<SeriesSummary>,
    },
    /// The chosen series is not in the folder.
    #[error("{}: no series {uid}, but {}", folder.display(), list(series))]
    UnknownSeries {
        /// The folder.
        folder: PathBuf,
        /// The UID that was asked for.
        uid: String,
        /// The series that are there.
        series: Vec<SeriesSummary>,
    },
    /// Two slices of one series differ where all slices of a volume are equal.
    #[error("{} and {} of one series differ in {attribute}", first.display(), other.display())]
    Mixed {
        /// The attribute's keyword in the standard, such as `ImageOrientationPatient` or `Rows`.
        attribute: &'static str,
        /// A file.
        first: PathBuf,
        /// A file that differs from it.
        other: PathBuf,
    },
    /// Two slices lie at the same place: a file copied twice, or several volumes (times, echoes) in one series.
    #[error("{} and {} lie at the same position, {position_mm:.3} mm along the normal", first.display(), other.display())]
    DuplicateSlices {
        /// A file.
        first: PathBuf,
        /// The other.
        other: PathBuf,
        /// Millimetres along the slices' normal.
        position_mm: f64,
    },
    /// Slices are missing: a gap is a multiple of the step between the others.
    #[error("missing slices: {missing}, the first of them after {} at {position_mm:.3} mm", after.display())]
    MissingSlices {
        /// The slice before the first gap.
        after: PathBuf,
        /// Its millimetres along the slices' normal.
        position_mm: f64,
        /// Number of slices missing in all gaps together.
        missing: usize,
    },
    /// Slices become thicker or thinner within the series, and their distance with them: no one grid holds them.
    #[error(
        "{}: the distance to the next slice changes from {before_mm:.3} to {after_mm:.3} mm with the slices' thickness",
        at.display()
    )]
    StepChanges {
        /// The slice between both distances.
        at: PathBuf,
        /// Millimetres from the slice before.
        before_mm: f64,
        /// Millimetres to the slice after.
        after_mm: f64,
    },
    /// Slices are so unevenly spaced that a grid of equal steps would misplace them.
    #[error("{} lies {off_mm:.3} mm off an even grid of {step_mm:.3} mm steps", file.display())]
    UnevenSlices {
        /// The slice that is farthest off.
        file: PathBuf,
        /// Its distance from its place on the grid.
        off_mm: f64,
        /// The mean step.
        step_mm: f64,
    },
    /// The slices are shifted against each other in their plane; see [`SeriesOptions::accept_tilt`].
    ///
    /// [`SeriesOptions::accept_tilt`]: super::SeriesOptions::accept_tilt
    #[error("{}: gantry tilt, slices follow each other {degrees:.2} degrees off their normal", folder.display())]
    GantryTilt {
        /// The folder.
        folder: PathBuf,
        /// The angle between the slices' normal and the way from one to the next.
        degrees: f64,
    },
    /// An option that a file cannot have.
    #[error("{option} {reason}")]
    Option {
        /// The option.
        option: &'static str,
        /// The fault.
        reason: String,
    },
    /// The series' orientation, position or spacing makes no volume.
    #[error("{}: {reason}", folder.display())]
    Geometry {
        /// The folder.
        folder: PathBuf,
        /// The fault.
        reason: String,
    },
}

impl DicomError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let failed = VolumeError::io(action, path);
        move |source| failed(source).into()
    }

    pub(super) fn malformed(path: &Path, kind: MalformedKind, reason: impl Into<String>) -> Self {
        VolumeError::malformed(path, kind, reason).into()
    }

    pub(super) fn header(path: &Path, reason: impl Into<String>) -> Self {
        Self::malformed(path, MalformedKind::Header, reason)
    }

    pub(super) fn unsupported(path: &Path, kind: UnsupportedKind, reason: impl Into<String>) -> Self {
        VolumeError::unsupported(path, kind, reason).into()
    }

    pub(super) fn limit(path: &Path, needed: u64, limit: u64) -> Self {
        VolumeError::Limit { path: path.to_path_buf(), needed, limit }.into()
    }
}

/// The files by the rule they fail, three of each by name.
/// Why a folder makes no volume.
fn no_image(files: &[PassedOver]) -> String {
    if files.is_empty() {
        return "there is no file in this folder".into();
    }
    format!("no image of a volume among {} files{}", files.len(), reasons(files))
}

fn reasons(files: &[PassedOver]) -> String {
    let mut by_reason: BTreeMap<PassedOverReason, Vec<&Path>> = BTreeMap::new();
    for file in files {
        by_reason.entry(file.reason).or_default().push(&file.path);
    }
    let mut text = String::new();
    for (reason, paths) in by_reason {
        let name = |path: &&Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let names: Vec<String> = paths.iter().take(3).map(name).collect();
        let more = if paths.len() > names.len() { ", ..." } else { "" };
        text.push_str(&format!("; {} {reason} ({}{more})", paths.len(), names.join(", ")));
    }
    text
}

fn list(series: &[SeriesSummary]) -> String {
    /// Series that are listed one by one.
    const LISTED: usize = 6;
    let lines: Vec<String> = series.iter().take(LISTED).map(ToString::to_string).collect();
    let text = lines.join("; ");
    let more = series.len().saturating_sub(LISTED);
    let alone = if series.iter().all(|series| series.files == 1) { "; every file is a series of its own" } else { "" };
    if more == 0 { text } else { format!("{text}; and {more} more{alone}") }
}
