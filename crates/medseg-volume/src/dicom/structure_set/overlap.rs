//! Regions that share voxels.

use std::fmt;

/// Two regions that share voxels.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overlap {
    /// The region that comes first.
    pub first: String,
    /// The other.
    pub other: String,
    /// Number of voxels that belong to both.
    pub voxels: usize,
}

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} and {:?} share {} voxels", self.first, self.other, self.voxels)
    }
}

/// The label value of voxels that several regions share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OverlapRule {
    /// None: an error names the regions.
    #[default]
    Refuse,
    /// That of the first of them, in the order in which they were asked for, or else of the file.
    First,
}
