//! Instance norm on Burn's Flex backend.

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Shape;
use burn_flex::FlexTensor;
use medseg_kernels::InstanceNorm3d;
use medseg_kernels::memory::Buffer;
use medseg_kernels::norm::{Affine, Moments};

use super::extension::{BranchSaved, NormBackend, NormGradBackend, NormParams, NormSaved};
use crate::flex_values::{contiguous, known_sums, tensor, values, values_mut};

impl NormBackend for Flex {
    fn instance_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        params: NormParams,
    ) -> FloatTensor<Self> {
        let mut x = contiguous(x);
        let (norm, affines) = (norm(&x, params), affine_rows(weight, bias, factors));
        let moments = moments(&x, params.eps);
        if let Some(values) = values_mut(&mut x) {
            norm.forward_in_place(values, &moments, &affines);
            return x;
        }
        normalised(&x, &moments, &affines, params)
    }

    fn norm_add_relu(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        weight_a: FloatTensor<Self>,
        bias_a: FloatTensor<Self>,
        weight_b: FloatTensor<Self>,
        bias_b: FloatTensor<Self>,
        params: NormParams,
    ) -> FloatTensor<Self> {
        let (mut a, mut b) = (contiguous(a), contiguous(b));
        let norm = norm(&a, params);
        // Before the values may be overwritten, which makes their sums unknown.
        let mut of_branches = [&a, &b].map(|x| moments(x, params.eps));
        let mut affines = branch_affines([weight_a, bias_a, weight_b, bias_b]);
        // A sum has no order: the result takes the place of either branch.
        if values_mut(&mut a).is_none() {
            std::mem::swap(&mut a, &mut b);
            of_branches.reverse();
            affines.iter_mut().for_each(|of| of.reverse());
        }
        let moments = of_branches.each_ref().map(Vec::as_slice);
        if let Some(into) = values_mut(&mut a) {
            norm.add_relu_in_place(into, values(&b), moments, &affines);
            return a;
        }
        added([&a, &b], moments, &affines, params)
    }
}

impl NormGradBackend for Flex {
    fn instance_norm_with_statistics(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        params: NormParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let x = contiguous(x);
        let moments = moments(&x, params.eps);
        (normalised(&x, &moments, &affine_rows(weight, bias, factors), params), statistics(&moments))
    }

    fn instance_norm_grad(
        grad: FloatTensor<Self>,
        saved: NormSaved<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let NormSaved { x, weight, bias, factors, statistics, params } = saved;
        let (mut grad, x, factors) = (contiguous(grad), contiguous(x), contiguous(factors));
        let [channels] = weight.layout().shape().dims();
        let affines = affine_rows(weight, bias, factors.clone());
        let sums = norm(&x, params).backward(values(&x), own_values(&mut grad), &restored(&statistics), &affines);
        let channel_grads = |which: usize| {
            let scaled = sums.iter().zip(values(&factors)).map(|(sums, &factor)| sums[which] * f64::from(factor));
            channel_sums(&scaled.collect::<Vec<_>>(), channels)
        };
        let (weight_grad, bias_grad) = (channel_grads(1), channel_grads(0));
        (grad, weight_grad, bias_grad)
    }

    fn norm_add_relu_with_statistics(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        weight_a: FloatTensor<Self>,
        bias_a: FloatTensor<Self>,
        weight_b: FloatTensor<Self>,
        bias_b: FloatTensor<Self>,
        params: NormParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let affines = branch_affines([weight_a, bias_a, weight_b, bias_b]);
        let branches = [contiguous(a), contiguous(b)];
        let moments = branches.each_ref().map(|x| moments(x, params.eps));
        let out = added(branches.each_ref(), moments.each_ref().map(Vec::as_slice), &affines, params);
        let [a, b] = moments.map(|moments| statistics(&moments));
        (out, a, b)
    }

    fn norm_add_relu_grad(
        grad: FloatTensor<Self>,
        a: BranchSaved<Self>,
        b: BranchSaved<Self>,
        params: NormParams,
    ) -> (
        (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>),
        (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>),
    ) {
        let moments = [restored(&a.statistics), restored(&b.statistics)];
        let affines = branch_affines([a.weight, a.bias, b.weight, b.bias]);
        let (mut grad, a, b) = (contiguous(grad), contiguous(a.x), contiguous(b.x));
        let mut grad_b = Buffer::new(values(&a).len());
        let sums = norm(&a, params).add_relu_backward(
            [values(&a), values(&b)],
            own_values(&mut grad),
            &mut grad_b,
            moments.each_ref().map(Vec::as_slice),
            &affines,
        );
        let shape = grad.layout().shape().clone();
        let of = |which: usize| channel_sums(&sums.iter().map(|sums| sums[which]).collect::<Vec<_>>(), affines.len());
        ((grad, of(1), of(0)), (tensor(grad_b, shape), of(2), of(0)))
    }
}

/// The kernel for channels of `x`.
fn norm(x: &FlexTensor, params: NormParams) -> InstanceNorm3d {
    let [_, _, depth, height, width] = x.layout().shape().dims();
    let norm = InstanceNorm3d::new(depth * height * width).with_eps(params.eps);
    params.slope.map_or(norm, |slope| norm.with_relu(slope))
}

/// Normalised `x` in a new tensor.
fn normalised(x: &FlexTensor, moments: &[Moments], affines: &[Affine], params: NormParams) -> FlexTensor {
    let mut out = Buffer::new(values(x).len());
    norm(x, params).forward(values(x), moments, affines, &mut out);
    tensor(out, x.layout().shape().clone())
}

/// ReLU of the sum of two normalised tensors in a new one; `affines` has both branches' for each channel.
fn added(
    branches: [&FlexTensor; 2],
    moments: [&[Moments]; 2],
    affines: &[[Affine; 2]],
    params: NormParams,
) -> FlexTensor {
    let mut out = Buffer::new(values(branches[0]).len());
    norm(branches[0], params).add_relu(branches.map(values), moments, affines, &mut out);
    tensor(out, branches[0].layout().shape().clone())
}

/// The moments of every channel of a contiguous tensor.
pub(crate) fn moments(x: &FlexTensor, eps: f64) -> Vec<Moments> {
    let [batch, channels, ..] = x.layout().shape().dims::<5>();
    let norm = norm(x, NormParams { eps, slope: None });
    known_sums(x, batch * channels).map_or_else(|| norm.moments(values(x)), |sums| norm.moments_of_sums(&sums))
}

/// The sums of every channel over the samples.
fn channel_sums(rows: &[f64], channels: usize) -> FlexTensor {
    let of = |channel: usize| rows.iter().skip(channel).step_by(channels).sum::<f64>() as f32;
    let sums: Vec<f32> = (0..channels).map(of).collect();
    tensor(sums.into(), Shape::new([channels]))
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

/// Moments as a tensor [rows, 3], which an autodiff graph can save.
pub(crate) fn statistics(moments: &[Moments]) -> FlexTensor {
    let rows: Vec<f32> = moments.iter().flat_map(|of| [of.shift, of.rest, of.scale]).collect();
    tensor(rows.into(), Shape::new([moments.len(), 3]))
}

/// The inverse of [`statistics`].
pub(crate) fn restored(statistics: &FlexTensor) -> Vec<Moments> {
    let (rows, _) = values(statistics).as_chunks::<3>();
    rows.iter().map(|&[shift, rest, scale]| Moments { shift, rest, scale }).collect()
}
