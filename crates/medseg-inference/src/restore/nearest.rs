//! Labels of the nearest voxels.

use ndarray::{Array3, ArrayView3, Axis, parallel::prelude::*, s};

use super::BeyondMask;
use super::axes::AxisMaps;

/// Fills the target, which is all 0; `source` has the target's order of axes.
pub(super) fn fill(source: &ArrayView3<u8>, maps: &AxisMaps, beyond: BeyondMask, target: &mut Array3<u8>) {
    let index = maps.0.map(|map| map.nearest(beyond));
    let Some(first) = index.w.iter().position(Option::is_some) else { return };
    let columns: Vec<usize> = index.w.iter().copied().flatten().collect();
    target.axis_iter_mut(Axis(0)).into_par_iter().zip(&index.d).for_each(|(mut plane, z)| {
        let Some(z) = *z else { return };
        for (mut row, y) in plane.outer_iter_mut().zip(&index.h) {
            let Some(y) = *y else { continue };
            let from = source.slice(s![z, y, ..]);
            row.iter_mut().skip(first).zip(&columns).for_each(|(to, &x)| *to = from[x]);
        }
    });
}
