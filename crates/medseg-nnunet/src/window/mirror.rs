//! Mirrored copies of a window.

use ndarray::{Array4, ArrayViewMut4, Axis};

/// Non-empty subsets of the axes, small ones first, those of one size in lexicographic order of positions.
pub(super) fn subsets(axes: &[usize]) -> Vec<Vec<usize>> {
    let mut positions: Vec<Vec<usize>> =
        (1..1_usize << axes.len()).map(|bits| (0..axes.len()).filter(|at| bits >> at & 1 == 1).collect()).collect();
    positions.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    positions.into_iter().map(|subset| subset.into_iter().map(|at| axes[at]).collect()).collect()
}

/// Copies `from` into `to`, flipped along the axes.
pub(super) fn flip_into(from: &Array4<f32>, axes: &[usize], mut to: ArrayViewMut4<'_, f32>) {
    for axis in axes {
        to.invert_axis(Axis(*axis));
    }
    to.assign(from);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subsets_come_by_size_and_then_by_position() {
        let want: [&[usize]; 7] = [&[0], &[1], &[2], &[0, 1], &[0, 2], &[1, 2], &[0, 1, 2]];
        assert_eq!(subsets(&[0, 1, 2]), want);
        assert_eq!(subsets(&[2, 0]), [vec![2], vec![0], vec![2, 0]]);
        assert!(subsets(&[]).is_empty());
    }
}
