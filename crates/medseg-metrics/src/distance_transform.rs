//! Exact Euclidean distances in millimetres: of every voxel, or of some voxels only.

use ndarray::{Array3, ArrayView3};
use rayon::prelude::*;

use crate::depth_steps::{DepthSteps, NO_FEATURE};
use crate::lower_envelope::LowerEnvelope;
use crate::near_columns::NearColumns;
use crate::oblique_distances::{oblique_distances_between, oblique_transform};
use crate::voxel_grid::ValidGrid;
use crate::{MetricsError, VoxelGrid};

/// Columns that the voxels of a plane may look at, per voxel of the plane: about the cost of its transform.
const LOOKS_PER_VOXEL: usize = 4;

/// Euclidean distance in millimetres from every voxel to the nearest non-zero voxel of `features`.
///
/// Exact (up to rounding in `f64`), with anisotropic spacing; 0 on the features themselves, infinite everywhere if
/// there are none. scipy's `distance_transform_edt(features == 0, sampling=spacing)` computes the same. Takes time
/// linear in the number of voxels and spreads over rayon's threads; the result does not depend on their number.
///
/// A sheared grid is exact too, but many times slower: a k-d tree of the features at a border is searched for every voxel.
///
/// ```
/// use medseg_metrics::{Dhw, distance_transform};
/// use ndarray::array;
///
/// let distances = distance_transform(array![[[1_u8, 0, 0], [0, 0, 0]]].view(), Dhw::from([1.0, 3.0, 4.0]))?;
/// assert_eq!(distances, array![[[0.0, 4.0, 8.0], [3.0, 5.0, 73_f64.sqrt()]]]);
/// # Ok::<(), medseg_metrics::MetricsError>(())
/// ```
///
/// # Errors
/// [`MetricsError::InvalidSpacing`], [`MetricsError::InvalidGrid`].
pub fn distance_transform(features: ArrayView3<u8>, grid: impl Into<VoxelGrid>) -> Result<Array3<f64>, MetricsError> {
    Ok(transform(features, grid.into().validate()?))
}

fn transform(features: ArrayView3<u8>, grid: ValidGrid) -> Array3<f64> {
    let dims: [usize; 3] = features.dim().into();
    let mut distances = Array3::<f64>::zeros(dims);
    if features.is_empty() {
        return distances;
    }
    let features = features.as_standard_layout();
    if let (Some(features), Some(out)) = (features.as_slice(), distances.as_slice_mut()) {
        match grid {
            ValidGrid::Perpendicular(spacing) => perpendicular_transform(features, dims, spacing, out),
            ValidGrid::Oblique(frame) => oblique_transform(features, dims, frame, out),
        }
    }
    distances
}

fn perpendicular_transform(features: &[u8], dims: [usize; 3], spacing: [f64; 3], out: &mut [f64]) {
    let columns = DepthSteps::new(features, dims);
    out.par_chunks_mut(dims[1] * dims[2]).enumerate().for_each_init(PlaneScratch::default, |scratch, (d, out)| {
        scratch.fill(&columns, d, spacing);
        for w in 0..dims[2] {
            let mut read = scratch.column(w, dims[2], spacing[1]);
            for h in 0..dims[1] {
                out[h * dims[2] + w] = read(h).sqrt();
            }
        }
    });
}

/// Distances in millimetres from every non-zero voxel of `from` to the nearest non-zero voxel of `to`, in C order.
pub(crate) fn distances_between(from: &[u8], to: &[u8], dims: [usize; 3], grid: ValidGrid) -> Vec<f64> {
    match grid {
        ValidGrid::Perpendicular(spacing) => perpendicular_distances_between(from, to, dims, spacing),
        ValidGrid::Oblique(frame) => oblique_distances_between(from, to, dims, frame),
    }
}

/// [`distances_between`] on perpendicular axes.
///
/// Each voxel looks at the columns around it, nearest first. That is quick where the two lie close together, as a
/// prediction and its reference do. Voxels that would look for too long are left to the distance transform of their
/// plane: time stays linear in the number of voxels. Which way a voxel goes does not depend on the number of threads.
fn perpendicular_distances_between(from: &[u8], to: &[u8], dims: [usize; 3], spacing: [f64; 3]) -> Vec<f64> {
    let plane_len = dims[1] * dims[2];
    let columns = DepthSteps::new(to, dims);
    let near = NearColumns::new(spacing);
    let planes: Vec<Vec<f64>> = (0..dims[0])
        .into_par_iter()
        .map_init(PlaneScratch::default, |scratch, d| {
            let wanted = &from[d * plane_len..][..plane_len];
            let mut found = Vec::new();
            let mut left = Vec::new();
            let mut budget = LOOKS_PER_VOXEL * plane_len;
            for (at, _) in wanted.iter().enumerate().filter(|(_, v)| **v != 0) {
                let nearest = near.squared_distance(&columns, [d, at / dims[2], at % dims[2]], &mut budget);
                if nearest.is_none() {
                    left.push((at % dims[2], at / dims[2], found.len()));
                }
                found.push(nearest.unwrap_or(f64::INFINITY));
            }
            scratch.look_up(&columns, d, spacing, left, &mut found);
            found.iter_mut().for_each(|squared| *squared = squared.sqrt());
            found
        })
        .collect();
    planes.concat()
}

/// One thread's working memory: a plane `[height][width]` of squared distances in mm².
#[derive(Default)]
struct PlaneScratch {
    squared: Vec<f64>,
    envelope: LowerEnvelope,
}

impl PlaneScratch {
    /// Squared distance from every voxel of plane `d` to the nearest feature of its row's columns (depth and width).
    fn fill(&mut self, columns: &DepthSteps, d: usize, spacing: [f64; 3]) {
        let [_, height, width] = columns.dims;
        self.squared.resize(height * width, 0.0);
        for (h, out) in self.squared.chunks_exact_mut(width).enumerate() {
            let steps = columns.row(d, h).iter().map(|&steps| match steps {
                NO_FEATURE => f64::INFINITY,
                steps => (f64::from(steps) * spacing[0]).powi(2),
            });
            self.envelope.build(steps, spacing[2]);
            let mut read = self.envelope.reader();
            out.iter_mut().enumerate().for_each(|(w, squared)| *squared = read(w));
        }
    }

    /// A reader of squared distances down column `w`, over all three axes.
    fn column(&mut self, w: usize, width: usize, step: f64) -> impl FnMut(usize) -> f64 + '_ {
        self.envelope.build(self.squared[w..].iter().step_by(width).copied(), step);
        self.envelope.reader()
    }

    /// Squared distances of some voxels `(width index, height index, place in found)` of plane `d`.
    fn look_up(
        &mut self,
        columns: &DepthSteps,
        d: usize,
        spacing: [f64; 3],
        mut voxels: Vec<(usize, usize, usize)>,
        found: &mut [f64],
    ) {
        if voxels.is_empty() {
            return;
        }
        voxels.sort_unstable();
        self.fill(columns, d, spacing);
        for column in voxels.chunk_by(|a, b| a.0 == b.0) {
            let mut read = self.column(column[0].0, columns.dims[2], spacing[1]);
            column.iter().for_each(|&(_, h, place)| found[place] = read(h));
        }
    }
}
