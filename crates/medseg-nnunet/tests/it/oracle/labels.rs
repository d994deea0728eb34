//! The mask of a cascade's stage before, on the network's grid.

use std::collections::BTreeSet;

use ndarray::Array3;

use super::grid::Grids;
use super::rule::{Rule, Rules};
use super::spline::{Degree, interpolate, nearest};

/// Resamples a mask: every label's share of the new voxels is interpolated, and the shares decide.
pub fn resample_labels(mask: &Array3<i16>, grids: &Grids, rules: Rules) -> Array3<i16> {
    grids.resample(mask, rules, |mask, to| {
        let labels: BTreeSet<i16> = mask.iter().copied().collect();
        let share = |label: i16| {
            let is_label = mask.mapv(|other| f64::from(u8::from(other == label)));
            interpolate(&is_label, to, Degree::Linear, rules).mapv(|share| share.min(1.0))
        };
        let shares: Vec<(i16, Array3<f64>)> = labels.into_iter().map(|label| (label, share(label))).collect();
        let from: [usize; 3] = mask.dim().into();
        let [zs, ys, xs] = [0, 1, 2].map(|axis| nearest(from[axis], to[axis]));
        Array3::from_shape_fn(to, |at @ (z, y, x)| {
            if !rules.hold(Rule::LargestShare) {
                return shares.iter().rfind(|(_, share)| share[at] >= 0.5).map_or(0, |(label, _)| *label);
            }
            let largest = shares.iter().map(|(_, share)| share[at]).fold(0.0, f64::max);
            let tied: Vec<i16> =
                shares.iter().filter(|(_, share)| share[at] == largest).map(|(label, _)| *label).collect();
            let near = mask[[zs[z], ys[y], xs[x]]];
            if tied.contains(&near) { near } else { tied[0] }
        })
    })
}
