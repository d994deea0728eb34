//! The non-zero region of an image.

use std::ops::Range;

use ndarray::{Array3, Array4, Axis};

use super::rule::{Rule, Rules};

/// Voxels at which a channel is not 0, with the holes that faces do not connect to the outside.
pub fn non_zero(image: &Array4<f32>, rules: Rules) -> Array3<bool> {
    let region = image.map_axis(Axis(0), |channels| channels.iter().any(|value| *value != 0.0));
    if rules.hold(Rule::FilledHoles) { filled(&region) } else { region }
}

/// The complement of the background that a flood from the image's border reaches.
fn filled(region: &Array3<bool>) -> Array3<bool> {
    let (d, h, w) = region.dim();
    let mut filled = Array3::from_elem((d, h, w), true);
    let is_outer = |(z, y, x): (usize, usize, usize)| [z, y, x].contains(&0) || z + 1 == d || y + 1 == h || x + 1 == w;
    let mut reached: Vec<_> = region.indexed_iter().map(|(at, _)| at).filter(|at| is_outer(*at)).collect();
    while let Some((z, y, x)) = reached.pop() {
        if region[[z, y, x]] || !filled[[z, y, x]] {
            continue;
        }
        filled[[z, y, x]] = false;
        let before = [(z.wrapping_sub(1), y, x), (z, y.wrapping_sub(1), x), (z, y, x.wrapping_sub(1))];
        let after = [(z + 1, y, x), (z, y + 1, x), (z, y, x + 1)];
        reached.extend(before.into_iter().chain(after).filter(|(z, y, x)| *z < d && *y < h && *x < w));
    }
    filled
}

/// The smallest box that holds a region that is not empty.
pub fn bounds(region: &Array3<bool>) -> [Range<usize>; 3] {
    [0, 1, 2].map(|axis| {
        let mut slices = region.axis_iter(Axis(axis)).map(|slice| slice.iter().any(|inside| *inside));
        let last = slices.clone().rposition(|inside| inside).expect("a voxel");
        slices.position(|inside| inside).expect("a voxel")..last + 1
    })
}

/// The box of all voxels.
pub fn everything(region: &Array3<bool>) -> [Range<usize>; 3] {
    let (d, h, w) = region.dim();
    [0..d, 0..h, 0..w]
}
