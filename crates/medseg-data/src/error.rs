//! Errors of cases, splits, caches and offline steps.

use std::path::PathBuf;

use medseg_volume::VolumeError;

use crate::case::Case;

/// An error of this crate; its message names the file, the folder or the case, and its cause is its source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A folder or file could not be listed, read or written.
    #[error("cannot list, read or write {}", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A folder that should hold images or labels is not there.
    #[error("{}: no such folder{hint}", path.display())]
    MissingFolder {
        /// The folder.
        path: PathBuf,
        /// Its purpose, beginning with a comma, or nothing.
        hint: String,
    },
    /// A folder holds none of the layouts that [`discover`](crate::discover) knows.
    #[error(
        "{}: neither image/ and label/, nor images/ and labels/, nor imagesTr/ and labelsTr/ is in this folder",
        path.display()
    )]
    UnknownLayout {
        /// The folder.
        path: PathBuf,
    },
    /// A folder holds no NIfTI file.
    #[error("{}: no .nii or .nii.gz file in this folder", path.display())]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },
    /// An image has no label or a label no image.
    #[error("{}: no file of the same name in {}", path.display(), folder.display())]
    MissingPartner {
        /// The image or label that is alone.
        path: PathBuf,
        /// The folder that should hold its partner.
        folder: PathBuf,
    },
    /// Two files would give one case.
    #[error("{} and {} are two files of one case", first.display(), second.display())]
    DuplicateCase {
        /// One of the files.
        first: PathBuf,
        /// The other one.
        second: PathBuf,
    },
    /// A file's name is not valid Unicode, so that it gives no case id.
    #[error("{}: the file's name is not valid Unicode", path.display())]
    FileName {
        /// The file.
        path: PathBuf,
    },
    /// A JSON file (a list of cases or a split) does not hold what it should.
    #[error("{}: {reason}", path.display())]
    BadJson {
        /// The file.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// An image and its label do not lie on one grid.
    #[error("image {} and label {} differ: {difference}", image.display(), label.display())]
    GridMismatch {
        /// The image.
        image: PathBuf,
        /// The label.
        label: PathBuf,
        /// The first difference that was found.
        difference: String,
    },
    /// A volume could not be read or written.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// A rule cannot split the cases, or a split does not fit them.
    #[error("split: {reason}")]
    Split {
        /// The fault.
        reason: String,
    },
    /// Checking, reading or preparing a case failed.
    #[error("case {case}")]
    Prepare {
        /// Id of the case.
        case: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An offline step cannot be done with these settings or at this place.
    #[error("prepare: {reason}")]
    Offline {
        /// The fault.
        reason: String,
    },
}

impl DataError {
    /// The error with the name of its case, unless it has it.
    pub(crate) fn in_case(self, case: &Case) -> Self {
        match &self {
            Self::Prepare { case: named, .. } if *named == case.id => self,
            _ => Self::Prepare { case: case.id.clone(), source: Box::new(self) },
        }
    }

    /// Wraps an operating system's error with the path it is about.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }
}
