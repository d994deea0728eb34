//! Filling what a structure encloses.

use std::collections::BTreeMap;

use ndarray::Array3;
use serde::{Deserialize, Serialize};

use super::Connectivity;
use super::runs::{RunGraph, background};

/// Sets background that is enclosed on all sides to 1: every background component, by the connectivity of the
/// background, that does not touch the volume's border. For label maps see [`FillHoles`].
pub fn fill_holes(mask: &mut Array3<u8>, connectivity: Connectivity) {
    let graph = RunGraph::new(&mask.view(), &background(), connectivity);
    let open = open_components(&graph, mask.dim());
    graph.fill(mask, |component| (!open[component as usize]).then_some(1));
}

/// Fills holes of a label map: a background component that does not touch the volume's border takes the label that most
/// of its faces touch; of equal ones the lowest.
///
/// It differs from MONAI's `FillHoles` on purpose: there, what a label encloses becomes that label even where it is another
/// one, so that filling a liver deletes the tumours in it. Here only background is filled.
///
/// ```
/// use medseg_transforms::FillHoles;
///
/// // A liver (1) around a tumour (2) with a hole in it.
/// let mut label = ndarray::Array3::from_elem((7, 7, 7), 1);
/// label.slice_mut(ndarray::s![2..5, 2..5, 2..5]).fill(2);
/// label[[3, 3, 3]] = 0;
/// FillHoles::default().apply(&mut label);
/// assert_eq!((label[[3, 3, 3]], label[[2, 2, 2]], label[[0, 0, 0]]), (2, 2, 1));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FillHoles {
    /// Only holes of these labels; of all if not given.
    pub labels: Option<Vec<u8>>,
    /// Which voxels of the background touch.
    pub connectivity: Connectivity,
}

impl FillHoles {
    /// Fills in place.
    pub fn apply(&self, label: &mut Array3<u8>) {
        let graph = RunGraph::new(&label.view(), &background(), self.connectivity);
        let open = open_components(&graph, label.dim());
        let around = touching_labels(&graph, &open, label);
        let chosen = |value: u8| self.labels.as_ref().is_none_or(|labels| labels.contains(&value));
        graph.fill(label, |component| around[component as usize].filter(|value| chosen(*value)));
    }
}

/// True for each component that touches the volume's border.
fn open_components(graph: &RunGraph, (depth, height, width): (usize, usize, usize)) -> Vec<bool> {
    let mut open = vec![false; graph.sizes.len()];
    for (run, component, z, y) in graph.placed() {
        let at_border = z == 0 || z + 1 == depth || y == 0 || y + 1 == height;
        open[component as usize] |= at_border || run.start == 0 || run.end as usize == width;
    }
    open
}

/// The label that most faces of each enclosed component touch.
fn touching_labels(graph: &RunGraph, open: &[bool], label: &Array3<u8>) -> Vec<Option<u8>> {
    // Most holes touch one label: a map of few entries, since a noisy mask may have holes by the hundred thousand.
    let mut faces: Vec<BTreeMap<u8, usize>> = vec![BTreeMap::new(); open.len()];
    for (run, component, z, y) in graph.placed().filter(|(_, component, ..)| !open[*component as usize]) {
        let faces = &mut faces[component as usize];
        let mut count = |z: usize, y: usize, x: usize| match label[[z, y, x]] {
            0 => {}
            value => *faces.entry(value).or_default() += 1,
        };
        // Enclosed runs have voxels on all sides.
        let (start, end) = (run.start as usize, run.end as usize);
        count(z, y, start - 1);
        count(z, y, end);
        for x in start..end {
            [(z - 1, y), (z + 1, y), (z, y - 1), (z, y + 1)].into_iter().for_each(|(z, y)| count(z, y, x));
        }
    }
    // The last of equal maxima wins: from the highest value down that is the lowest.
    let most = |faces: BTreeMap<u8, usize>| faces.into_iter().rev().max_by_key(|(_, count)| *count);
    faces.into_iter().map(|faces| most(faces).map(|(value, _)| value)).collect()
}
