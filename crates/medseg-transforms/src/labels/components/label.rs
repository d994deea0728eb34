//! Numbering components.

use ndarray::{Array3, ArrayView3};

use super::Connectivity;
use super::runs::{RunGraph, foreground};

/// The components of a mask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Components {
    /// 0 for background, else the component's number from 1 in C order of first voxels.
    pub labels: Array3<u32>,
    /// Voxels of component n at index n - 1.
    pub sizes: Vec<usize>,
}

/// Numbers the components of the voxels that are not 0.
#[must_use]
pub fn label_components(mask: &ArrayView3<'_, u8>, connectivity: Connectivity) -> Components {
    let graph = RunGraph::new(mask, &foreground(), connectivity);
    let mut labels = Array3::zeros(mask.dim());
    graph.fill(&mut labels, |component| Some(component + 1));
    Components { labels, sizes: graph.sizes }
}
