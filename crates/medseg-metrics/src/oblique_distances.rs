//! Exact distances in millimetres on axes that are not perpendicular.

use rayon::prelude::*;

use crate::kd_tree::KdTree;
use crate::oblique_frame::ObliqueFrame;
use crate::relevant_steps::{Step, relevant_steps};

/// Voxels that one task measures.
const TASK: usize = 512;

/// Distances in millimetres from every non-zero voxel of `from` to the nearest non-zero voxel of `to`, in C order;
/// infinite if `to` is empty.
pub(crate) fn oblique_distances_between(from: &[u8], to: &[u8], dims: [usize; 3], frame: ObliqueFrame) -> Vec<f64> {
    let (from, to) = (voxels_of(from, dims), voxels_of(to, dims));
    if to.is_empty() {
        return vec![f64::INFINITY; from.len()];
    }
    let tree = KdTree::new(to, frame);
    let tasks: Vec<Vec<f64>> = from
        .par_chunks(TASK)
        .map(|voxels| tree.squared_distances(voxels.iter().copied()).map(f64::sqrt).collect())
        .collect();
    tasks.concat()
}

/// Distances in millimetres from every voxel to the nearest non-zero voxel of `features`, in C order, to `out`.
pub(crate) fn oblique_transform(features: &[u8], dims: [usize; 3], frame: ObliqueFrame, out: &mut [f64]) {
    let voxels = match relevant_steps(&frame) {
        Some(steps) => border_of(features, dims, &steps),
        None => voxels_of(features, dims),
    };
    if voxels.is_empty() {
        out.fill(f64::INFINITY);
        return;
    }
    let tree = KdTree::new(voxels, frame);
    out.par_chunks_mut(dims[2]).zip(features.par_chunks(dims[2])).enumerate().for_each(|(row, (out, features))| {
        let voxel = |w: usize| [row / dims[1], row % dims[1], w].map(|index| index as u32);
        let outside = || features.iter().enumerate().filter(|(_, v)| **v == 0).map(|(w, _)| w);
        for (w, squared) in outside().zip(tree.squared_distances(outside().map(voxel))) {
            out[w] = squared.sqrt();
        }
    });
}

/// The non-zero voxels `[d, h, w]`, in C order, from which a step leads to a zero or out of the volume. Others are
/// nearest to no voxel but themselves.
fn border_of(mask: &[u8], dims: [usize; 3], steps: &[Step]) -> Vec<[u32; 3]> {
    let filled = |[d, h, w]: [usize; 3], step: &Step| {
        let axis = |index: usize, step: i64, size: usize| {
            let moved = index.checked_add_signed(isize::try_from(step).ok()?)?;
            (moved < size).then_some(moved)
        };
        let moved = || Some([axis(d, step[0], dims[0])?, axis(h, step[1], dims[1])?, axis(w, step[2], dims[2])?]);
        moved().is_some_and(|[d, h, w]| mask[(d * dims[1] + h) * dims[2] + w] != 0)
    };
    let rows: Vec<Vec<[u32; 3]>> = mask
        .par_chunks(dims[2])
        .enumerate()
        .map(|(row, voxels)| {
            let inside = voxels.iter().enumerate().filter(|(_, v)| **v != 0);
            let places = inside.map(|(w, _)| [row / dims[1], row % dims[1], w]);
            let border = places.filter(|place| !steps.iter().all(|step| filled(*place, step)));
            border.map(|place| place.map(|index| index as u32)).collect()
        })
        .collect();
    rows.concat()
}

/// The non-zero voxels `[d, h, w]` in C order.
fn voxels_of(mask: &[u8], [_, height, width]: [usize; 3]) -> Vec<[u32; 3]> {
    let voxel = |at: usize| [at / width / height, at / width % height, at % width].map(|index| index as u32);
    let inside = mask.iter().enumerate().filter(|(_, v)| **v != 0);
    inside.map(|(at, _)| voxel(at)).collect()
}
