//! Oddities of a data set that do not keep it from being read.

use std::fmt;
use std::path::PathBuf;

/// Something about a data set that its user should know, though its cases were found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatasetWarning {
    /// `dataset.json` states another number of labelled cases (`numTraining`) than the folders hold.
    CaseCount {
        /// The list.
        listing: PathBuf,
        /// The number it states.
        stated: u64,
        /// The number of labelled cases found.
        found: usize,
    },
}

impl fmt::Display for DatasetWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaseCount { listing, stated, found } => {
                let path = listing.display();
                write!(f, "{path}: numTraining is {stated}, but {found} labelled cases are there")
            }
        }
    }
}
