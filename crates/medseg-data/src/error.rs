//! Errors of cases, splits, caches and offline steps.

use std::path::PathBuf;

use medseg_volume::{VOLUME_ENDINGS, VolumeError};

use crate::names::{composition, without_channel};

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
    /// A folder holds no volume.
    #[error("{}: no {} file in this folder", path.display(), VOLUME_ENDINGS.join(", "))]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },
    /// An image has no label or a label no image.
    #[error("{}: no file of the same name{} in {}", path.display(), without_channel(path), folder.display())]
    MissingPartner {
        /// The image or label that is alone.
        path: PathBuf,
        /// The folder that should hold its partner.
        folder: PathBuf,
    },
    /// Two files would give one case.
    #[error("{} and {} are two files of one case{}", first.display(), second.display(), composition(first, second))]
    DuplicateCase {
        /// One of the files.
        first: PathBuf,
        /// The other one.
        second: PathBuf,
    },
    /// An image has a label of its own name and one of its name without a channel's number.
    #[error("{} could belong to {} or to {}", image.display(), own.display(), other.display())]
    AmbiguousLabel {
        /// The image.
        image: PathBuf,
        /// The label of the same name.
        own: PathBuf,
        /// The label of the name without `_NNNN`.
        other: PathBuf,
    },
    /// A case has too few or too many channels.
    #[error("case {case}")]
    Channels {
        /// Id of the case.
        case: String,
        /// The fault.
        source: ChannelFault,
    },
    /// Two channels of one case do not lie on one grid.
    #[error("channels {} and {} differ: {difference}", first.display(), other.display())]
    ChannelMismatch {
        /// The first channel.
        first: PathBuf,
        /// The other one.
        other: PathBuf,
        /// The first difference that was found.
        difference: String,
    },
    /// `dataset.json` states an ending of files that are not read.
    #[error("{}: file_ending {ending:?} is none of {}", listing.display(), VOLUME_ENDINGS.join(", "))]
    FileEnding {
        /// The list.
        listing: PathBuf,
        /// The ending.
        ending: String,
    },
    /// `dataset.json` names a file that is not there.
    #[error("{}: the list names {file}, which is not there", listing.display())]
    ListedFile {
        /// The list.
        listing: PathBuf,
        /// The name, as it stands in the list.
        file: String,
    },
    /// A JSON file is not in UTF-8.
    #[error("{}: in {encoding}, but JSON is read in UTF-8; save it as that", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// Its encoding.
        encoding: &'static str,
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

/// Faults of the number of a case's channels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelFault {
    /// There are fewer than other cases have or `dataset.json` states, or one between two is not there.
    #[error("the channel {} is missing", path.display())]
    Missing {
        /// The file that is not there; its ending may be another.
        path: PathBuf,
    },
    /// There are more than other cases have, or than `dataset.json` states.
    #[error("{} is one channel too many: the data set has {channels}", path.display())]
    Surplus {
        /// The first file that is too many.
        path: PathBuf,
        /// Number of channels of the data set.
        channels: usize,
    },
    /// There are several, and only one can be used.
    #[error("it has {channels} channels where one can be used")]
    Several {
        /// Their number.
        channels: usize,
    },
}

impl DataError {
    /// Wraps an operating system's error with the path it is about.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }
}
