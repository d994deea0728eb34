//! The convolutions with stride 1 on Burn's Flex backend.

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Shape;
use burn_flex::FlexTensor;
use medseg_kernels::conv::{Part, Read, Scale, Sink, Source};
use medseg_kernels::memory::Buffer;
use medseg_kernels::{Arithmetic, Conv3d, upsample_trilinear2x_grad};

use super::extension::{ConvBackend, ConvGradBackend};
use super::{ConvOptions, Precision};
use crate::flex_values::{contiguous, tensor, tensor_with_sums, values};
use crate::norm::extension::{NormParams, NormSaved};
use crate::norm::flex::{affine_rows, moments, restored, statistics};

/// Values of upsampled gradients that are made before they are gathered: 16 MiB.
const UPSAMPLED: usize = 4 << 20;

impl ConvBackend for Flex {
    fn conv3d_direct(x: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions) -> FloatTensor<Self> {
        let x = contiguous(x);
        convolve(&source(&x), weight, options)
    }

    fn conv3d_concat(
        skip: FloatTensor<Self>,
        below: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        upsampled: Option<bool>,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        let (skip, below) = (contiguous(skip), contiguous(below));
        convolve(&concatenated(&skip, &below, upsampled), weight, options)
    }

    fn conv3d_norm_relu(
        x: FloatTensor<Self>,
        norm_weight: FloatTensor<Self>,
        norm_bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        params: NormParams,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        Self::conv3d_norm_relu_with_statistics(x, norm_weight, norm_bias, factors, weight, params, options).0
    }
}

impl ConvGradBackend for Flex {
    fn conv3d_direct_input_grad(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        input: Shape,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        let (grad, weight) = (contiguous(grad), contiguous(weight));
        let [batch, channels, shape @ ..] = input.dims::<5>();
        let mut out = Buffer::new(input.num_elements());
        let sink = Sink::new(&mut out, batch, channels, shape.iter().product());
        conv(weight.layout().shape(), options).input_grad(values(&grad), values(&weight), shape, &sink);
        tensor(out, input)
    }

    fn conv3d_direct_weight_grad(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        weight: Shape,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        let x = contiguous(x);
        weight_grad(&source(&x), grad, weight, options)
    }

    fn conv3d_concat_input_grads(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        skip_shape: Shape,
        below_shape: Shape,
        upsampled: Option<bool>,
        options: ConvOptions,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [batch, channels, shape @ ..] = skip_shape.dims::<5>();
        let [_, below_channels, below_size @ ..] = below_shape.dims::<5>();
        let voxels: usize = shape.iter().product();
        let (grad, weight) = (contiguous(grad), contiguous(weight));
        let conv = conv(weight.layout().shape(), options);
        let mut skip = Buffer::new(skip_shape.num_elements());
        let mut below = Buffer::new(below_shape.num_elements());
        if let Some(align_corners) = upsampled.filter(|_| conv.multiplies_before_upsampling(below_channels)) {
            let small = (below_size, align_corners);
            conv.upsampled_input_grad(values(&grad), values(&weight), small, [&mut skip, &mut below]);
            return (tensor(skip, skip_shape), tensor(below, below_shape));
        }
        let input_grad = conv.prepare_input_grad(values(&weight), shape);
        let Some(align_corners) = upsampled else {
            let parts = [(&mut skip[..], channels), (&mut below[..], below_channels)];
            input_grad.write(values(&grad), &Sink::from_parts(batch, voxels, parts));
            return (tensor(skip, skip_shape), tensor(below, below_shape));
        };
        // The gradient of what was upsampled is eight times what is gathered from it: of a few samples at a time.
        let round = (UPSAMPLED / (below_channels * voxels)).clamp(1, batch);
        let mut large = Buffer::new(round * below_channels * voxels);
        let parts = (values(&grad).chunks(round * (grad.layout().num_elements() / batch)))
            .zip(skip.chunks_mut(round * channels * voxels))
            .zip(below.chunks_mut(round * below_channels * voxels / 8));
        for ((grad, skip), below) in parts {
            let samples = skip.len() / (channels * voxels);
            let large = &mut large[..samples * below_channels * voxels];
            let parts = [(skip, channels), (&mut *large, below_channels)];
            input_grad.write(grad, &Sink::from_parts(samples, voxels, parts));
            upsample_trilinear2x_grad(large, below_size, align_corners, below);
        }
        (tensor(skip, skip_shape), tensor(below, below_shape))
    }

    fn conv3d_concat_weight_grad(
        skip: FloatTensor<Self>,
        below: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        weight: Shape,
        upsampled: Option<bool>,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        let (skip, below) = (contiguous(skip), contiguous(below));
        weight_grad(&concatenated(&skip, &below, upsampled), grad, weight, options)
    }

    fn conv3d_norm_relu_with_statistics(
        x: FloatTensor<Self>,
        norm_weight: FloatTensor<Self>,
        norm_bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        params: NormParams,
        options: ConvOptions,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let x = contiguous(x);
        let statistics = statistics(&moments(&x, params.eps));
        let norm = NormSaved { x, weight: norm_weight, bias: norm_bias, factors, statistics, params };
        let out = with_norm_relu(&norm, |source| convolve(source, weight, options));
        (out, norm.statistics)
    }

    fn conv3d_norm_relu_weight_grad(
        norm: NormSaved<Self>,
        grad: FloatTensor<Self>,
        weight: Shape,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        with_norm_relu(&norm, |source| weight_grad(source, grad, weight, options))
    }
}

/// A contiguous tensor as a convolution's input.
pub(super) fn source(x: &FlexTensor) -> Source<'_> {
    let [batch, channels, shape @ ..] = x.layout().shape().dims::<5>();
    Source::new(values(x), batch, channels, shape)
}

/// Two contiguous tensors read as one.
fn concatenated<'a>(skip: &'a FlexTensor, below: &'a FlexTensor, upsampled: Option<bool>) -> Source<'a> {
    let [batch, channels, shape @ ..] = skip.layout().shape().dims::<5>();
    let [_, below_channels, ..] = below.layout().shape().dims::<5>();
    let read = upsampled.map_or(Read::Plain, |align_corners| Read::Upsampled { align_corners });
    let skip = Part { values: values(skip), channels, read: Read::Plain };
    let below = Part { values: values(below), channels: below_channels, read };
    Source::from_parts(batch, shape, &[skip, below])
}

/// Calls `run` with x read through its norm, channel factors and ReLU.
fn with_norm_relu<T>(norm: &NormSaved<Flex>, run: impl FnOnce(&Source<'_>) -> T) -> T {
    let x = contiguous(norm.x.clone());
    let [batch, channels, shape @ ..] = x.layout().shape().dims::<5>();
    let affines = affine_rows(norm.weight.clone(), norm.bias.clone(), norm.factors.clone());
    let scales: Vec<Scale> = restored(&norm.statistics)
        .iter()
        .zip(affines)
        .map(|(of, affine)| Scale {
            shift: of.shift,
            rest: of.rest,
            scale: of.scale * affine.weight,
            bias: affine.bias,
            slope: norm.params.slope.unwrap_or(0.0),
        })
        .collect();
    let part = Part { values: values(&x), channels, read: Read::NormRelu(&scales) };
    run(&Source::from_parts(batch, shape, &[part]))
}

/// The kernel for weights `[out_channels, in_channels, kernel]`.
pub(super) fn conv(weight: &Shape, options: ConvOptions) -> Conv3d {
    let [out_channels, in_channels, kernel @ ..] = weight.dims::<5>();
    Conv3d::new(in_channels, out_channels, kernel).with_stride(options.stride).with_padding(options.padding)
}

/// The output of a convolution.
pub(crate) fn convolve(x: &Source<'_>, weight: FlexTensor, options: ConvOptions) -> FlexTensor {
    let weight = contiguous(weight);
    let bf16 = (options.precision == Precision::Bf16).then(Arithmetic::fastest_bf16).flatten();
    let conv = conv(weight.layout().shape(), options).with_arithmetic(bf16.unwrap_or(Arithmetic::F32));
    forward(&conv, x, &weight)
}

/// The output of a convolution with contiguous weights.
pub(super) fn forward(conv: &Conv3d, x: &Source<'_>, weight: &FlexTensor) -> FlexTensor {
    let ([d, h, w], out_channels) = (conv.output_shape(x.shape()), weight.layout().shape()[0]);
    let mut out = Buffer::new(x.batch() * out_channels * d * h * w);
    let sink = Sink::new(&mut out, x.batch(), out_channels, d * h * w).with_sums(w);
    conv.forward(x, values(weight), &sink);
    let sums = sink.sums();
    drop(sink);
    tensor_with_sums(out, Shape::new([x.batch(), out_channels, d, h, w]), sums)
}

/// The gradient of the weights.
fn weight_grad(x: &Source<'_>, grad: FlexTensor, weight: Shape, options: ConvOptions) -> FlexTensor {
    let grad = contiguous(grad);
    tensor(conv(&weight, options).weight_grad(x, values(&grad)).into(), weight)
}
