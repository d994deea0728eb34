//! Regions that share voxels.

use std::fmt;

/// Two regions that share voxels.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedVoxels {
    /// The region that comes first.
    pub first: String,
    /// The other.
    pub second: String,
    /// Number of voxels that belong to both, and to none before the first.
    pub voxels: usize,
}

impl fmt::Display for SharedVoxels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} and {:?} share {} voxels", self.first, self.second, self.voxels)
    }
}
