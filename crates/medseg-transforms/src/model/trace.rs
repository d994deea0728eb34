//! The record of a pipeline's work on a sample.

use medseg_volume::{Affine, Dhw};
use serde::{Deserialize, Serialize};

use crate::spatial::SpatialChange;
use crate::{Draw, Sample};

/// The draws for one sample, step by step; written to a log, replayed with [`Pipeline::replay`](crate::Pipeline::replay),
/// and taken back with [`invert_label`](Self::invert_label) and its kin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// The case's name.
    pub id: String,
    /// The original shape.
    pub shape: Dhw<usize>,
    /// The original affine from voxel (i, j, k) to millimetres.
    pub affine: Affine,
    /// One entry a step of the pipeline.
    pub steps: Vec<Applied>,
    /// Warnings about this case; each names it.
    pub warnings: Vec<String>,
}

/// The work of one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applied {
    /// The transform's name.
    pub transform: String,
    /// Its draw.
    pub draw: Draw,
}

impl Trace {
    pub(crate) fn new(sample: &Sample) -> Self {
        let (id, shape, affine) = (sample.id.clone(), sample.shape(), sample.geometry.affine());
        Self { id, shape, affine, steps: Vec::new(), warnings: Vec::new() }
    }

    /// The changes of the grid, first to last.
    #[must_use]
    pub fn changes(&self) -> impl DoubleEndedIterator<Item = &SpatialChange> {
        self.steps.iter().flat_map(|applied| match &applied.draw {
            Draw::Spatial(changes) => changes.as_slice(),
            Draw::Skip | Draw::Parameters(_) => &[],
        })
    }
}
