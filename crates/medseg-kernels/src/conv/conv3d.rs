//! A convolution by the algorithm that suits it.

use super::amx::{Weights, convolve, suits};
use super::direct::{Geometry, direct, transposed, weight_grad};
use super::pointwise::{before_upsampling, pointwise, pointwise_weights};
use super::winograd::{Pass, Tile, transformed, winograd, winograd_weight_grad};
use super::{Arithmetic, Sink, Source};
use crate::isa::Isa;
use crate::memory::Buffer;

/// A way to compute a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// A product of a small matrix with every voxel: kernel 1×1×1, stride 1, no padding.
    Pointwise,
    /// Winograd's F(4, 3), of small maps F(2, 3), along depth and height: kernel 3×3×3 or, along height alone, 1×3×3; stride 1, a padding that the
    /// kernel reaches beyond. Gradients of a 1×3×3 kernel's weights are summed as by [`Direct`](Self::Direct).
    Winograd,
    /// The sums of the definition, a region at a time: any kernel, stride and padding.
    Direct,
}

/// A 3D cross-correlation with zero padding, as PyTorch's `Conv3d`, without bias.
///
/// Weights are `[out_channels, in_channels, kernel depth, kernel height, kernel width]`; all triples are
/// `[depth, height, width]`. The methods panic where lengths do not agree.
///
/// ```
/// use medseg_kernels::Conv3d;
/// use medseg_kernels::conv::{Sink, Source};
///
/// let conv = Conv3d::new(2, 3, [3; 3]).with_padding([1; 3]);
/// let (x, weight) = (vec![1.0; 2 * 4 * 5 * 6], vec![1.0; 3 * 2 * 27]);
/// let mut y = vec![0.0; 3 * 4 * 5 * 6];
/// conv.forward(&Source::new(&x, 1, 2, [4, 5, 6]), &weight, &Sink::new(&mut y, 1, 3, 4 * 5 * 6));
/// // A corner sees 8 voxels of 2 channels.
/// assert_eq!(y[0], 16.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv3d {
    in_channels: usize,
    out_channels: usize,
    kernel: [usize; 3],
    stride: [usize; 3],
    padding: [usize; 3],
    arithmetic: Arithmetic,
    algorithm: Option<Algorithm>,
    isa: Isa,
}

impl Conv3d {
    /// Stride 1, no padding, products in f32, the widest instruction set of the processor.
    ///
    /// # Panics
    /// If a number is 0.
    #[must_use]
    pub fn new(in_channels: usize, out_channels: usize, kernel: [usize; 3]) -> Self {
        assert!(in_channels > 0 && out_channels > 0, "a convolution of {in_channels} to {out_channels} channels");
        assert!(kernel.iter().all(|size| *size > 0), "a kernel of {kernel:?}");
        let (stride, padding, isa) = ([1; 3], [0; 3], Isa::detect());
        let arithmetic = Arithmetic::F32;
        Self { in_channels, out_channels, kernel, stride, padding, arithmetic, algorithm: None, isa }
    }

    /// Sets the step between windows.
    ///
    /// # Panics
    /// If a step is 0.
    #[must_use]
    pub fn with_stride(self, stride: [usize; 3]) -> Self {
        assert!(stride.iter().all(|step| *step > 0), "a stride of {stride:?}");
        Self { stride, ..self }
    }

    /// Sets the zeros that are added on both sides.
    #[must_use]
    pub fn with_padding(self, padding: [usize; 3]) -> Self {
        Self { padding, ..self }
    }

    /// Sets how the forward pass and the gradient of the input multiply; that of the weights is in f32.
    ///
    /// [`Arithmetic::Bf16Tiles`] is for stride 1 and one or three taps along the width, whatever the algorithm.
    /// [`Arithmetic::Bf16`] is for the forward pass of Winograd's with more than one input channel. Everything else
    /// ignores this.
    ///
    /// # Panics
    /// If this processor lacks the instructions; see [`Arithmetic::available`].
    #[must_use]
    pub fn with_arithmetic(self, arithmetic: Arithmetic) -> Self {
        assert!(arithmetic.available(), "this processor has no instructions for {arithmetic:?}");
        Self { arithmetic, ..self }
    }

    /// Takes this algorithm instead of the fastest one.
    #[must_use]
    pub fn with_algorithm(self, algorithm: Algorithm) -> Self {
        Self { algorithm: Some(algorithm), ..self }
    }

    /// Takes this instruction set instead of the widest.
    #[must_use]
    pub fn with_isa(self, isa: Isa) -> Self {
        Self { isa, ..self }
    }

    /// The algorithm that computes this convolution; of few input channels the forward pass and the
    /// gradient of the weights take [`Direct`](Algorithm::Direct) all the same, unless another was asked for.
    ///
    /// # Panics
    /// If one was asked for that does not suit kernel, stride and padding.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        let fastest = match self.kernel {
            [1, 1, 1] if self.stride == [1; 3] && self.padding == [0; 3] => Algorithm::Pointwise,
            _ if self.shares_products() => Algorithm::Winograd,
            _ => Algorithm::Direct,
        };
        let algorithm = self.algorithm.unwrap_or(fastest);
        assert!(algorithm == fastest || algorithm == Algorithm::Direct, "{algorithm:?} does not compute {self:?}");
        algorithm
    }

    /// True if Winograd's algorithm suits kernel, stride and padding.
    fn shares_products(&self) -> bool {
        let reached = (0..3).all(|a| self.padding[a] < self.kernel[a]);
        !Tile::all(self.kernel).is_empty() && self.stride == [1; 3] && reached
    }

    /// Output shape for an input of this shape: `(size + 2 padding - kernel) / stride + 1`, rounded down.
    ///
    /// # Panics
    /// If the kernel is larger than the padded input.
    #[must_use]
    pub fn output_shape(&self, shape: [usize; 3]) -> [usize; 3] {
        self.geometry(shape).output
    }

    /// True if Winograd's algorithm saves nothing for so few input channels, unless it was asked for.
    fn few(&self, tile: &Tile) -> bool {
        self.algorithm.is_none() && self.in_channels <= tile.few_channels()
    }

    /// True if products are made on tiles.
    fn on_tiles(&self) -> bool {
        self.arithmetic == Arithmetic::Bf16Tiles && suits(self.kernel, self.stride, self.padding)
    }

    /// True if the last `upsampled` input channels, where they are upsampled on the way in, are multiplied before: the result is
    /// the same but for rounding, and cheaper. [`upsampled_input_grad`](Self::upsampled_input_grad) is then the gradient.
    #[must_use]
    pub fn multiplies_before_upsampling(&self, upsampled: usize) -> bool {
        self.algorithm() == Algorithm::Pointwise
            && !self.on_tiles()
            && upsampled < self.in_channels
            && before_upsampling::pays(self.out_channels, upsampled)
    }

    /// Writes the convolution of `x` to `out` `[batch, out_channels, output shape]`.
    ///
    /// # Panics
    /// If the lengths do not agree.
    pub fn forward(&self, x: &Source<'_>, weight: &[f32], out: &Sink<'_>) {
        let geometry = self.geometry(x.shape());
        self.check_weight(weight);
        assert_eq!(x.channels(), self.in_channels, "input channels");
        check_sink(out, [x.batch(), self.out_channels], geometry.output);
        if self.on_tiles() {
            let (out_channels, in_channels) = (self.out_channels, self.in_channels);
            let weights = Weights::new(weight, out_channels, in_channels, self.kernel, Pass::Forward);
            return convolve(x, &geometry, &weights, out);
        }
        let arithmetic = match self.arithmetic {
            // A single channel would leave half of every word empty.
            Arithmetic::Bf16 if self.in_channels > 1 => Arithmetic::Bf16,
            _ => Arithmetic::F32,
        };
        let tile = match arithmetic {
            Arithmetic::F32 => Tile::fastest(self.kernel, geometry.output),
            // Larger tiles would lose more than the products' rounding does.
            _ => Tile::all(self.kernel).first().copied(),
        };
        let tile = tile.filter(|tile| !self.few(tile) || arithmetic != Arithmetic::F32);
        match (self.algorithm(), tile) {
            (Algorithm::Pointwise, _) => before_upsampling::forward(self.isa, x, weight, out),
            (Algorithm::Winograd, Some(tile)) => {
                let weight = transformed(tile, weight, self.out_channels, self.in_channels, Pass::Forward, arithmetic);
                winograd(self.isa, arithmetic, tile, x, &weight, self.padding, out);
            }
            _ => {
                direct(self.isa, x, &geometry, weight, out);
            }
        }
    }

    /// Writes the gradient of the input, of `shape`, to `out` `[batch, in_channels, shape]`; `grad` is that of the output.
    ///
    /// This is also the transposed convolution of `grad`, with weights `[its channels, channels of out, kernel]`.
    ///
    /// # Panics
    /// If the lengths do not agree.
    #[doc(alias = "conv_transpose3d")]
    pub fn input_grad(&self, grad: &[f32], weight: &[f32], shape: [usize; 3], out: &Sink<'_>) {
        self.prepare_input_grad(weight, shape).write(grad, out);
    }

    /// [`input_grad`](Self::input_grad) with weights that are prepared once, for several parts of a batch.
    ///
    /// # Panics
    /// If the length of the weights does not agree, or the kernel does not fit into `shape`.
    #[must_use]
    pub fn prepare_input_grad<'a>(&self, weight: &'a [f32], shape: [usize; 3]) -> InputGrad<'a> {
        self.check_weight(weight);
        let prepared = match (self.algorithm(), Tile::fastest(self.kernel, shape)) {
            _ if self.on_tiles() && (0..3).all(|a| self.padding[a] < self.kernel[a]) => {
                let (out_channels, in_channels) = (self.out_channels, self.in_channels);
                Prepared::Tiles(Weights::new(weight, out_channels, in_channels, self.kernel, Pass::InputGrad))
            }
            (Algorithm::Pointwise, _) => {
                Prepared::Pointwise(pointwise_weights(weight, self.out_channels, self.in_channels, Pass::InputGrad))
            }
            (Algorithm::Winograd, Some(tile)) => {
                let (out_channels, in_channels) = (self.out_channels, self.in_channels);
                let weight = transformed(tile, weight, out_channels, in_channels, Pass::InputGrad, Arithmetic::F32);
                Prepared::Winograd(tile, weight)
            }
            _ => Prepared::Direct(weight),
        };
        InputGrad { conv: *self, geometry: self.geometry(shape), prepared }
    }

    /// Writes the gradients of input channels of which the last are upsampled on the way in: of the `plain` ones before them
    /// `[batch, channels, 2 · shape]`, and of those that are upsampled, `small` `[batch, channels, shape]`. `grad` is that of the output.
    ///
    /// Equal to [`input_grad`](Self::input_grad) and then [`upsample_trilinear2x_grad`](crate::upsample_trilinear2x_grad) but for
    /// rounding, and cheaper.
    ///
    /// # Panics
    /// If the lengths do not agree, or [`multiplies_before_upsampling`](Self::multiplies_before_upsampling) is false.
    pub fn upsampled_input_grad(
        &self,
        grad: &[f32],
        weight: &[f32],
        (shape, align_corners): ([usize; 3], bool),
        [plain, small]: [&mut [f32]; 2],
    ) {
        let voxels: usize = shape.iter().product();
        let batch = grad.len() / (self.out_channels * 8 * voxels);
        let upsampled = small.len() / (batch * voxels);
        assert!(self.multiplies_before_upsampling(upsampled), "{upsampled} upsampled channels of {self:?}");
        let lengths = [grad.len(), small.len(), plain.len()];
        let channels = [self.out_channels * 8, upsampled, (self.in_channels - upsampled) * 8];
        assert_eq!(lengths, channels.map(|channels| batch * channels * voxels), "gradient values");
        self.check_weight(weight);
        before_upsampling::input_grads(
            self.isa,
            grad,
            weight,
            self.out_channels,
            (shape, align_corners),
            [plain, small],
        );
    }

    /// The gradient of the weights; `grad` is that of the output. Sums over a few rows are in f32, over those in f64.
    ///
    /// # Panics
    /// If the lengths do not agree.
    #[must_use]
    pub fn weight_grad(&self, x: &Source<'_>, grad: &[f32]) -> Vec<f32> {
        let geometry = self.geometry(x.shape());
        assert_eq!(x.channels(), self.in_channels, "input channels");
        let voxels: usize = geometry.output.iter().product();
        assert_eq!(grad.len(), x.batch() * self.out_channels * voxels, "gradient values");
        let tile = Tile::fastest(self.kernel, geometry.output).filter(|tile| !self.few(tile));
        match (self.algorithm(), tile) {
            (Algorithm::Pointwise, _) => before_upsampling::weight_grad(self.isa, x, grad, self.out_channels),
            (Algorithm::Winograd, Some(tile)) if tile.deep() => {
                winograd_weight_grad(self.isa, tile, x, grad, self.out_channels, self.padding)
            }
            _ => weight_grad(self.isa, x, grad, &geometry, self.out_channels),
        }
    }

    fn geometry(&self, shape: [usize; 3]) -> Geometry {
        Geometry::new(shape, self.kernel, self.stride, self.padding)
    }

    fn check_weight(&self, weight: &[f32]) {
        let taps: usize = self.kernel.iter().product();
        assert_eq!(weight.len(), self.out_channels * self.in_channels * taps, "weights");
    }
}

/// The gradient of a convolution's input, with prepared weights; from [`Conv3d::prepare_input_grad`].
#[derive(Debug)]
pub struct InputGrad<'a> {
    conv: Conv3d,
    geometry: Geometry,
    prepared: Prepared<'a>,
}

/// Weights as the algorithms read them.
#[derive(Debug)]
enum Prepared<'a> {
    Pointwise(Vec<f32>),
    Winograd(Tile, Buffer),
    Tiles(Weights),
    Direct(&'a [f32]),
}

impl InputGrad<'_> {
    /// Writes the gradient of the input to `out`, for as many samples as it has.
    ///
    /// # Panics
    /// If the lengths do not agree.
    pub fn write(&self, grad: &[f32], out: &Sink<'_>) {
        let Self { conv, geometry, prepared } = self;
        check_sink(out, [out.batch(), conv.in_channels], geometry.input);
        let source = Source::new(grad, out.batch(), conv.out_channels, geometry.output);
        let flipped = || std::array::from_fn(|a| conv.kernel[a] - 1 - conv.padding[a]);
        match prepared {
            Prepared::Pointwise(weight) => pointwise(conv.isa, &source, weight, None, out),
            Prepared::Tiles(weights) => {
                convolve(&source, &Geometry::new(geometry.output, conv.kernel, [1; 3], flipped()), weights, out);
            }
            Prepared::Winograd(tile, weight) => {
                let padding = flipped();
                winograd(conv.isa, Arithmetic::F32, *tile, &source, weight, padding, out);
            }
            Prepared::Direct(weight) => transposed(conv.isa, &source, geometry, weight, out),
        }
    }
}

fn check_sink(out: &Sink<'_>, [batch, channels]: [usize; 2], shape: [usize; 3]) {
    let sizes = [out.batch(), out.channels(), out.voxels()];
    assert_eq!(sizes, [batch, channels, shape.iter().product()], "sizes of the output");
}
