//! Keeping the largest components.

use std::cmp::Reverse;

use ndarray::{Array3, Array4, Axis, Zip};
use serde::{Deserialize, Serialize};

use super::Connectivity;
use super::runs::{RunGraph, by_value, foreground};
use crate::TransformError;

/// Sets every voxel outside the largest component to 0. Of equal ones the last in C order stays, as in MONAI's
/// `KeepLargestConnectedComponent`.
pub fn keep_largest(mask: &mut Array3<u8>, connectivity: Connectivity) {
    let graph = RunGraph::new(&mask.view(), &foreground(), connectivity);
    let kept = largest(&graph, 1);
    graph.fill(mask, |component| (!kept[component as usize]).then_some(0));
}

/// MONAI's `KeepLargestConnectedComponent`: of every label the largest components stay, the others become 0.
///
/// ```
/// use medseg_transforms::KeepLargestComponents;
///
/// let mut label = ndarray::array![[[1, 1, 0, 1, 0, 2, 0, 2, 2]]];
/// KeepLargestComponents::default().apply(&mut label);
/// assert_eq!(label, ndarray::array![[[1, 1, 0, 0, 0, 0, 0, 2, 2]]]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeepLargestComponents {
    /// Only these label values (channels of a one-hot map); all but 0 if not given. Others stay as they are.
    pub labels: Option<Vec<u8>>,
    /// Every label for itself; otherwise the labels' union has components.
    pub independent: bool,
    /// Which voxels touch.
    pub connectivity: Connectivity,
    /// Number of components that stay. Of equal ones those that come last in C order.
    pub components: usize,
}

impl Default for KeepLargestComponents {
    /// The largest one of every label, by 26 neighbours.
    fn default() -> Self {
        Self { labels: None, independent: true, connectivity: Connectivity::default(), components: 1 }
    }
}

impl KeepLargestComponents {
    /// Cleans a label map in place.
    pub fn apply(&self, label: &mut Array3<u8>) {
        let chosen = |value: u8| self.labels.as_ref().is_none_or(|labels| labels.contains(&value));
        let mut classes = by_value(chosen);
        if !self.independent {
            classes = classes.map(|class| u8::from(class != 0));
        }
        let graph = RunGraph::new(&label.view(), &classes, self.connectivity);
        let kept = largest(&graph, self.components);
        graph.fill(label, |component| (!kept[component as usize]).then_some(0));
    }

    /// Cleans a one-hot map `[channel, depth, height, width]` in place; channel 0 is the background. What is not 0 in a
    /// channel belongs to it, and channels may overlap.
    ///
    /// # Errors
    /// [`TransformError::Parameter`] for a label that is no channel.
    pub fn apply_one_hot(&self, channels: &mut Array4<u8>) -> Result<(), TransformError> {
        let count = channels.dim().0;
        let chosen: Vec<usize> = match &self.labels {
            Some(labels) => labels.iter().map(|label| usize::from(*label)).collect(),
            None => (1..count).collect(),
        };
        if let Some(missing) = chosen.iter().find(|channel| **channel >= count) {
            return Err(TransformError::parameter("label", missing, "is not one of the channels"));
        }
        if self.independent {
            for channel in chosen {
                let mut channel = channels.index_axis_mut(Axis(0), channel);
                let graph = RunGraph::new(&channel.view(), &foreground(), self.connectivity);
                let kept = largest(&graph, self.components);
                let mut mask = channel.to_owned();
                graph.fill(&mut mask, |component| (!kept[component as usize]).then_some(0));
                channel.assign(&mask);
            }
            return Ok(());
        }
        let (_, d, h, w) = channels.dim();
        let mut union = Array3::<u8>::zeros((d, h, w));
        for channel in &chosen {
            let channel = channels.index_axis(Axis(0), *channel);
            Zip::from(&mut union).and(channel).par_for_each(|any, value| *any |= u8::from(*value != 0));
        }
        let all = Self { labels: None, ..self.clone() };
        all.apply(&mut union);
        for channel in chosen {
            let channel = channels.index_axis_mut(Axis(0), channel);
            Zip::from(channel).and(&union).par_for_each(|value, stays| *value *= stays);
        }
        Ok(())
    }
}

/// Which components are among the `count` largest of their class.
fn largest(graph: &RunGraph, count: usize) -> Vec<bool> {
    let classes = graph.classes();
    let mut order: Vec<usize> = (0..graph.sizes.len()).collect();
    order.sort_unstable_by_key(|n| Reverse((graph.sizes[*n], *n)));
    let (mut kept, mut of_class) = (vec![false; order.len()], [0; 256]);
    for n in order {
        let seen = &mut of_class[usize::from(classes[n])];
        kept[n] = *seen < count;
        *seen += 1;
    }
    kept
}
