//! Erosion, dilation and opening of binary masks.

use ndarray::{Array3, Axis, Zip, parallel::prelude::*, s};

/// Removes every voxel that does not have all six neighbours in the mask; beyond the border is background. SciPy's
/// `binary_erosion`.
#[must_use]
pub fn binary_erosion(mask: &Array3<bool>) -> Array3<bool> {
    by_neighbours(mask, |voxel, neighbours| voxel && neighbours.into_iter().all(|n| n))
}

/// Adds every voxel that has one of its six neighbours in the mask. SciPy's `binary_dilation`.
#[must_use]
pub fn binary_dilation(mask: &Array3<bool>) -> Array3<bool> {
    by_neighbours(mask, |voxel, neighbours| voxel || neighbours.into_iter().any(|n| n))
}

/// Erosions and then as many dilations, which remove thin parts. SciPy's `binary_opening`.
///
/// ```
/// let mut mask = ndarray::Array3::from_elem((5, 5, 7), false);
/// mask.slice_mut(ndarray::s![1..4, 1..4, 1..4]).fill(true);
/// let cube = mask.clone();
/// mask[[1, 1, 4]] = true;
/// let opened = medseg_transforms::binary_opening(mask, 1);
/// assert!(opened[[2, 2, 3]] && !opened[[1, 1, 4]] && opened.iter().zip(&cube).all(|(o, c)| !o || *c));
/// ```
#[must_use]
pub fn binary_opening(mask: Array3<bool>, iterations: usize) -> Array3<bool> {
    let eroded = (0..iterations).fold(mask, |mask, _| binary_erosion(&mask));
    (0..iterations).fold(eroded, |mask, _| binary_dilation(&mask))
}

/// Every voxel by itself and its six neighbours, which are false beyond the border.
fn by_neighbours(mask: &Array3<bool>, rule: impl Fn(bool, [bool; 6]) -> bool + Sync) -> Array3<bool> {
    let (depth, height, width) = mask.dim();
    let mut out = Array3::from_elem(mask.dim(), false);
    let outside = vec![false; width];
    out.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(|(z, mut plane)| {
        let row = |z: Option<usize>, y: Option<usize>| match (z, y) {
            (Some(z), Some(y)) if z < depth && y < height => mask.slice(s![z, y, ..]),
            _ => ndarray::ArrayView1::from(&outside[..]),
        };
        for (y, mut to) in plane.outer_iter_mut().enumerate() {
            let here = row(Some(z), Some(y));
            let vertical = [row(z.checked_sub(1), Some(y)), row(Some(z + 1), Some(y))];
            let lateral = [row(Some(z), y.checked_sub(1)), row(Some(z), Some(y + 1))];
            Zip::indexed(&mut to).for_each(|x, to| {
                let beside = [x > 0 && here[x - 1], x + 1 < width && here[x + 1]];
                let [a, b] = [vertical[0][x], vertical[1][x]];
                let [c, d] = [lateral[0][x], lateral[1][x]];
                *to = rule(here[x], [a, b, c, d, beside[0], beside[1]]);
            });
        }
    });
    out
}
