//! Sizes of components and their overlap with another mask, without a label for each voxel.

use ndarray::{ArrayView3, s};

use super::Connectivity;
use super::runs::{RunGraph, foreground};

/// A component's size and its overlap with another mask, in voxels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct ComponentOverlap {
    /// Voxels of the component.
    pub size: usize,
    /// Those of them that are not 0 in the other mask.
    pub overlap: usize,
}

/// Measures every component of the voxels of `mask` that are not 0, in C order of first voxels.
///
/// ```
/// use medseg_transforms::{ComponentOverlap, Connectivity, component_overlaps};
/// use ndarray::array;
///
/// let (mask, other) = (array![[[1_u8, 1, 0, 1]]], array![[[0_u8, 1, 1, 0]]]);
/// let found = component_overlaps(&mask.view(), &other.view(), Connectivity::Vertex);
/// assert_eq!(found, [ComponentOverlap { size: 2, overlap: 1 }, ComponentOverlap { size: 1, overlap: 0 }]);
/// ```
///
/// # Panics
/// If the masks differ in shape.
#[must_use]
pub fn component_overlaps(
    mask: &ArrayView3<'_, u8>,
    other: &ArrayView3<'_, u8>,
    connectivity: Connectivity,
) -> Vec<ComponentOverlap> {
    assert_eq!(mask.dim(), other.dim(), "component_overlaps: masks of different shapes");
    let graph = RunGraph::new(mask, &foreground(), connectivity);
    let mut found: Vec<ComponentOverlap> =
        graph.sizes.iter().map(|&size| ComponentOverlap { size, overlap: 0 }).collect();
    for (run, component, z, y) in graph.placed() {
        let covered = other.slice(s![z, y, run.start as usize..run.end as usize]);
        found[component as usize].overlap += covered.iter().filter(|voxel| **voxel != 0).count();
    }
    found
}
