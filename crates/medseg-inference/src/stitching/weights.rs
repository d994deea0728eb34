//! Sums of the weights of all windows that cover a voxel.

use std::ops::Range;

use medseg_kernels::rows::add;
use medseg_volume::Dhw;

use crate::config::Importance;
use crate::plan::WindowPlan;

/// Sums of the weights over a part of plane `z` of the padded image, `[height, width]`: first over the windows along the
/// depth, then, row by row, over those along the height, then over those along the width. Exact for any importance map.
pub(crate) fn weight_sums(
    plan: &WindowPlan,
    importance: &Importance,
    z: usize,
    rows: Range<usize>,
    columns: Range<usize>,
) -> Vec<f32> {
    let (roi, starts) = (plan.roi(), plan.starts());
    let mut over_depth = vec![0.0; roi.h * roi.w];
    for z in covering(&starts.d, roi.d, z) {
        for (y, row) in over_depth.chunks_exact_mut(roi.w).enumerate() {
            importance.add_row_to(z, y, row);
        }
    }
    let mut sums = vec![0.0; rows.len() * columns.len()];
    let mut over_height = vec![0.0; roi.w];
    for (y, row) in rows.zip(sums.chunks_exact_mut(columns.len())) {
        over_height.fill(0.0);
        for y in covering(&starts.h, roi.h, y) {
            add(&mut over_height, &over_depth[y * roi.w..(y + 1) * roi.w]);
        }
        for start in touching(&starts.w, roi.w, &columns) {
            let (before, inside) = (columns.start.saturating_sub(start), start.saturating_sub(columns.start));
            add(&mut row[inside..], &over_height[before..]);
        }
    }
    sums
}

/// Everything that the sums over a box depend on: its shape, and the starts of the windows that touch it, counted from it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Coverage([(usize, Vec<isize>); 3]);

impl Coverage {
    /// Of a box in voxels of the padded image.
    pub(crate) fn new(plan: &WindowPlan, voxels: &Dhw<Range<usize>>) -> Self {
        let (starts, roi) = (plan.starts(), plan.roi());
        let axis = |starts: &[usize], roi: usize, range: &Range<usize>| {
            let seen = touching(starts, roi, range).map(|start| start as isize - range.start as isize);
            (range.len(), seen.collect())
        };
        Self([axis(&starts.d, roi.d, &voxels.d), axis(&starts.h, roi.h, &voxels.h), axis(&starts.w, roi.w, &voxels.w)])
    }
}

/// Starts of the windows of length `roi` that reach into `range`.
fn touching(starts: &[usize], roi: usize, range: &Range<usize>) -> impl Iterator<Item = usize> {
    starts.iter().copied().filter(move |start| *start < range.end && start + roi > range.start)
}

/// Positions that `coordinate` has inside the windows of length `roi` that cover it.
fn covering(starts: &[usize], roi: usize, coordinate: usize) -> impl Iterator<Item = usize> + '_ {
    starts.iter().filter_map(move |&start| coordinate.checked_sub(start).filter(|&inside| inside < roi))
}
