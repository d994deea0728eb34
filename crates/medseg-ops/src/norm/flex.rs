//! Instance norm on the Flex device: channels of samples in parallel, and parts of a channel where these are few.

use super::extension::{BranchKept, NormBackend, NormGradBackend, NormKept, Steps};
use super::rows::{self, Affine, Branch, GradMoments, Moments};
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
        factors: FloatTensor<Self>,
        steps: Steps,
    ) -> FloatTensor<Self> {
        let mut x = contiguous(x);
        let rows = Rows::new(&x);
        let affines = affine_rows(weight, bias, factors);
        if let Some(values) = values_mut(&mut x) {
            values.par_chunks_mut(rows.len).zip(&affines).for_each(|(x, &affine)| {
                let moments = rows.moments(x, steps.eps);
                rows.each_part_mut(x, |x, _| match steps.slope {
                    Some(slope) => rows::apply_in_place::<true>(x, moments, affine, slope),
                    None => rows::apply_in_place::<false>(x, moments, affine, 0.0),
                });
            });
            return x;
        }
        rows.normalised(&x, &affines, steps).0
    }

    fn norm_add_relu(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        weight_a: FloatTensor<Self>,
        bias_a: FloatTensor<Self>,
        weight_b: FloatTensor<Self>,
        bias_b: FloatTensor<Self>,
        steps: Steps,
    ) -> FloatTensor<Self> {
        let (mut a, mut b) = (contiguous(a), contiguous(b));
        let rows = Rows::new(&a);
        let mut affines = branch_affines([weight_a, bias_a, weight_b, bias_b]);
        // A sum has no order: the result takes the place of either branch.
        if values_mut(&mut a).is_none() {
            std::mem::swap(&mut a, &mut b);
            affines.iter_mut().for_each(|of| of.reverse());
        }
        if let Some(into) = values_mut(&mut a) {
            into.par_chunks_mut(rows.len).zip(values(&b).par_chunks(rows.len)).enumerate().for_each(|(row, (a, b))| {
                let branches = rows.branches([a, b], affines[row % affines.len()], steps.eps);
                rows.each_part_mut(a, |a, start| {
                    let b = &b[start..start + a.len()];
                    rows::add_relu_in_place(a, b, branches, slope(steps));
                });
            });
            return a;
        }
        rows.added(&a, &b, &affines, steps).0
    }
}

impl NormGradBackend for Flex {
    fn instance_norm_kept(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        steps: Steps,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let x = contiguous(x);
        let (out, moments) = Rows::new(&x).normalised(&x, &affine_rows(weight, bias, factors), steps);
        (out, kept(&moments))
    }

    fn instance_norm_grad(
        grad: FloatTensor<Self>,
        kept: NormKept<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let NormKept { x, weight, bias, factors, statistics, steps } = kept;
        let (mut grad, x, moments) = (contiguous(grad), contiguous(x), restored(&statistics));
        let rows = Rows::new(&x);
        let [channels] = weight.layout().shape().dims();
        let affines = affine_rows(weight, bias, factors.clone());
        let sums: Vec<[f64; 2]> = own_values(&mut grad)
            .par_chunks_mut(rows.len)
            .zip(values(&x).par_chunks(rows.len))
            .zip(moments.par_iter().zip(&affines))
            .map(|((grad, x), (&moments, &affine))| match steps.slope {
                Some(slope) => rows.backward::<true>(x, grad, moments, affine, slope),
                None => rows.backward::<false>(x, grad, moments, affine, 0.0),
            })
            .collect();
        let factors = contiguous(factors);
        let of_channels = |which: usize| {
            let scaled = sums.iter().zip(values(&factors)).map(|(sums, &factor)| sums[which] * f64::from(factor));
            channel_sums(&scaled.collect::<Vec<_>>(), channels)
        };
        let (of_weight, of_bias) = (of_channels(1), of_channels(0));
        (grad, of_weight, of_bias)
    }

    fn norm_add_relu_kept(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        weight_a: FloatTensor<Self>,
        bias_a: FloatTensor<Self>,
        weight_b: FloatTensor<Self>,
        bias_b: FloatTensor<Self>,
        steps: Steps,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (a, b) = (contiguous(a), contiguous(b));
        let affines = branch_affines([weight_a, bias_a, weight_b, bias_b]);
        let (out, moments) = Rows::new(&a).added(&a, &b, &affines, steps);
        let of = |branch: usize| kept(&moments.iter().map(|of| of[branch]).collect::<Vec<_>>());
        (out, of(0), of(1))
    }

    fn norm_add_relu_grad(
        grad: FloatTensor<Self>,
        a: BranchKept<Self>,
        b: BranchKept<Self>,
        steps: Steps,
    ) -> (
        (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>),
        (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>),
    ) {
        let (of_a, of_b) = (restored(&a.statistics), restored(&b.statistics));
        let affines = branch_affines([a.weight, a.bias, b.weight, b.bias]);
        let (mut grad, a, b) = (contiguous(grad), contiguous(a.x), contiguous(b.x));
        let rows = Rows::new(&a);
        let channels = affines.len();
        let mut grad_b = Buffer::new(rows.count * rows.len);
        let sums: Vec<[f64; 3]> = own_values(&mut grad)
            .par_chunks_mut(rows.len)
            .zip(grad_b.par_chunks_mut(rows.len))
            .zip(values(&a).par_chunks(rows.len).zip(values(&b).par_chunks(rows.len)))
            .enumerate()
            .map(|(row, ((grad_a, grad_b), (a, b)))| {
                let affine = affines[row % channels];
                let branches = [(of_a[row], affine[0]), (of_b[row], affine[1])];
                let branches = branches.map(|(moments, affine)| Branch { moments, affine });
                rows.backward_branches(a, b, grad_a, grad_b, branches, slope(steps))
            })
            .collect();
        let shape = grad.layout().shape().clone();
        let of = |which: usize| channel_sums(&sums.iter().map(|sums| sums[which]).collect::<Vec<_>>(), channels);
        ((grad, of(1), of(0)), (tensor(grad_b, shape), of(2), of(0)))
    }
}

/// The slope of the ReLU at the end of a residual block, which always has one.
fn slope(steps: Steps) -> f32 {
    steps.slope.unwrap_or(0.0)
}

/// The sums of every channel over the samples.
fn channel_sums(rows: &[f64], channels: usize) -> FlexTensor {
    let of = |channel: usize| rows.iter().skip(channel).step_by(channels).sum::<f64>() as f32;
    let sums: Vec<f32> = (0..channels).map(of).collect();
    tensor(sums.into(), Shape::new([channels]))
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
    fn normalised(self, x: &FlexTensor, affines: &[Affine], steps: Steps) -> (FlexTensor, Vec<Moments>) {
        let source = values(x);
        let mut moments = Vec::with_capacity(self.count);
        let mut out = Buffer::new(self.count * self.len);
        let rows = out.par_chunks_mut(self.len).zip(source.par_chunks(self.len)).zip(affines);
        rows.map(|((out, x), &affine)| {
            let moments = self.moments(x, steps.eps);
            self.each_part_mut(out, |out, start| {
                let x = &x[start..start + out.len()];
                match steps.slope {
                    Some(slope) => rows::apply::<true>(x, out, moments, affine, slope),
                    None => rows::apply::<false>(x, out, moments, affine, 0.0),
                }
            });
            moments
        })
        .collect_into_vec(&mut moments);
        (tensor(out, x.layout().shape().clone()), moments)
    }

    /// Both branches of a row.
    fn branches(self, rows: [&[f32]; 2], [of_a, of_b]: [Affine; 2], eps: f64) -> [Branch; 2] {
        let [a, b] = rows.map(|row| self.moments(row, eps));
        [Branch { moments: a, affine: of_a }, Branch { moments: b, affine: of_b }]
    }

    /// ReLU of the sum of normalised `a` and `b` in a new tensor, and the moments of their rows; `affines` has both
    /// branches' a channel.
    fn added(
        self,
        a: &FlexTensor,
        b: &FlexTensor,
        affines: &[[Affine; 2]],
        steps: Steps,
    ) -> (FlexTensor, Vec<[Moments; 2]>) {
        let branches = values(a).par_chunks(self.len).zip(values(b).par_chunks(self.len));
        let mut moments = Vec::with_capacity(self.count);
        let mut out = Buffer::new(self.count * self.len);
        out.par_chunks_mut(self.len)
            .zip(branches)
            .enumerate()
            .map(|(row, (out, (a, b)))| {
                let branches = self.branches([a, b], affines[row % affines.len()], steps.eps);
                self.each_part_mut(out, |out, start| {
                    let part = start..start + out.len();
                    rows::add_relu(&a[part.clone()], &b[part], out, branches, slope(steps));
                });
                branches.map(|of| of.moments)
            })
            .collect_into_vec(&mut moments);
        (tensor(out, a.layout().shape().clone()), moments)
    }

    /// Replaces the gradient of a row; returns the sums of which the gradients of bias and weight are made.
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
        let lost = GradMoments::new(sums, self.len);
        self.each_part_mut(grad, |grad, start| {
            let x = &x[start..start + grad.len()];
            rows::apply_grad::<RELU>(x, grad, moments, affine, slope, lost);
        });
        sums
    }

    /// Replaces the gradient of a row by that of `a` and writes that of `b`; returns the sums of which the gradients of
    /// biases and weights are made.
    fn backward_branches(
        self,
        a: &[f32],
        b: &[f32],
        grad: &mut [f32],
        grad_b: &mut [f32],
        branches: [Branch; 2],
        slope: f32,
    ) -> [f64; 3] {
        let sums @ [sum, with_a, with_b] = {
            let grad = &*grad;
            self.sum(|part| rows::add_relu_grad_sums(&a[part.clone()], &b[part.clone()], &grad[part], branches, slope))
        };
        let lost = [with_a, with_b].map(|products| GradMoments::new([sum, products], self.len));
        let write = |grad: &mut [f32], grad_b: &mut [f32], start: usize| {
            let part = start..start + grad.len();
            rows::add_relu_apply_grad(&a[part.clone()], &b[part], grad, grad_b, branches, slope, lost);
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

/// The moments of every channel of a contiguous tensor.
pub(crate) fn moments(x: &FlexTensor, eps: f64) -> Vec<Moments> {
    let rows = Rows::new(x);
    values(x).par_chunks(rows.len).map(|row| rows.moments(row, eps)).collect()
}

/// Weight and bias of every channel of every sample, with its factor.
pub(crate) fn affine_rows(weight: FlexTensor, bias: FlexTensor, factors: FlexTensor) -> Vec<Affine> {
    let channels = affine(weight, bias);
    let factors = contiguous(factors);
    let rows = values(&factors).iter().zip(channels.iter().cycle());
    rows.map(|(factor, of)| Affine { weight: of.weight * factor, bias: of.bias * factor }).collect()
}

/// Weight and bias of both branches of every channel.
fn branch_affines([weight_a, bias_a, weight_b, bias_b]: [FlexTensor; 4]) -> Vec<[Affine; 2]> {
    affine(weight_a, bias_a).into_iter().zip(affine(weight_b, bias_b)).map(|(a, b)| [a, b]).collect()
}

/// Weight and bias of every channel.
fn affine(weight: FlexTensor, bias: FlexTensor) -> Vec<Affine> {
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
