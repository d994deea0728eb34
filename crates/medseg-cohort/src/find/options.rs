//! Choices of finding.

use std::path::PathBuf;

use crate::Part;

/// The files that make one case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Channels {
    /// Every volume file is a case.
    #[default]
    Single,
    /// Files `NAME_0000`, `NAME_0001` and so on are one case `NAME`, as nnU-Net names them. The number is that of the
    /// model's channels.
    Numbered(usize),
    /// As [`Numbered`](Self::Numbered); a file without a number is a case by itself, which holds all channels.
    NumberedOrTogether(usize),
}

/// Choices of finding cases.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FindOptions {
    /// The files that make one case.
    pub channels: Channels,
    /// The folder of results, in which no case is looked for.
    pub output: Option<PathBuf>,
    /// The part whose cases are wanted; folders of DICOM files outside it are not opened.
    pub part: Option<Part>,
    /// Files and folders that may be looked at for one input.
    pub max_entries: u64,
    /// Folders within one another that are entered.
    pub max_depth: usize,
}

impl Default for FindOptions {
    /// One file a case, everything, a hundred million entries, 64 folders deep.
    fn default() -> Self {
        Self { channels: Channels::Single, output: None, part: None, max_entries: 100_000_000, max_depth: 64 }
    }
}

impl FindOptions {
    /// Sets the files that make one case.
    #[must_use]
    pub fn with_channels(mut self, channels: Channels) -> Self {
        self.channels = channels;
        self
    }

    /// Sets the folder of results.
    #[must_use]
    pub fn with_output(mut self, output: impl Into<PathBuf>) -> Self {
        self.output = Some(output.into());
        self
    }

    /// Sets the part.
    #[must_use]
    pub fn with_part(mut self, part: Part) -> Self {
        self.part = Some(part);
        self
    }

    /// Sets the files and folders that may be looked at.
    #[must_use]
    pub fn with_max_entries(mut self, entries: u64) -> Self {
        self.max_entries = entries;
        self
    }

    /// Sets the folders within one another that are entered.
    #[must_use]
    pub fn with_max_depth(mut self, depth: usize) -> Self {
        self.max_depth = depth;
        self
    }
}
