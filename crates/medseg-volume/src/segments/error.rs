//! Errors of segment tables.

use std::path::PathBuf;

/// An error of a segment table or of its file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentTableError {
    /// The system could not read or write the file.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The action that failed.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A line of the file is no segment.
    #[error("{}, line {line}: {fault}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The fault.
        fault: SegmentFault,
    },
    /// A segment that DICOM cannot hold.
    #[error("segment {label}: {fault}")]
    Segment {
        /// Its label value.
        label: u16,
        /// The fault.
        fault: SegmentFault,
    },
    /// Two segments have one label value.
    #[error("two segments have the label value {0}")]
    DuplicateLabel(u16),
}

/// Faults of a segment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentFault {
    /// A text that must be there is missing.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// A text has a backslash or control characters.
    #[error("{0} has a backslash or control characters")]
    Characters(&'static str),
    /// A text is longer than its value representation allows.
    #[error("{attribute} has {length} characters, DICOM allows {most}")]
    Long {
        /// The text.
        attribute: &'static str,
        /// Its number of characters.
        length: usize,
        /// The most that are allowed.
        most: usize,
    },
    /// A text that is no code.
    #[error("{0:?} is no code: write scheme:value:meaning, as in SCT:10200004:Liver")]
    NoCode(String),
    /// Only one of category and type is given.
    #[error("a category needs a type, and a type a category")]
    HalfCoded,
    /// A text that is no label value.
    #[error("{0:?} is no label value (whole number from 1 to 65535)")]
    NoLabel(String),
    /// A text that is no colour.
    #[error("{0:?} is no colour: write it as in #dd8265")]
    NoColour(String),
    /// A text that is no kind of algorithm.
    #[error("{0:?} is none of automatic, semiautomatic and manual")]
    NoAlgorithm(String),
    /// A column is missing or unknown.
    #[error("{0}")]
    Columns(String),
    /// A line is no line of a CSV file.
    #[error("{0}")]
    Csv(String),
}
