//! Removing small components.

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use super::Connectivity;
use super::runs::{RunGraph, by_value, foreground};

/// Sets the components of fewer than `least` voxels to 0.
pub fn remove_small_objects(mask: &mut Array3<u8>, least: usize, connectivity: Connectivity) {
    RemoveSmallObjects { least, by_label: false, connectivity }.apply(mask);
}

/// Sets the components of which `unwanted(label, voxels)` is true to 0; every label other than 0 has components of its own.
///
/// ```
/// use medseg_transforms::{Connectivity, remove_components};
///
/// let mut label = ndarray::array![[[1, 0, 1, 1, 2, 0, 2, 2]]];
/// remove_components(&mut label, Connectivity::Vertex, |label, voxels| label == 2 && voxels < 2);
/// assert_eq!(label, ndarray::array![[[1, 0, 1, 1, 0, 0, 2, 2]]]);
/// ```
pub fn remove_components(label: &mut Array3<u8>, connectivity: Connectivity, unwanted: impl Fn(u8, usize) -> bool) {
    let graph = RunGraph::new(&label.view(), &by_value(|_| true), connectivity);
    let removed: Vec<bool> = graph.classes().iter().zip(&graph.sizes).map(|(l, size)| unwanted(*l, *size)).collect();
    graph.fill(label, |component| removed[component as usize].then_some(0));
}

/// MONAI's `RemoveSmallObjects`, with 26 neighbours by default where MONAI has 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveSmallObjects {
    /// Fewest voxels of a component that stays.
    pub least: usize,
    /// Components of every label value by itself; otherwise of everything that is not 0.
    #[serde(default)]
    pub by_label: bool,
    /// Which voxels touch.
    #[serde(default)]
    pub connectivity: Connectivity,
}

impl RemoveSmallObjects {
    /// Sets smaller components to 0.
    pub fn apply(&self, label: &mut Array3<u8>) {
        let classes = if self.by_label { by_value(|_| true) } else { foreground() };
        let graph = RunGraph::new(&label.view(), &classes, self.connectivity);
        graph.fill(label, |component| (graph.sizes[component as usize] < self.least).then_some(0));
    }
}
