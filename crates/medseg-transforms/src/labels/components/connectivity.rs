//! Which voxels touch.

use serde::{Deserialize, Serialize};

/// Which voxels touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connectivity {
    /// A common face: 6 neighbours.
    Face,
    /// A common edge: 18 neighbours.
    Edge,
    /// A common corner: 26 neighbours, MONAI's default.
    #[default]
    Vertex,
}

impl Connectivity {
    /// Number of axes along which neighbours may differ.
    pub(super) fn most_steps(self) -> usize {
        match self {
            Self::Face => 1,
            Self::Edge => 2,
            Self::Vertex => 3,
        }
    }
}
