//! Steps along the depth axis to the nearest feature: the first pass of the distance transform.

use rayon::prelude::*;

/// Marks a column without any feature.
pub(crate) const NO_FEATURE: u32 = u32::MAX;

/// For every voxel the number of voxels along the depth axis to the nearest feature of its column.
///
/// Stored as `[height][depth][width]`, so that a slab of one height is contiguous and threads write apart.
pub(crate) struct DepthSteps {
    pub dims: [usize; 3],
    steps: Vec<u32>,
}

impl DepthSteps {
    pub fn new(features: &[u8], dims: [usize; 3]) -> Self {
        let [depth, height, width] = dims;
        let mut steps = vec![NO_FEATURE; depth * height * width];
        if steps.is_empty() {
            return Self { dims, steps };
        }
        steps.par_chunks_mut(depth * width).enumerate().for_each(|(h, slab)| {
            for d in 0..depth {
                let (done, rest) = slab.split_at_mut(d * width);
                let above = done.len().checked_sub(width).map(|start| &done[start..]);
                let row = &features[(d * height + h) * width..][..width];
                scan_row(&mut rest[..width], above, |w| row[w] != 0);
            }
            for d in (0..depth - 1).rev() {
                let (row, below) = slab[d * width..].split_at_mut(width);
                scan_row(row, Some(&below[..width]), |_| false);
            }
        });
        Self { dims, steps }
    }

    /// The row `[width]` at depth `d` and height `h`.
    pub fn row(&self, d: usize, h: usize) -> &[u32] {
        let [depth, _, width] = self.dims;
        &self.steps[(h * depth + d) * width..][..width]
    }
}

/// Lowers each entry to 0 on a feature, else to one more than its neighbour's.
fn scan_row(row: &mut [u32], neighbour: Option<&[u32]>, is_feature: impl Fn(usize) -> bool) {
    match neighbour {
        Some(neighbour) => {
            for (w, (steps, near)) in row.iter_mut().zip(neighbour).enumerate() {
                let reached = (*steps).min(near.saturating_add(1));
                *steps = if is_feature(w) { 0 } else { reached };
            }
        }
        None => {
            for (w, steps) in row.iter_mut().enumerate() {
                *steps = if is_feature(w) { 0 } else { *steps };
            }
        }
    }
}
