//! Instance norm on the Flex device: channels of samples in parallel, and parts of a channel where these are few.

use super::extension::{BranchesKept, NormBackend, NormGradBackend, NormKept};
use super::rows::{self, Affine, GradMoments, Moments};
use crate::flex_values::{contiguous, tensor, values, values_mut};
use crate::recycled::Buffer;
use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Shape;
use burn_flex::FlexTensor;
use rayon::prelude::*;

/// Voxels of one partial sum; fixed, so that results do not depend on the number of threads.
const PART: usize = 1 << 14;

impl NormBackend for Flex {
    fn instance_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        eps: f64,
        relu: bool,
    ) -> FloatTensor<Self> {
        let mut x = contiguous(x);
        let rows = Rows::new(&x);
        let affine = affine_rows(weight, bias);
        let affine = |row: usize| affine[row % affine.len()];
        if let Some(values) = values_mut(&mut x) {
            values.par_chunks_mut(rows.len).enumerate().for_each(|(row, x)| {
                let moments = rows.moments(x, eps);
                rows.each_part_mut(x, |x, _| match relu {
                    true => rows::apply_in_place::<true>(x, moments, affine(row)),
                    false => rows::apply_in_place::<false>(x, moments, affine(row)),
                });
            });
            return x;
        }
        rows.normalised(&x, affine, eps, relu).0
    }

    fn instance_norm_add_relu(a: FloatTensor<Self>, b: FloatTensor<Self>, eps: f64) -> FloatTensor<Self> {
        let (mut a, mut b) = (contiguous(a), contiguous(b));
        let rows = Rows::new(&a);
        // A sum has no order: the result takes the place of either branch.
        if values_mut(&mut a).is_none() {
            std::mem::swap(&mut a, &mut b);
        }
        if let Some(into) = values_mut(&mut a) {
            into.par_chunks_mut(rows.len).zip(values(&b).par_chunks(rows.len)).for_each(|(a, b)| {
                let moments = [rows.moments(a, eps), rows.moments(b, eps)];
                rows.each_part_mut(a, |a, start| {
                    let b = &b[start..start + a.len()];
                    rows::add_relu_in_place(a, b, moments);
                });
            });
            return a;
        }
        rows.added(&a, &b, eps).0
    }
}

impl NormGradBackend for Flex {
    fn instance_norm_kept(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        eps: f64,
        relu: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let x = contiguous(x);
        let rows = Rows::new(&x);
        let affine = affine_rows(weight, bias);
        let (out, moments) = rows.normalised(&x, |row| affine[row % affine.len()], eps, relu);
        (out, kept(&moments))
    }

    fn instance_norm_grad(
        grad: FloatTensor<Self>,
        state: NormKept<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let NormKept { x, weight, bias, statistics, relu } = state;
        let (mut grad, x, moments) = (contiguous(grad), contiguous(x), restored(&statistics));
        let rows = Rows::new(&x);
        let affine = affine_rows(weight, bias);
        let channels = affine.len();
        let sums: Vec<[f64; 2]> = own_values(&mut grad)
            .par_chunks_mut(rows.len)
            .zip(values(&x).par_chunks(rows.len))
            .zip(&moments)
            .enumerate()
            .map(|(row, ((grad, x), &moments))| match relu {
                true => rows.backward::<true>(x, grad, moments, affine[row % channels]),
                false => rows.backward::<false>(x, grad, moments, affine[row % channels]),
            })
            .collect();
        let channel_sum = |which: usize| -> FlexTensor {
            let of = |channel: usize| sums.iter().skip(channel).step_by(channels).map(|row| row[which]).sum::<f64>();
            let sums: Vec<f32> = (0..channels).map(|channel| of(channel) as f32).collect();
            tensor(sums.into(), Shape::new([channels]))
        };
        (grad, channel_sum(1), channel_sum(0))
    }

    fn instance_norm_add_relu_kept(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        eps: f64,
    ) -> (FloatTensor<Self>, [FloatTensor<Self>; 2]) {
        let (a, b) = (contiguous(a), contiguous(b));
        let (out, moments) = Rows::new(&a).added(&a, &b, eps);
        (out, [0, 1].map(|branch| kept(&moments.iter().map(|of| of[branch]).collect::<Vec<_>>())))
    }

    fn instance_norm_add_relu_grad(
        grad: FloatTensor<Self>,
        state: BranchesKept<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let mut grad = contiguous(grad);
        let [a, b] = state.branches.map(contiguous);
        let [of_a, of_b] = state.statistics.each_ref().map(restored);
        let rows = Rows::new(&a);
        let grad_a = own_values(&mut grad);
        let mut grad_b = Buffer::new(rows.count * rows.len);
        grad_a
            .par_chunks_mut(rows.len)
            .zip(grad_b.par_chunks_mut(rows.len))
            .zip(values(&a).par_chunks(rows.len).zip(values(&b).par_chunks(rows.len)))
            .zip(of_a.par_iter().zip(&of_b))
            .for_each(|(((grad_a, grad_b), (a, b)), (&of_a, &of_b))| {
                rows.backward_branches(a, b, grad_a, grad_b, [of_a, of_b]);
            });
        let shape = grad.layout().shape().clone();
        (grad, tensor(grad_b, shape))
    }
}

/// A tensor seen as one row a channel of a sample.
#[derive(Clone, Copy)]
struct Rows {
    count: usize,
    /// Voxels of a row.
    len: usize,
    /// Whether rows are too few to keep all threads busy, so that parts of them run in parallel too.
    split: bool,
}

impl Rows {
    fn new(x: &FlexTensor) -> Self {
        let [batch, channels, depth, height, width] = x.layout().shape().dims();
        let (count, len) = (batch * channels, depth * height * width);
        Self { count, len, split: len > PART && count < 2 * rayon::current_num_threads() }
    }

    /// The sums over a row, added up part after part.
    fn sum<const N: usize>(self, sums: impl Fn(std::ops::Range<usize>) -> [f64; N] + Sync) -> [f64; N] {
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
    fn each_part_mut<T: Send>(self, row: &mut [T], write: impl Fn(&mut [T], usize) + Sync) {
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

    /// Normalised `x` in a new tensor, and the moments of its rows.
    fn normalised(
        self,
        x: &FlexTensor,
        affine: impl Fn(usize) -> Affine + Sync,
        eps: f64,
        relu: bool,
    ) -> (FlexTensor, Vec<Moments>) {
        let source = values(x);
        let mut moments = Vec::with_capacity(self.count);
        let mut out = Buffer::new(self.count * self.len);
        let rows = out.par_chunks_mut(self.len).zip(source.par_chunks(self.len)).enumerate();
        rows.map(|(row, (out, x))| {
            let moments = self.moments(x, eps);
            self.each_part_mut(out, |out, start| {
                let x = &x[start..start + out.len()];
                match relu {
                    true => rows::apply::<true>(x, out, moments, affine(row)),
                    false => rows::apply::<false>(x, out, moments, affine(row)),
                }
            });
            moments
        })
        .collect_into_vec(&mut moments);
        (tensor(out, x.layout().shape().clone()), moments)
    }

    /// ReLU of the sum of normalised `a` and `b` in a new tensor, and the moments of their rows.
    fn added(self, a: &FlexTensor, b: &FlexTensor, eps: f64) -> (FlexTensor, Vec<[Moments; 2]>) {
        let branches = values(a).par_chunks(self.len).zip(values(b).par_chunks(self.len));
        let mut moments = Vec::with_capacity(self.count);
        let mut out = Buffer::new(self.count * self.len);
        out.par_chunks_mut(self.len)
            .zip(branches)
            .map(|(out, (a, b))| {
                let moments = [self.moments(a, eps), self.moments(b, eps)];
                self.each_part_mut(out, |out, start| {
                    let part = start..start + out.len();
                    rows::add_relu(&a[part.clone()], &b[part], out, moments);
                });
                moments
            })
            .collect_into_vec(&mut moments);
        (tensor(out, a.layout().shape().clone()), moments)
    }

    /// Replaces the gradient of a row; returns the sums of which the gradients of bias and weight are made.
    fn backward<const RELU: bool>(self, x: &[f32], grad: &mut [f32], moments: Moments, affine: Affine) -> [f64; 2] {
        let sums = {
            let grad = &*grad;
            self.sum(|part| rows::grad_sums::<RELU>(&x[part.clone()], &grad[part], moments, affine))
        };
        let lost = GradMoments::new(sums, self.len);
        self.each_part_mut(grad, |grad, start| {
            let x = &x[start..start + grad.len()];
            rows::apply_grad::<RELU>(x, grad, moments, affine, lost);
        });
        sums
    }

    /// Replaces the gradient of a row by that of `a` and writes that of `b`.
    fn backward_branches(self, a: &[f32], b: &[f32], grad: &mut [f32], grad_b: &mut [f32], moments: [Moments; 2]) {
        let [sum, with_a, with_b] = {
            let grad = &*grad;
            self.sum(|part| rows::add_relu_grad_sums(&a[part.clone()], &b[part.clone()], &grad[part], moments))
        };
        let lost = [with_a, with_b].map(|products| GradMoments::new([sum, products], self.len));
        let write = |grad: &mut [f32], grad_b: &mut [f32], start: usize| {
            let part = start..start + grad.len();
            rows::add_relu_apply_grad(&a[part.clone()], &b[part], grad, grad_b, moments, lost);
        };
        if self.split {
            grad.par_chunks_mut(PART)
                .zip(grad_b.par_chunks_mut(PART))
                .enumerate()
                .for_each(|(number, (grad, grad_b))| write(grad, grad_b, number * PART));
        } else {
            write(grad, grad_b, 0);
        }
    }
}

/// The moments of every channel of a contiguous tensor.
pub(crate) fn moments(x: &FlexTensor, eps: f64) -> Vec<Moments> {
    let rows = Rows::new(x);
    values(x).par_chunks(rows.len).map(|row| rows.moments(row, eps)).collect()
}

/// Weight and bias of every channel, or of every channel of every sample.
fn affine_rows(weight: FlexTensor, bias: FlexTensor) -> Vec<Affine> {
    let (weight, bias) = (contiguous(weight), contiguous(bias));
    values(&weight).iter().zip(values(&bias)).map(|(&weight, &bias)| Affine { weight, bias }).collect()
}

/// The values of a gradient, to be overwritten; copied first if another operation holds the same tensor.
fn own_values(grad: &mut FlexTensor) -> &mut [f32] {
    if values_mut(grad).is_none() {
        let mut copy = Buffer::new(values(grad).len());
        copy.copy_from_slice(values(grad));
        *grad = tensor(copy, grad.layout().shape().clone());
    }
    values_mut(grad).expect("a contiguous tensor of its own")
}

/// Moments as a tensor [rows, 3], which an autodiff graph can keep.
pub(crate) fn kept(moments: &[Moments]) -> FlexTensor {
    let rows: Vec<f32> = moments.iter().flat_map(|of| [of.shift, of.rest, of.scale]).collect();
    tensor(rows.into(), Shape::new([moments.len(), 3]))
}

/// The inverse of [`kept`].
pub(crate) fn restored(statistics: &FlexTensor) -> Vec<Moments> {
    let (rows, _) = values(statistics).as_chunks::<3>();
    rows.iter().map(|&[shift, rest, scale]| Moments { shift, rest, scale }).collect()
}
