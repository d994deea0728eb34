//! The border voxels of a mask.

use ndarray::{Array3, ArrayView3};
use rayon::prelude::*;

/// The surface voxels of a mask: foreground (non-zero) voxels of which at least one of the six face neighbours is
/// background. Outside the volume counts as background, so foreground at the border is surface.
///
/// This is MONAI's edge (`get_mask_edges` without sub-voxels): the mask minus its erosion by the 6-neighbour cross.
/// Values are 0 and 1.
#[must_use]
pub fn mask_surface(mask: ArrayView3<u8>) -> Array3<u8> {
    let dims: [usize; 3] = mask.dim().into();
    let binary: Vec<u8> = mask.iter().map(|&v| u8::from(v != 0)).collect();
    let edges = surface_of(&binary, dims);
    Array3::from_shape_fn(dims, |(d, h, w)| edges[(d * dims[1] + h) * dims[2] + w])
}

/// [`mask_surface`] of bytes 0 and 1 in C order.
pub(crate) fn surface_of(mask: &[u8], [depth, height, width]: [usize; 3]) -> Vec<u8> {
    let mut edges = mask.to_vec();
    if depth < 3 || height < 3 || width < 3 {
        return edges;
    }
    let plane = height * width;
    edges.par_chunks_mut(plane).enumerate().filter(|(d, _)| (1..depth - 1).contains(d)).for_each(|(d, edges)| {
        for h in 1..height - 1 {
            let row = d * plane + h * width;
            // Rows shifted by one neighbour each; the first and last voxel of a row are always surface.
            let inner = |start: usize| &mask[start + 1..start + width - 1];
            let (left, right) = (&mask[row..row + width - 2], &mask[row + 2..row + width]);
            let (up, down) = (inner(row - width), inner(row + width));
            let (front, back) = (inner(row - plane), inner(row + plane));
            let out = &mut edges[h * width + 1..(h + 1) * width - 1];
            for w in 0..out.len() {
                let buried = left[w] & right[w] & up[w] & down[w] & front[w] & back[w];
                out[w] &= buried ^ 1;
            }
        }
    });
    edges
}
