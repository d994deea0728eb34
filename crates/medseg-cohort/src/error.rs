//! Errors of finding cases and of running them.

use std::path::PathBuf;

/// An error that stops the whole cohort; what is wrong with one case is a row of the table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CohortError {
    /// A file or folder cannot be listed, read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The verb of what failed.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// An input is neither there nor a pattern.
    #[error("{}: no such file or folder", path.display())]
    Missing {
        /// The input.
        path: PathBuf,
    },
    /// An input is a file that is neither a volume, nor DICOM, nor a list.
    #[error("{}: neither a volume ({}), nor DICOM, nor a list (.txt or .csv)", path.display(), medseg_volume::VOLUME_ENDINGS.join(", "))]
    UnknownInput {
        /// The input.
        path: PathBuf,
    },
    /// A pattern cannot be understood.
    #[error("{pattern}: not a pattern")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// The place and the reason.
        source: glob::PatternError,
    },
    /// The output folder is an input, or holds one.
    #[error("the output folder {} is or holds the input {}: masks would become images", output.display(), input.display())]
    OutputIsInput {
        /// The output folder.
        output: PathBuf,
        /// The input.
        input: PathBuf,
    },
    /// Two inputs would be one case.
    #[error("{} and {} would both be the case {id}: rename one, or give ids in a list", first.display(), second.display())]
    SameId {
        /// The id of both.
        id: String,
        /// An input.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// Two cases would write one file.
    #[error("the cases {first} and {second} would both write {file}")]
    SameOutput {
        /// The file, relative to the output folder.
        file: String,
        /// A case.
        first: String,
        /// The other.
        second: String,
    },
    /// A line of a list makes no case.
    #[error("{}, line {line}", list.display())]
    List {
        /// The list.
        list: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The reason.
        source: ListFault,
    },
    /// There are more cases, files or bytes than may be taken.
    #[error("{}: more than {limit} {what}", path.display())]
    Limit {
        /// The input.
        path: PathBuf,
        /// The things that are counted.
        what: &'static str,
        /// The number allowed.
        limit: u64,
    },
    /// A part that does not exist.
    #[error("part {part} of {parts}: parts are counted from 1 up to their number")]
    Part {
        /// The part.
        part: u32,
        /// The number of parts.
        parts: u32,
    },
    /// Other workers took this one for dead, as after a suspension, and have its cases now.
    #[error("other workers took this one for dead, because it gave no sign for too long; it published nothing since")]
    Fenced,
}

/// A line of a list, or an id, that makes no case.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListFault {
    /// An id that is empty, absolute, or leads to another folder.
    #[error("the id {id:?} is no relative path of plain names")]
    UnsafeId {
        /// The id.
        id: String,
    },
    /// A path is missing, or an image column is empty before one that is not.
    #[error("no path of an image")]
    NoImage,
    /// A line is longer than paths can be.
    #[error("a line of more than {limit} bytes")]
    LongLine {
        /// Bytes allowed.
        limit: u64,
    },
    /// The first line of a CSV file names no column `id` or no column `image`.
    #[error("no columns `id` and `image`")]
    Columns,
    /// A CSV file that is damaged.
    #[error("not a line of CSV")]
    Csv(#[source] csv::Error),
    /// A path that this system cannot have.
    #[error("a path of bytes that are no text")]
    NotText,
    /// A CSV row whose image is a folder with several images, or none.
    #[error("{}: {found} images, and a row with an id is one case", path.display())]
    NotOne {
        /// The folder.
        path: PathBuf,
        /// The images in it.
        found: usize,
    },
}

impl CohortError {
    /// Makes an error of the system's.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
