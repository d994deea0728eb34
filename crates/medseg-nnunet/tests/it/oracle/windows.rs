//! Windows of an image and their weights.

use ndarray::{Array3, Array4, s};

use super::halves::half_of_f32;
use super::rule::{Rule, Rules};

/// First voxels of all windows, the last axis fastest. `step` is the largest distance as a part of the patch.
pub fn starts(shape: [usize; 3], patch: [usize; 3], step: f64, rules: Rules) -> Vec<[usize; 3]> {
    let [zs, ys, xs] = [0, 1, 2].map(|axis| along(shape[axis], patch[axis], step, rules));
    let mut starts = Vec::new();
    for z in &zs {
        for y in &ys {
            starts.extend(xs.iter().map(|x| [*z, *y, *x]));
        }
    }
    if !rules.hold(Rule::WindowOrder) {
        starts.sort_by_key(|[z, y, x]| [*x, *y, *z]);
    }
    starts
}

fn along(size: usize, patch: usize, step: f64, rules: Rules) -> Vec<usize> {
    let rest = (size - patch) as f64;
    // A patch of a 2D network has one slice, and every slice has a window.
    let intervals = (rest / if patch == 1 { 1.0 } else { patch as f64 * step }).ceil() as usize;
    let start = |at: usize| {
        let start = rest / intervals.max(1) as f64 * at as f64;
        if rules.hold(Rule::EvenStarts) { start.round_ties_even() } else { (start + 0.5).floor() }
    };
    (0..=intervals).map(|at| start(at) as usize).collect()
}

/// The weight of each voxel of a window: an f16 Gaussian with 10 at its centre.
pub fn gaussian(patch: [usize; 3], rules: Rules) -> Array3<f32> {
    let [zs, ys, xs] = patch.map(|size| bell(size, rules));
    let map = Array3::from_shape_fn(patch, |(z, y, x)| zs[z] * ys[y] * xs[x]);
    let largest = map.iter().copied().fold(0.0, f64::max);
    let maximum = if rules.hold(Rule::GaussianMaximum) { 10.0 } else { 1.0 };
    let map = map.mapv(|weight| (weight / (largest / maximum)) as f32);
    let map = if rules.hold(Rule::HalfGaussian) { map.mapv(half_of_f32) } else { map };
    let least = map.iter().copied().filter(|weight| *weight > 0.0).fold(f32::MAX, f32::min);
    map.mapv(|weight| weight.max(least))
}

/// The Gaussian along an axis.
fn bell(size: usize, rules: Rules) -> Vec<f64> {
    let sigma = size as f64 / 8.0;
    let at = |distance: f64| (-distance * distance / (2.0 * sigma * sigma)).exp();
    if !rules.hold(Rule::GaussianCentre) {
        return (0..size).map(|voxel| at(voxel as f64 - (size - 1) as f64 / 2.0)).collect();
    }
    let radius = (4.0 * sigma + 0.5).floor();
    let sum: f64 = (-(radius as i32)..=radius as i32).map(|distance| at(distance.into())).sum();
    let distances = (0..size).map(|voxel| voxel as f64 - (size / 2) as f64);
    distances.map(|distance| if distance.abs() <= radius { at(distance) / sum } else { 0.0 }).collect()
}

/// Zeros around an image that is smaller than the patch. Returns the voxels before it too.
pub fn padded(image: &Array4<f32>, patch: [usize; 3], rules: Rules) -> (Array4<f32>, [usize; 3]) {
    let (channels, d, h, w) = image.dim();
    let missing = [0, 1, 2].map(|axis| patch[axis].saturating_sub([d, h, w][axis]));
    let before = missing.map(|voxels| if rules.hold(Rule::PaddingAfter) { voxels / 2 } else { voxels.div_ceil(2) });
    let mut padded = Array4::zeros((channels, d + missing[0], h + missing[1], w + missing[2]));
    let [z, y, x] = before;
    padded.slice_mut(s![.., z..z + d, y..y + h, x..x + w]).assign(image);
    (padded, before)
}
