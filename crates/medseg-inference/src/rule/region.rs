//! A region among others that it overlaps with.

use serde::{Deserialize, Serialize};

/// A region and the label of its voxels. nnU-Net and the BraTS challenge train one output channel for each such region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionLabel {
    /// Number of the network's output channel, from 0.
    pub channel: usize,
    /// Label of the voxels that no region before it has; 0 is the background.
    pub label: u8,
}

impl RegionLabel {
    /// The region of a channel, with its label.
    #[must_use]
    pub fn new(channel: usize, label: u8) -> Self {
        Self { channel, label }
    }
}
