//! Instance normalisation and what follows it in a network: affine map, ReLU, sum of two branches.

mod rows;
mod scale;

use std::ops::Range;

use rayon::prelude::*;

pub(crate) use rows::row_sums;
pub use rows::{Affine, Moments};
use rows::{Branch, GradMoments};
pub use scale::scale_rows;

/// Voxels of one partial sum; fixed, so that results do not depend on the number of threads.
const PART: usize = 1 << 14;

/// Instance norm of tensors `[batch, channel, depth, height, width]`, optionally followed by a ReLU.
///
/// A row is one channel of one sample. Sums are in f64 and their order depends on the sizes alone. Weights and biases
/// come as one [`Affine`] a channel, or one a row (channel dropout multiplies them by a factor): any number that divides
/// the number of rows.
///
/// ```
/// use medseg_kernels::InstanceNorm3d;
/// use medseg_kernels::norm::Affine;
///
/// let norm = InstanceNorm3d::new(2).with_eps(0.0);
/// let (x, mut y) = ([1.0, 3.0, 5.0, 5.5], [0.0; 4]);
/// let moments = norm.moments(&x);
/// norm.forward(&x, &moments, &[Affine::IDENTITY], &mut y);
/// assert_eq!(y, [-1.0, 1.0, -1.0, 1.0]);
/// assert_eq!(moments[1].mean(), 5.25);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InstanceNorm3d {
    /// Voxels of a row.
    len: usize,
    eps: f64,
    /// Slope below 0 of the ReLU that follows, if one does.
    slope: Option<f32>,
}

impl InstanceNorm3d {
    /// For channels of `voxels` voxels; eps 1e-5, no ReLU.
    ///
    /// # Panics
    /// If there are no voxels.
    #[must_use]
    pub fn new(voxels: usize) -> Self {
        assert!(voxels > 0, "instance norm of no voxels");
        Self { len: voxels, eps: 1e-5, slope: None }
    }

    /// Sets the number that is added to the variance.
    #[must_use]
    pub fn with_eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }

    /// Adds a ReLU with this slope below 0: 0 for a plain one.
    #[must_use]
    pub fn with_relu(self, slope: f32) -> Self {
        Self { slope: Some(slope), ..self }
    }

    /// The moments of every row.
    ///
    /// # Panics
    /// If `x` is not made of whole rows.
    #[must_use]
    pub fn moments(&self, x: &[f32]) -> Vec<Moments> {
        let rows = self.rows(x, &[()]);
        x.par_chunks(self.len).map(|row| rows.moments(row, self.eps)).collect()
    }

    /// The moments of every row, from the sums of its values and of their squares that the convolution which wrote them
    /// has added up: [`Sink::sums`](crate::conv::Sink::sums).
    #[must_use]
    pub fn moments_of_sums(&self, sums: &[[f64; 2]]) -> Vec<Moments> {
        sums.iter().map(|sums| Moments::new(0.0, *sums, self.len, self.eps)).collect()
    }

    /// Writes the normalised `x` to `out`.
    ///
    /// # Panics
    /// If the lengths do not agree.
    pub fn forward(&self, x: &[f32], moments: &[Moments], affine: &[Affine], out: &mut [f32]) {
        let rows = self.rows(x, affine);
        assert_eq!((out.len(), moments.len()), (x.len(), rows.count), "output values and moments");
        let work = out.par_chunks_mut(self.len).zip(x.par_chunks(self.len)).zip(moments).enumerate();
        work.for_each(|(row, ((out, x), &moments))| {
            let affine = affine[row % affine.len()];
            rows.each_part_mut(out, |out, start| {
                let x = &x[start..start + out.len()];
                match self.slope {
                    Some(slope) => rows::apply::<true>(x, out, moments, affine, slope),
                    None => rows::apply::<false>(x, out, moments, affine, 0.0),
                }
            });
        });
    }

    /// Replaces `x` by its normalised values.
    ///
    /// # Panics
    /// If the lengths do not agree.
    pub fn forward_in_place(&self, x: &mut [f32], moments: &[Moments], affine: &[Affine]) {
        let rows = self.rows(x, affine);
        assert_eq!(moments.len(), rows.count, "moments");
        x.par_chunks_mut(self.len).zip(moments).enumerate().for_each(|(row, (x, &moments))| {
            let affine = affine[row % affine.len()];
            rows.each_part_mut(x, |x, _| match self.slope {
                Some(slope) => rows::apply_in_place::<true>(x, moments, affine, slope),
                None => rows::apply_in_place::<false>(x, moments, affine, 0.0),
            });
        });
    }

    /// Replaces the output's gradient `grad` by the gradient of `x`. Returns two sums a row, over its voxels: of the
    /// gradient behind the ReLU (the bias' gradient) and of its products with the normalised values (the weight's).
    ///
    /// # Panics
    /// If the lengths do not agree.
    pub fn backward(&self, x: &[f32], grad: &mut [f32], moments: &[Moments], affine: &[Affine]) -> Vec<[f64; 2]> {
        let rows = self.rows(x, affine);
        assert_eq!((grad.len(), moments.len()), (x.len(), rows.count), "gradient values and moments");
        let work = grad.par_chunks_mut(self.len).zip(x.par_chunks(self.len)).zip(moments).enumerate();
        work.map(|(row, ((grad, x), &moments))| {
            let affine = affine[row % affine.len()];
            match self.slope {
                Some(slope) => rows.backward::<true>(x, grad, moments, affine, slope),
                None => rows.backward::<false>(x, grad, moments, affine, 0.0),
            }
        })
        .collect()
    }

    /// Writes `relu(norm(a) + norm(b))` to `out`, the end of a residual block. Each `affine` holds that of `a` and that of
    /// `b`.
    ///
    /// # Panics
    /// If the lengths do not agree.
    pub fn add_relu(&self, [a, b]: [&[f32]; 2], moments: [&[Moments]; 2], affine: &[[Affine; 2]], out: &mut [f32]) {
        let rows = self.branches(a, b, moments, affine);
        assert_eq!(out.len(), a.len(), "output values");
        let branches = out.par_chunks_mut(self.len).zip(a.par_chunks(self.len).zip(b.par_chunks(self.len)));
        branches.enumerate().for_each(|(row, (out, (a, b)))| {
            let branches = branches_of(row, moments, affine);
            rows.each_part_mut(out, |out, start| {
                let part = start..start + out.len();
                rows::add_relu(&a[part.clone()], &b[part], out, branches, self.slope.unwrap_or(0.0));
            });
        });
    }

    /// [`add_relu`](Self::add_relu), written over `a`.
    ///
    /// # Panics
    /// If the lengths do not agree.
    pub fn add_relu_in_place(&self, a: &mut [f32], b: &[f32], moments: [&[Moments]; 2], affine: &[[Affine; 2]]) {
        let rows = self.branches(a, b, moments, affine);
        a.par_chunks_mut(self.len).zip(b.par_chunks(self.len)).enumerate().for_each(|(row, (a, b))| {
            let branches = branches_of(row, moments, affine);
            rows.each_part_mut(a, |a, start| {
                let b = &b[start..start + a.len()];
                rows::add_relu_in_place(a, b, branches, self.slope.unwrap_or(0.0));
            });
        });
    }

    /// Replaces the output's gradient `grad` by the gradient of `a` and writes that of `b` to `grad_b`. Returns three
    /// sums a row: of the gradient behind the ReLU, and of its products with the normalised `a` and `b`.
    ///
    /// # Panics
    /// If the lengths do not agree.
    pub fn add_relu_backward(
        &self,
        [a, b]: [&[f32]; 2],
        grad: &mut [f32],
        grad_b: &mut [f32],
        moments: [&[Moments]; 2],
        affine: &[[Affine; 2]],
    ) -> Vec<[f64; 3]> {
        let rows = self.branches(a, b, moments, affine);
        assert_eq!([grad.len(), grad_b.len()], [a.len(); 2], "gradient values");
        grad.par_chunks_mut(self.len)
            .zip(grad_b.par_chunks_mut(self.len))
            .zip(a.par_chunks(self.len).zip(b.par_chunks(self.len)))
            .enumerate()
            .map(|(row, ((grad, grad_b), (a, b)))| {
                let branches = branches_of(row, moments, affine);
                rows.backward_branches([a, b], grad, grad_b, branches, self.slope.unwrap_or(0.0))
            })
            .collect()
    }

    /// The rows of two branches.
    fn branches(&self, a: &[f32], b: &[f32], moments: [&[Moments]; 2], affine: &[[Affine; 2]]) -> Rows {
        let rows = self.rows(a, affine);
        assert_eq!(b.len(), a.len(), "values of the second branch");
        assert_eq!(moments.map(<[_]>::len), [rows.count; 2], "moments");
        rows
    }

    /// The rows of `x`.
    fn rows<T>(&self, x: &[f32], affine: &[T]) -> Rows {
        let count = x.len() / self.len;
        assert_eq!(x.len(), count * self.len, "rows of {} voxels", self.len);
        assert!(!affine.is_empty() && count.is_multiple_of(affine.len()), "{} affines for {count} rows", affine.len());
        Rows { count, len: self.len, split: self.len > PART && count < 2 * rayon::current_num_threads() }
    }
}

/// Both branches of a row.
fn branches_of(row: usize, moments: [&[Moments]; 2], affine: &[[Affine; 2]]) -> [Branch; 2] {
    let affine = affine[row % affine.len()];
    std::array::from_fn(|of| Branch { moments: moments[of][row], affine: affine[of] })
}

/// A tensor seen as one row a channel of a sample.
#[derive(Clone, Copy)]
struct Rows {
    count: usize,
    /// Voxels of a row.
    len: usize,
    /// True if rows are too few to keep all threads busy, so that parts of them run in parallel too.
    split: bool,
}

impl Rows {
    /// The sums over a row, added up part after part.
    fn sum<const N: usize>(self, sums: impl Fn(Range<usize>) -> [f64; N] + Sync) -> [f64; N] {
        let part = |number: usize| sums(number * PART..((number + 1) * PART).min(self.len));
        let parts = self.len.div_ceil(PART);
        let add = |total: [f64; N], part: [f64; N]| std::array::from_fn(|i| total[i] + part[i]);
        if self.split {
            let parts: Vec<[f64; N]> = (0..parts).into_par_iter().map(part).collect();
            parts.into_iter().fold([0.0; N], add)
        } else {
            (0..parts).map(part).fold([0.0; N], add)
        }
    }

    /// Calls `write` with every part of a row and its first voxel.
    fn each_part_mut(self, row: &mut [f32], write: impl Fn(&mut [f32], usize) + Sync) {
        if self.split {
            row.par_chunks_mut(PART).enumerate().for_each(|(number, part)| write(part, number * PART));
        } else {
            write(row, 0);
        }
    }

    fn moments(self, row: &[f32], eps: f64) -> Moments {
        let origin = row[0];
        Moments::new(origin, self.sum(|part| rows::sums(&row[part], origin)), self.len, eps)
    }

    /// Replaces the gradient of a row; returns the sums for the gradients of bias and weight.
    fn backward<const RELU: bool>(
        self,
        x: &[f32],
        grad: &mut [f32],
        moments: Moments,
        affine: Affine,
        slope: f32,
    ) -> [f64; 2] {
        let sums = {
            let grad = &*grad;
            self.sum(|part| rows::grad_sums::<RELU>(&x[part.clone()], &grad[part], moments, affine, slope))
        };
        let means = GradMoments::new(sums, self.len);
        self.each_part_mut(grad, |grad, start| {
            let x = &x[start..start + grad.len()];
            rows::apply_grad::<RELU>(x, grad, moments, affine, slope, means);
        });
        sums
    }

    /// Replaces the gradient of a row by that of `a` and writes that of `b`; returns the sums for the gradients of the
    /// biases and weights.
    fn backward_branches(
        self,
        [a, b]: [&[f32]; 2],
        grad: &mut [f32],
        grad_b: &mut [f32],
        branches: [Branch; 2],
        slope: f32,
    ) -> [f64; 3] {
        let sums @ [sum, with_a, with_b] = {
            let grad = &*grad;
            self.sum(|part| rows::add_relu_grad_sums(&a[part.clone()], &b[part.clone()], &grad[part], branches, slope))
        };
        let means = [with_a, with_b].map(|products| GradMoments::new([sum, products], self.len));
        let write = |grad: &mut [f32], grad_b: &mut [f32], start: usize| {
            let part = start..start + grad.len();
            rows::add_relu_apply_grad(&a[part.clone()], &b[part], grad, grad_b, branches, slope, means);
        };
        if self.split {
            grad.par_chunks_mut(PART)
                .zip(grad_b.par_chunks_mut(PART))
                .enumerate()
                .for_each(|(number, (grad, grad_b))| write(grad, grad_b, number * PART));
        } else {
            write(grad, grad_b, 0);
        }
        sums
    }
}
