//! Two masks cut down to the box that holds the foreground of both.

use ndarray::{ArrayView3, Axis, s};
use rayon::prelude::*;

use crate::shapes::require_same_shape;
use crate::{Confusion, MetricsError, byte_sums};

/// A prediction and a reference cut down to the box that holds the foreground of both, as bytes 0 and 1.
///
/// Nothing outside the box is foreground, so surfaces, counts and distances are those of the whole volume.
pub(crate) struct MaskPair {
    /// Depth, height and width of the box; all 0 if both masks are empty.
    pub dims: [usize; 3],
    pub predicted: Vec<u8>,
    pub reference: Vec<u8>,
    /// Voxels of the whole volume.
    voxels: u64,
}

/// First and one-past-last index along each axis.
type Bounds = [(usize, usize); 3];

impl MaskPair {
    /// Every value but 0 is foreground.
    pub fn new(predicted: ArrayView3<u8>, reference: ArrayView3<u8>) -> Result<Self, MetricsError> {
        Self::with_rule(predicted, reference, |v| v != 0)
    }

    /// One class of two label maps.
    pub fn for_class(predicted: ArrayView3<u8>, reference: ArrayView3<u8>, class: u8) -> Result<Self, MetricsError> {
        Self::with_rule(predicted, reference, move |v| v == class)
    }

    fn with_rule(
        predicted: ArrayView3<u8>,
        reference: ArrayView3<u8>,
        inside: impl Fn(u8) -> bool + Sync + Copy,
    ) -> Result<Self, MetricsError> {
        require_same_shape(&predicted, &reference)?;
        let bounds = joint_bounds(&predicted, &reference, inside).unwrap_or([(0, 0); 3]);
        Ok(Self {
            dims: bounds.map(|(start, end)| end - start),
            predicted: cut(&predicted, bounds, inside),
            reference: cut(&reference, bounds, inside),
            voxels: predicted.len() as u64,
        })
    }

    /// The two cut masks, prediction first.
    pub fn views(&self) -> [ArrayView3<'_, u8>; 2] {
        [&self.predicted, &self.reference].map(|mask| match ArrayView3::from_shape(self.dims, mask) {
            Ok(view) => view,
            Err(_) => unreachable!("a cut mask has the voxels of its box"),
        })
    }

    pub fn confusion(&self) -> Confusion {
        let member = |v| v;
        Confusion::from_sums(byte_sums::in_parallel(&self.predicted, &self.reference, member, member), self.voxels)
    }
}

/// The box around the foreground of both masks, or `None` if there is none.
fn joint_bounds(a: &ArrayView3<u8>, b: &ArrayView3<u8>, inside: impl Fn(u8) -> bool + Sync + Copy) -> Option<Bounds> {
    (0..a.len_of(Axis(0)))
        .into_par_iter()
        .filter_map(|d| {
            let plane = [a, b].map(|mask| plane_bounds(mask, d, inside)).into_iter().flatten().reduce(join)?;
            Some([(d, d + 1), plane[0], plane[1]])
        })
        .reduce_with(join)
}

/// The height and width range of the foreground in plane `d`.
fn plane_bounds(mask: &ArrayView3<u8>, d: usize, inside: impl Fn(u8) -> bool) -> Option<[(usize, usize); 2]> {
    let plane = mask.index_axis(Axis(0), d);
    let mut bounds: Option<[(usize, usize); 2]> = None;
    for (h, row) in plane.rows().into_iter().enumerate() {
        // One pass without an early exit first: it runs at memory speed, and most rows of a volume are empty.
        if row.fold(0, |any, &v| any | u8::from(inside(v))) == 0 {
            continue;
        }
        let first = row.iter().position(|&v| inside(v)).unwrap_or(0);
        let end = row.len() - row.iter().rev().position(|&v| inside(v)).unwrap_or(0);
        let here = [(h, h + 1), (first, end)];
        bounds = Some(bounds.map_or(here, |b| join(b, here)));
    }
    bounds
}

fn join<const N: usize>(a: [(usize, usize); N], b: [(usize, usize); N]) -> [(usize, usize); N] {
    std::array::from_fn(|i| (a[i].0.min(b[i].0), a[i].1.max(b[i].1)))
}

fn cut(mask: &ArrayView3<u8>, [d, h, w]: Bounds, inside: impl Fn(u8) -> bool + Sync) -> Vec<u8> {
    let boxed = mask.slice(s![d.0..d.1, h.0..h.1, w.0..w.1]);
    let plane_len = (h.1 - h.0) * (w.1 - w.0);
    let mut bytes = vec![0; (d.1 - d.0) * plane_len];
    if plane_len == 0 {
        return bytes;
    }
    bytes.par_chunks_mut(plane_len).zip(boxed.axis_iter(Axis(0)).into_par_iter()).for_each(|(out, plane)| {
        for (out, row) in out.chunks_exact_mut(w.1 - w.0).zip(plane.rows()) {
            out.iter_mut().zip(row).for_each(|(out, &v)| *out = u8::from(inside(v)));
        }
    });
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn the_box_holds_the_foreground_of_both_masks() {
        let mut a = Array3::<u8>::zeros((4, 5, 6));
        let mut b = a.clone();
        a[[1, 4, 2]] = 7;
        b[[2, 3, 5]] = 1;
        assert_eq!(joint_bounds(&a.view(), &b.view(), |v| v != 0), Some([(1, 3), (3, 5), (2, 6)]));
        let pair = MaskPair::new(a.view(), b.view()).unwrap();
        assert_eq!(pair.dims, [2, 2, 4]);
        assert_eq!(pair.predicted.iter().map(|&v| usize::from(v)).sum::<usize>(), 1);
        assert_eq!(pair.confusion(), Confusion { tp: 0, fp: 1, fn_: 1, tn: 118 });
    }

    #[test]
    fn two_empty_masks_have_an_empty_box() {
        let empty = Array3::<u8>::zeros((2, 2, 2));
        let pair = MaskPair::new(empty.view(), empty.view()).unwrap();
        assert_eq!(pair.dims, [0; 3]);
        assert_eq!(pair.confusion().tn, 8);
    }
}
