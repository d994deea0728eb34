//! Interpolation of an image on another grid of the same extent.

use ndarray::{Array3, ArrayViewMut1, Axis};

use super::rule::{Rule, Rules};

/// Voxels of the edge that stand before and after an image that a cubic spline runs through.
const PAD: usize = 12;

/// A degree of interpolation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Degree {
    Linear,
    Cubic,
}

/// Interpolates an image. An axis of equal length is copied.
pub fn interpolate(image: &Array3<f64>, to: [usize; 3], degree: Degree, rules: Rules) -> Array3<f64> {
    let from: [usize; 3] = image.dim().into();
    let mut nodes = image.clone();
    for axis in (0..3).filter(|axis| degree == Degree::Cubic && from[*axis] != to[*axis]) {
        nodes = with_edges(&nodes, axis);
        nodes.lanes_mut(Axis(axis)).into_iter().for_each(solve);
    }
    let [zs, ys, xs] = [0, 1, 2].map(|axis| weights(from[axis], to[axis], degree, rules));
    Array3::from_shape_fn(to, |(z, y, x)| {
        let mut sum = 0.0;
        for (k, of_z) in &zs[z] {
            for (j, of_y) in &ys[y] {
                for (i, of_x) in &xs[x] {
                    sum += nodes[[*k, *j, *i]] * of_z * of_y * of_x;
                }
            }
        }
        sum
    })
}

/// The nearest old voxel of every new one.
pub fn nearest(from: usize, to: usize) -> Vec<usize> {
    let last = (from - 1) as f64;
    (0..to).map(|at| (position(at, from, to) + 0.5).floor().clamp(0.0, last) as usize).collect()
}

/// The centre of a new voxel in old voxels.
fn position(at: usize, from: usize, to: usize) -> f64 {
    from as f64 / to as f64 * (at as f64 + 0.5) - 0.5
}

/// Nodes that make up each new voxel of an axis, with their weights.
fn weights(from: usize, to: usize, degree: Degree, rules: Rules) -> Vec<Vec<(usize, f64)>> {
    let of = |at: usize| {
        let position = position(at, from, to);
        let clamped = position.clamp(0.0, (from - 1) as f64);
        match degree {
            _ if from == to => vec![(at, 1.0)],
            Degree::Linear => {
                // SciPy's weights to the last bit: the second is the rest to 1, and the edge goes on beyond the image.
                let lower = position.floor();
                let first = 1.0 - (position - lower);
                let node = |at: f64| at.clamp(0.0, (from - 1) as f64) as usize;
                vec![(node(lower), first), (node(lower + 1.0), 1.0 - first)]
            }
            Degree::Cubic => {
                let position = PAD as f64 + if rules.hold(Rule::SplineToBorder) { position } else { clamped };
                let lower = position.floor() as usize;
                (lower - 1..lower + 3).map(|node| (node, basis(position - node as f64))).collect()
            }
        }
    };
    (0..to).map(of).collect()
}

/// The cubic B-spline.
fn basis(distance: f64) -> f64 {
    let x = distance.abs();
    if x < 1.0 { 2.0 / 3.0 - x * x + x * x * x / 2.0 } else { (2.0 - x).max(0.0).powi(3) / 6.0 }
}

fn with_edges(image: &Array3<f64>, axis: usize) -> Array3<f64> {
    let size = image.len_of(Axis(axis));
    let padded: Vec<usize> = (0..size + 2 * PAD).map(|at| at.saturating_sub(PAD).min(size - 1)).collect();
    image.select(Axis(axis), &padded)
}

/// Turns samples into the nodes of the spline through them: `(n[i - 1] + 4 n[i] + n[i + 1]) / 6 = s[i]`. A node beyond an
/// end equals the last one. Elimination downwards, substitution upwards.
fn solve(mut line: ArrayViewMut1<'_, f64>) {
    let last = line.len() - 1;
    let mut factors = vec![0.0; line.len()];
    for at in 0..=last {
        let diagonal = if at == 0 || at == last { 5.0 } else { 4.0 };
        let (before, factor) = if at == 0 { (0.0, 0.0) } else { (line[at - 1], factors[at - 1]) };
        let pivot: f64 = diagonal - factor;
        factors[at] = 1.0 / pivot;
        line[at] = (6.0 * line[at] - before) / pivot;
    }
    for at in (0..last).rev() {
        line[at] -= factors[at] * line[at + 1];
    }
}
