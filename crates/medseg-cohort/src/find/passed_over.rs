//! Inputs that make no case.

use std::path::PathBuf;

/// An input that makes no case, with the reason; it is a row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PassedOverInput {
    /// The id that it would have.
    pub id: String,
    /// The file or folder.
    pub path: PathBuf,
    /// The reason.
    pub reason: PassedOverCause,
}

/// The reasons why an input makes no case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PassedOverCause {
    /// A folder that cannot be listed.
    #[error("cannot be listed: {0}")]
    Unreadable(String),
    /// A link to a folder that holds the link.
    #[error("a link to a folder that it lies in")]
    LinkLoop,
    /// A folder below more folders than are entered.
    #[error("more than {0} folders deep")]
    TooDeep(usize),
    /// A file in the output folder.
    #[error("lies in the output folder")]
    InOutput,
    /// A folder below the input that a cohort was written to: its masks are no images.
    #[error("holds the masks of another run")]
    OtherOutput,
    /// A case without all of its channels.
    #[error("{found} of {needed} channels; the first that is missing has the number {missing:04}")]
    MissingChannel {
        /// Channels there.
        found: usize,
        /// Channels of the model.
        needed: usize,
        /// The first number that is missing.
        missing: usize,
    },
    /// A channel's number beyond those of the model.
    #[error("a channel beyond the {0} of the model")]
    SurplusChannel(usize),
    /// DICOM files that make no volume: a localizer, a report, a screenshot, slices that do not fit.
    #[error("{0}")]
    NoVolume(String),
}
