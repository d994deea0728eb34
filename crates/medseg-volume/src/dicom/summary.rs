//! Descriptions of a folder's series, for people and for choosing.

use std::fmt;
use std::path::PathBuf;

use super::DicomError;
use crate::{Dhw, Geometry};

/// The content of a folder.
#[derive(Debug)]
#[non_exhaustive]
pub struct FolderSummary {
    /// The series of images, sorted by UID.
    pub series: Vec<SeriesSummary>,
    /// Files that are part of no series, each with the reason.
    pub passed_over: Vec<PassedOver>,
    /// Files that look like DICOM but are damaged before it is known which series they belong to.
    pub unreadable: Vec<DicomError>,
}

/// A file that is no image of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PassedOver {
    /// The file.
    pub path: PathBuf,
    /// The rule that it fails.
    pub reason: PassedOverReason,
}

/// The rules by which a file is no image of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PassedOverReason {
    /// It neither has `DICM` after a preamble nor begins with an element of a DICOM data set.
    NotDicom,
    /// A directory of other files (DICOMDIR).
    Directory,
    /// An overview that slices are planned on.
    Localizer,
    /// A segmentation, a dose or a parametric map.
    DerivedObject,
    /// An object without pixels, such as a report.
    NoPixels,
    /// Pixels with neither position nor orientation in the patient: a screenshot, a radiograph.
    NoPosition,
}

impl fmt::Display for PassedOverReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotDicom => "not DICOM: neither a preamble with DICM nor an element at the start",
            Self::Directory => "a directory of files (DICOMDIR)",
            Self::Localizer => "a localizer by its ImageType",
            Self::DerivedObject => "a segmentation, dose or parametric map by its SOPClassUID",
            Self::NoPixels => "without PixelData",
            Self::NoPosition => "without ImagePositionPatient and ImageOrientationPatient",
        })
    }
}

/// One series of a folder. It holds no name, date or number of the patient.
#[derive(Debug)]
#[non_exhaustive]
pub struct SeriesSummary {
    /// `SeriesInstanceUID`, by which a series is chosen; empty for images without one.
    pub uid: String,
    /// `Modality`, such as `CT`; may be empty.
    pub modality: String,
    /// `SeriesDescription` of its first file; may be empty. Scanners put the protocol's name there.
    pub description: String,
    /// Number of files.
    pub files: usize,
    /// The files, sorted by path; they can be read by [`read_series_files`](super::read_series_files).
    pub paths: Vec<PathBuf>,
    /// The volume that reading the series would give, or why there is none.
    pub volume: Result<VolumeSummary, DicomError>,
}

/// A volume before its voxels are read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VolumeSummary {
    /// Number of voxels along `[depth, height, width]`: slices, rows, columns.
    pub shape: Dhw<usize>,
    /// The place of the voxels (RAS+ millimetres); spacing and orientation are asked of it.
    pub geometry: Geometry,
    /// Type of the stored values before rescaling, such as `i12 in 16 bits`.
    pub datatype: String,
    /// The transfer syntax, such as `JPEG 2000`.
    pub syntax: String,
    /// Unusual but not wrong properties.
    pub warnings: Vec<SeriesWarning>,
}

/// Something about a series that its user should know, though the volume is right.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SeriesWarning {
    /// One slice only: its thickness stands in for the distance to the next.
    SingleSlice,
    /// Slices lie off an even grid by up to this many millimetres, less than a tenth of the step.
    UnevenSlices {
        /// The largest distance.
        off_mm: f64,
    },
    /// The volume is sheared, as [`accept_tilt`](super::SeriesOptions::accept_tilt) allowed.
    GantryTilt {
        /// The angle between the slices' normal and the way from one to the next.
        degrees: f64,
    },
    /// The images have no `SeriesInstanceUID`; only their geometry says that they belong together.
    NoSeriesUid,
    /// Images are mosaics, many slices side by side in one picture, which are not taken apart.
    Mosaic,
    /// A file names no transfer syntax; its encoding is that of its first element.
    NoTransferSyntax,
    /// Low values are meant to be shown bright (MONOCHROME1). The values are left as stored, unless
    /// [`invert_monochrome1`](super::SeriesOptions::invert_monochrome1) is set.
    Monochrome1,
    /// Slices have different rescale slopes or intercepts, as PET has; each is scaled by its own.
    RescaleVaries,
    /// The directions of rows and columns differ between slices by up to this much, as roundings do; the first file's are
    /// taken for all.
    DirectionsVary {
        /// The largest difference of a component.
        by: f64,
    },
    /// The directions of rows and columns are not unit vectors at a right angle, by up to this much; they were made so.
    DirectionsRepaired {
        /// The largest difference from 1 of a length, or from 0 of the cosine between them.
        off: f64,
    },
}

impl fmt::Display for SeriesSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let modality = if self.modality.is_empty() { "unknown modality" } else { &self.modality };
        let uid = if self.uid.is_empty() { "without UID" } else { &self.uid };
        write!(f, "{uid} ({modality}, ")?;
        if !self.description.is_empty() {
            write!(f, "{:?}, ", self.description)?;
        }
        write!(f, "{} files", self.files)?;
        match &self.volume {
            Ok(volume) => write!(f, ", {} voxels of {:.3} mm)", volume.shape, volume.geometry.spacing()),
            Err(_) => write!(f, ", not readable as a volume)"),
        }
    }
}

impl fmt::Display for SeriesWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SingleSlice => write!(f, "one slice only, its thickness is taken as the step"),
            Self::UnevenSlices { off_mm } => write!(f, "slices lie up to {off_mm:.4} mm off an even grid"),
            Self::GantryTilt { degrees } => write!(f, "gantry tilt of {degrees:.2} degrees, the volume is sheared"),
            Self::NoSeriesUid => write!(f, "the images have no SeriesInstanceUID"),
            Self::Mosaic => write!(f, "mosaic: each image shows many slices side by side, which are not taken apart"),
            Self::NoTransferSyntax => {
                write!(f, "a file names no transfer syntax; its first element shows the encoding")
            }
            Self::Monochrome1 => write!(f, "MONOCHROME1: low values are meant to be shown bright"),
            Self::RescaleVaries => write!(f, "slices have different rescale slopes or intercepts"),
            Self::DirectionsVary { by } => {
                write!(f, "row and column directions differ between slices by {by:.1e}; those of one stand for all")
            }
            Self::DirectionsRepaired { off } => {
                write!(f, "row and column directions were off by {off:.1e} and made orthonormal")
            }
        }
    }
}
