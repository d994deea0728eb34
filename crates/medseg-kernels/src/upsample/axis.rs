//! Interpolation along a doubled axis.

/// An axis doubled by linear interpolation: the source voxels of each output voxel, and their weights.
///
/// With either alignment, output voxel `2 i` lies between the input's voxels `i - 1` and `i`, and voxel `2 i + 1` between
/// `i` and `i + 1`; only the weights differ. At the ends, the weight of the missing one is 0.
#[derive(Clone, Debug)]
pub struct Axis {
    /// Weights of input voxels `i - 1` and `i` in output voxel `2 i`.
    pub(crate) even: Vec<[f32; 2]>,
    /// Weights of input voxels `i` and `i + 1` in output voxel `2 i + 1`.
    pub(crate) odd: Vec<[f32; 2]>,
    /// Weights of the first and of the second input voxel of every output voxel.
    weights: [Vec<f32>; 2],
}

impl Axis {
    /// Doubles an axis of `size` voxels.
    ///
    /// With `align_corners` the first and last voxels of both coincide; without, both cover the same extent.
    ///
    /// # Panics
    /// If `size` is 0.
    #[must_use]
    pub fn new(size: usize, align_corners: bool) -> Self {
        assert!(size > 0, "upsample_trilinear2x: a size is 0");
        let last = size - 1;
        // With aligned corners output voxel o lies at o (size - 1) / (2 size - 1): 2 i at i - i / (2 size - 1) and
        // 2 i + 1 at i + (size - 1 - i) / (2 size - 1). Otherwise they lie at i - 1/4 and i + 1/4, held inside.
        let below = |i: usize| match (i, align_corners) {
            (0, _) => 0.0,
            (_, true) => i as f64 / (2 * size - 1) as f64,
            (_, false) => 0.25,
        };
        let pair = |first: f64, second: f64| [first as f32, second as f32];
        let even: Vec<_> = (0..size).map(|i| pair(below(i), 1.0 - below(i))).collect();
        // The axis is its own mirror image.
        let odd: Vec<_> = (0..size).map(|i| pair(1.0 - below(last - i), below(last - i))).collect();
        let weights = [0, 1].map(|voxel| even.iter().zip(&odd).flat_map(|(e, o)| [e[voxel], o[voxel]]).collect());
        Self { even, odd, weights }
    }

    /// Weights of the first and of the second input voxel of every output voxel, as [`sources`](Self::sources) gives them.
    pub(crate) fn weights(&self) -> (&[f32], &[f32]) {
        let [first, second] = &self.weights;
        (first, second)
    }

    /// Voxels of the axis before it is doubled.
    #[must_use]
    pub fn size(&self) -> usize {
        self.even.len()
    }

    /// The one or two input voxels of an output voxel, with their weights; twice the same at an end.
    #[must_use]
    pub fn sources(&self, output: usize) -> [(usize, f32); 2] {
        let (i, last) = (output / 2, self.even.len() - 1);
        let (voxels, weights) = match output % 2 {
            0 => ([i.saturating_sub(1), i], self.even[i]),
            _ => ([i, (i + 1).min(last)], self.odd[i]),
        };
        [(voxels[0], weights[0]), (voxels[1], weights[1])]
    }

    /// Doubles a row of this axis.
    pub(crate) fn widen(&self, row: &[f32], out: &mut [f32]) {
        assert_eq!((row.len(), out.len()), (self.size(), 2 * self.size()), "a row of this axis and its double");
        widen(row, out, &self.even, &self.odd);
    }

    /// The four output voxels that an input voxel contributes to, with its weights there; voxels beyond the ends are
    /// given as the nearest one, with weight 0.
    pub(crate) fn targets(&self, input: usize) -> [(usize, f32); 4] {
        let last = self.even.len() - 1;
        let before = if input > 0 { self.odd[input - 1][1] } else { 0.0 };
        let after = if input < last { self.even[input + 1][0] } else { 0.0 };
        [
            ((2 * input).saturating_sub(1), before),
            (2 * input, self.even[input][1]),
            (2 * input + 1, self.odd[input][0]),
            ((2 * input + 2).min(2 * last + 1), after),
        ]
    }
}

crate::isa::vectorised! {
    /// Doubles a row along the width.
    fn widen(row: &[f32], out: &mut [f32], even: &[[f32; 2]], odd: &[[f32; 2]]) {
        let last = row.len() - 1;
        let (pairs, _) = out.as_chunks_mut::<2>();
        // Between voxels i and i + 1 lie output voxels 2 i + 1 and 2 i + 2: all but the first and the last.
        pairs[0][0] = row[0];
        pairs[last][1] = row[last];
        let inner = &mut out[1..2 * last + 1];
        let (inner, _) = inner.as_chunks_mut::<2>();
        let neighbours = row.iter().zip(&row[1..]);
        for (((out, (&low, &high)), odd), even) in inner.iter_mut().zip(neighbours).zip(odd).zip(&even[1..]) {
            *out = [low * odd[0] + high * odd[1], low * even[0] + high * even[1]];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The position of an output voxel on the input axis.
    fn position(axis: &Axis, output: usize) -> f32 {
        axis.sources(output).iter().map(|&(voxel, weight)| voxel as f32 * weight).sum()
    }

    #[test]
    fn positions_follow_the_definition() {
        for size in 1..20 {
            let (aligned, centred) = (Axis::new(size, true), Axis::new(size, false));
            for output in 0..2 * size {
                let want = (output * (size - 1)) as f32 / (2 * size - 1) as f32;
                assert!((position(&aligned, output) - want).abs() < 1e-5, "{size} {output}");
                let want = ((output as f32 + 0.5) / 2.0 - 0.5).clamp(0.0, (size - 1) as f32);
                assert!((position(&centred, output) - want).abs() < 1e-5, "{size} {output}");
            }
        }
    }
}
