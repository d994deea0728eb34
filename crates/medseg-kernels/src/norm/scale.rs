//! The map of a norm whose statistics are known, on whole rows.

use rayon::prelude::*;

use crate::conv::Scale;
use crate::isa::{LINE, ahead_of, vectorised};

/// Voxels that one task changes.
const PART: usize = 1 << 16;

/// Replaces every value of `x` by what its row's [`Scale`] makes of it; a row is one channel of one sample.
///
/// ```
/// use medseg_kernels::conv::Scale;
/// use medseg_kernels::norm::scale_rows;
///
/// let mut x = [1.0, -1.0, 3.0, 4.0];
/// let halve = Scale { shift: 0.0, rest: 0.0, scale: 0.5, bias: 0.0, slope: 0.0 };
/// let add = Scale { scale: 1.0, bias: 2.0, ..halve };
/// scale_rows(&mut x, &[halve, add]);
/// assert_eq!(x, [0.5, 0.0, 5.0, 6.0]);
/// ```
///
/// # Panics
/// If `x` cannot be cut into as many rows.
pub fn scale_rows(x: &mut [f32], rows: &[Scale]) {
    assert!(!rows.is_empty() && x.len().is_multiple_of(rows.len()), "{} values in {} rows", x.len(), rows.len());
    let len = x.len() / rows.len();
    if len == 0 {
        return;
    }
    x.par_chunks_mut(len).zip(rows).for_each(|(row, scale)| {
        if row.len() > 2 * PART {
            row.par_chunks_mut(PART).for_each(|part| apply(part, *scale));
        } else {
            apply(row, *scale);
        }
    });
}

vectorised! {
    fn apply(x: &mut [f32], scale: Scale) {
        let apply = |x: &mut f32| {
            let y = ((*x - scale.shift) - scale.rest) * scale.scale + scale.bias;
            *x = if y > 0.0 { y } else { y * scale.slope };
        };
        let (lines, tail) = x.as_chunks_mut::<LINE>();
        for line in lines {
            ahead_of(line);
            line.iter_mut().for_each(apply);
        }
        tail.iter_mut().for_each(apply);
    }
}
