//! The convolutions on Burn's Flex backend.

use std::ops::Range;

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Shape;
use burn_flex::FlexTensor;

use super::extension::{ConvBackend, ConvGradientBackend};
use super::kernel::{
    Arithmetic, Part, Read, Scale, Sink, Source, Use, best_path, pointwise, pointwise_weight_gradient,
    pointwise_weights, transformed, winograd, winograd_weight_gradient,
};
use super::{ConvOptions, Precision};
use crate::flex_values::{contiguous, tensor, values};
use crate::norm::extension::{NormKept, Steps};
use crate::norm::flex::{affine_rows, kept, moments, restored};
use crate::recycled::Buffer;
use crate::upsample::axis::Axis;
use crate::upsample::flex::gather_enlargement;

/// Values of enlarged gradients that are made before they become what was enlarged: 16 MiB.
const ENLARGED: usize = 4 << 20;

impl ConvBackend for Flex {
    fn conv3d_direct(x: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions) -> FloatTensor<Self> {
        let x = contiguous(x);
        let [batch, channels, sides @ ..] = x.layout().shape().dims::<5>();
        let parts = [Part { values: values(&x), channels, read: Read::Plain }];
        convolve(&Source::new(batch, sides, &parts), weight, options)
    }

    fn conv3d_joined(
        skip: FloatTensor<Self>,
        below: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        enlarged: Option<bool>,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        let joined = Joined::new(skip, below, enlarged);
        joined.with(|source| convolve(source, weight, options))
    }

    fn conv3d_rectified(
        x: FloatTensor<Self>,
        norm_weight: FloatTensor<Self>,
        norm_bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        steps: Steps,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        Self::conv3d_rectified_kept(x, norm_weight, norm_bias, factors, weight, steps, options).0
    }
}

impl ConvGradientBackend for Flex {
    fn conv3d_direct_input(
        gradient: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        input: Shape,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        let [batch, channels, sides @ ..] = input.dims::<5>();
        let voxels = sides.iter().product();
        let mut out = Buffer::new(batch * channels * voxels);
        input_gradient(gradient, weight, options, &Sink::new(batch, voxels, [(&mut out[..], channels)]));
        tensor(out, input)
    }

    fn conv3d_direct_weight(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        weight: Shape,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        let x = contiguous(x);
        let [batch, channels, sides @ ..] = x.layout().shape().dims::<5>();
        let parts = [Part { values: values(&x), channels, read: Read::Plain }];
        weight_gradient(&Source::new(batch, sides, &parts), gradient, weight, options)
    }

    fn conv3d_joined_inputs(
        gradient: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        skip_shape: Shape,
        below_shape: Shape,
        enlarged: Option<bool>,
        options: ConvOptions,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [batch, channels, sides @ ..] = skip_shape.dims::<5>();
        let [_, below_channels, ..] = below_shape.dims::<5>();
        let voxels: usize = sides.iter().product();
        let gradient = contiguous(gradient);
        let of_input = InputGradient::new(&gradient, &contiguous(weight), options);
        let mut skip = Buffer::new(batch * channels * voxels);
        let mut below = Buffer::new(below_shape.num_elements());
        let Some(align_corners) = enlarged else {
            let sink = Sink::new(batch, voxels, [(&mut skip[..], channels), (&mut below[..], below_channels)]);
            of_input.write(0..batch, &sink);
            return (tensor(skip, skip_shape), tensor(below, below_shape));
        };
        // The enlarged gradient is eight times what it becomes: of a few samples at a time.
        let round = (ENLARGED / (below_channels * voxels)).clamp(1, batch);
        let mut large = Buffer::new(round * below_channels * voxels);
        let parts =
            skip.chunks_mut(round * channels * voxels).zip(below.chunks_mut(round * below_channels * voxels / 8));
        for (number, (skip, below)) in parts.enumerate() {
            let samples = number * round..batch.min((number + 1) * round);
            let large = &mut large[..samples.len() * below_channels * voxels];
            let sink = Sink::new(samples.len(), voxels, [(skip, channels), (large, below_channels)]);
            of_input.write(samples, &sink);
            gather_enlargement(large, sides, align_corners, below);
        }
        (tensor(skip, skip_shape), tensor(below, below_shape))
    }

    fn conv3d_joined_weight(
        skip: FloatTensor<Self>,
        below: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        weight: Shape,
        enlarged: Option<bool>,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        let joined = Joined::new(skip, below, enlarged);
        joined.with(|source| weight_gradient(source, gradient, weight, options))
    }

    fn conv3d_rectified_kept(
        x: FloatTensor<Self>,
        norm_weight: FloatTensor<Self>,
        norm_bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        steps: Steps,
        options: ConvOptions,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let x = contiguous(x);
        let statistics = kept(&moments(&x, steps.eps));
        let norm = NormKept { x, weight: norm_weight, bias: norm_bias, factors, statistics, steps };
        let out = with_rectified(&norm, |source| convolve(source, weight, options));
        (out, norm.statistics)
    }

    fn conv3d_rectified_weight(
        norm: NormKept<Self>,
        gradient: FloatTensor<Self>,
        weight: Shape,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        with_rectified(&norm, |source| weight_gradient(source, gradient, weight, options))
    }
}

/// Two inputs read as one.
struct Joined {
    skip: FlexTensor,
    below: FlexTensor,
    axes: Option<[Axis; 3]>,
}

impl Joined {
    fn new(skip: FlexTensor, below: FlexTensor, enlarged: Option<bool>) -> Self {
        let below = contiguous(below);
        let [_, _, sides @ ..] = below.layout().shape().dims::<5>();
        let axes = enlarged.map(|align_corners| sides.map(|side| Axis::new(side, align_corners)));
        Self { skip: contiguous(skip), below, axes }
    }

    fn with<T>(&self, run: impl FnOnce(&Source<'_>) -> T) -> T {
        let [batch, channels, sides @ ..] = self.skip.layout().shape().dims::<5>();
        let [_, below_channels, ..] = self.below.layout().shape().dims::<5>();
        let read = self.axes.as_ref().map_or(Read::Plain, Read::Enlarged);
        let parts = [
            Part { values: values(&self.skip), channels, read: Read::Plain },
            Part { values: values(&self.below), channels: below_channels, read },
        ];
        run(&Source::new(batch, sides, &parts))
    }
}

/// Runs with x read through its norm, channel factors and ReLU.
fn with_rectified<T>(norm: &NormKept<Flex>, run: impl FnOnce(&Source<'_>) -> T) -> T {
    let x = contiguous(norm.x.clone());
    let [batch, channels, sides @ ..] = x.layout().shape().dims::<5>();
    let affines = affine_rows(norm.weight.clone(), norm.bias.clone(), norm.factors.clone());
    let scales: Vec<Scale> = restored(&norm.statistics)
        .iter()
        .zip(affines)
        .map(|(of, affine)| Scale {
            shift: of.shift,
            rest: of.rest,
            scale: of.scale * affine.weight,
            bias: affine.bias,
            slope: norm.steps.slope.unwrap_or(0.0),
        })
        .collect();
    let parts = [Part { values: values(&x), channels, read: Read::Rectified(&scales) }];
    run(&Source::new(batch, sides, &parts))
}

/// One convolution.
fn convolve(x: &Source<'_>, weight: FlexTensor, options: ConvOptions) -> FlexTensor {
    let weight = contiguous(weight);
    let [output, input, kernel, ..] = weight.layout().shape().dims::<5>();
    let sides: [usize; 3] = std::array::from_fn(|a| x.sides[a] + 2 * options.padding[a] + 1 - kernel);
    let voxels = sides.iter().product();
    let mut out = Buffer::new(x.batch * output * voxels);
    let sink = Sink::new(x.batch, voxels, [(&mut out[..], output)]);
    if kernel == 1 {
        pointwise(best_path(), x, &pointwise_weights(values(&weight), output, input, false), &sink);
    } else {
        // A single channel would leave half of every word empty.
        let half = (options.precision == Precision::Bf16 && input > 1).then(Arithmetic::fastest_half).flatten();
        let arithmetic = half.unwrap_or(Arithmetic::Single);
        let weights = transformed(values(&weight), output, input, Use::Forward, arithmetic);
        winograd(best_path(), arithmetic, x, &weights, options.padding, &sink);
    }
    let [d, h, w] = sides;
    tensor(out, Shape::new([x.batch, output, d, h, w]))
}

/// The gradient of the input: a convolution of the output's gradient.
fn input_gradient(gradient: FlexTensor, weight: FlexTensor, options: ConvOptions, out: &Sink<'_>) {
    let (gradient, weight) = (contiguous(gradient), contiguous(weight));
    let [batch, ..] = gradient.layout().shape().dims::<5>();
    InputGradient::new(&gradient, &weight, options).write(0..batch, out);
}

/// The gradient of the input, for any samples of a batch.
struct InputGradient<'a> {
    /// The output's gradient.
    gradient: &'a [f32],
    channels: usize,
    sides: [usize; 3],
    weights: Weights,
    padding: [usize; 3],
}

/// Weights as the kernels read them.
enum Weights {
    Pointwise(Vec<f32>),
    Winograd(Buffer),
}

impl<'a> InputGradient<'a> {
    /// From contiguous tensors.
    fn new(gradient: &'a FlexTensor, weight: &FlexTensor, options: ConvOptions) -> Self {
        let [output, input, kernel, ..] = weight.layout().shape().dims::<5>();
        let [_, channels, sides @ ..] = gradient.layout().shape().dims::<5>();
        let weights = if kernel == 1 {
            Weights::Pointwise(pointwise_weights(values(weight), output, input, true))
        } else {
            Weights::Winograd(transformed(values(weight), output, input, Use::InputGradient, Arithmetic::Single))
        };
        let padding = options.padding.map(|p| kernel - 1 - p);
        Self { gradient: values(gradient), channels, sides, weights, padding }
    }

    fn write(&self, samples: Range<usize>, out: &Sink<'_>) {
        let sample = self.channels * self.sides.iter().product::<usize>();
        let gradient = &self.gradient[samples.start * sample..samples.end * sample];
        let parts = [Part { values: gradient, channels: self.channels, read: Read::Plain }];
        let source = Source::new(samples.len(), self.sides, &parts);
        match &self.weights {
            Weights::Pointwise(weights) => pointwise(best_path(), &source, weights, out),
            Weights::Winograd(weights) => {
                winograd(best_path(), Arithmetic::Single, &source, weights, self.padding, out);
            }
        }
    }
}

/// The gradient of the weights.
fn weight_gradient(x: &Source<'_>, gradient: FlexTensor, weight: Shape, options: ConvOptions) -> FlexTensor {
    let gradient = contiguous(gradient);
    let [output, _, kernel, ..] = weight.dims::<5>();
    let result = if kernel == 1 {
        pointwise_weight_gradient(best_path(), x, values(&gradient), output)
    } else {
        winograd_weight_gradient(best_path(), x, values(&gradient), output, options.padding)
    };
    tensor(result.into(), weight)
}
