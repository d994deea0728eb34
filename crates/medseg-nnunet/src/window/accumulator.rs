//! Sums over the windows that overlap a slab.

use half::f16;
use ndarray::{Array3, Axis};
use rayon::prelude::*;

use super::sums::Sum;
use super::{WindowError, WindowPlan};

/// Sums of one slice of the first axis.
struct Slice<S> {
    /// [class, height, width].
    logits: Vec<S>,
    /// [height, width].
    weights: Vec<S>,
}

/// Sums of as many slices as a patch has, of the padded image: windows go along the first axis, so no window needs more.
///
/// The slice `z` of the image lies at `z % depth`.
pub(super) struct Accumulator<'a, S> {
    plan: &'a WindowPlan,
    slices: Vec<Slice<S>>,
    classes: usize,
    /// Weights of the patch in C order.
    gaussian: Vec<f32>,
}

impl<'a, S: Sum> Accumulator<'a, S> {
    pub(super) fn new(plan: &'a WindowPlan, classes: usize, gaussian: Vec<f32>) -> Result<Self, WindowError> {
        let [depth, ..] = plan.patch;
        let [_, height, width] = plan.padded;
        let plane = height.checked_mul(width);
        let zeros = |channels: usize| {
            let full = || WindowError::Memory { classes, bytes: plan.accumulator_bytes(classes) };
            let count = plane.and_then(|plane| plane.checked_mul(channels)).ok_or_else(full)?;
            let mut zeros = Vec::new();
            zeros.try_reserve_exact(count).map_err(|_| full())?;
            zeros.resize(count, S::default());
            Ok(zeros)
        };
        let slice = |_| Ok(Slice { logits: zeros(classes)?, weights: zeros(1)? });
        let slices = (0..depth).map(slice).collect::<Result<_, WindowError>>()?;
        Ok(Self { plan, slices, classes, gaussian })
    }

    /// Adds a window's logits, [class, depth, height, width] in C order. Returns true if all sums are finite.
    pub(super) fn add(&mut self, start: [usize; 3], logits: &[f32]) -> bool {
        let [depth, height, width] = self.plan.patch;
        let [_, rows, columns] = self.plan.padded;
        let gaussian = &self.gaussian;
        let add_slice = |(at, slice): (usize, &mut Slice<S>)| {
            let d = (at + depth - start[0] % depth) % depth;
            let of_patch = |first: usize, h: usize| ((first * depth + d) * height + h) * width;
            let of_image = |h: usize| (start[1] + h) * columns + start[2];
            let mut scratch = vec![0.0; width];
            for h in 0..height {
                let row = &mut slice.weights[of_image(h)..][..width];
                S::add_weights(row, &gaussian[of_patch(0, h)..][..width], &mut scratch);
            }
            let add_class = |(class, sums): (usize, &mut [S])| {
                let mut scratch = vec![0.0; width];
                let mut finite = true;
                for h in 0..height {
                    let weights = &gaussian[of_patch(0, h)..][..width];
                    let values = &logits[of_patch(class, h)..][..width];
                    finite &= S::add(&mut sums[of_image(h)..][..width], values, weights, &mut scratch);
                }
                finite
            };
            let classes = slice.logits.par_chunks_mut(rows * columns).enumerate();
            classes.map(add_class).reduce(|| true, |a, b| a & b)
        };
        self.slices.par_iter_mut().enumerate().map(add_slice).reduce(|| true, |a, b| a & b)
    }

    /// Logits of slice `z` of the padded image without its padding, [class, height, width]; its sums begin again at 0.
    /// `None` if a logit is not finite.
    pub(super) fn take(&mut self, z: usize) -> Option<Array3<f16>> {
        let [_, rows, columns] = self.plan.padded;
        let [_, top, left] = self.plan.below;
        let [_, height, width] = self.plan.shape;
        let at = z % self.slices.len();
        let slice = &mut self.slices[at];
        let weights = &slice.weights;
        let mut logits = Array3::from_elem((self.classes, height, width), f16::ZERO);
        let divide_class = |(mut logits, sums): (ndarray::ArrayViewMut2<'_, f16>, &mut [S])| {
            let (mut scratch, mut more) = (vec![0.0; width], vec![0.0; width]);
            let mut finite = true;
            for (h, mut row) in logits.axis_iter_mut(Axis(0)).enumerate() {
                let first = (top + h) * columns + left;
                if let Some(row) = row.as_slice_mut() {
                    let (sums, weights) = (&sums[first..][..width], &weights[first..][..width]);
                    finite &= S::divide(sums, weights, row, &mut scratch, &mut more);
                }
            }
            sums.fill(S::default());
            finite
        };
        let classes: Vec<_> = logits.axis_iter_mut(Axis(0)).zip(slice.logits.chunks_mut(rows * columns)).collect();
        let finite = classes.into_par_iter().map(divide_class).reduce(|| true, |a, b| a & b);
        slice.weights.fill(S::default());
        finite.then_some(logits)
    }

    /// Forgets the sums of slice `z`, which is padding.
    pub(super) fn skip(&mut self, z: usize) {
        let at = z % self.slices.len();
        self.slices[at].logits.fill(S::default());
        self.slices[at].weights.fill(S::default());
    }
}
