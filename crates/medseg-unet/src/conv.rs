//! A convolution with its parameters, and the norm behind it.

use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Gradients, Tensor, TensorData};
use medseg_ops::{
    ConvOptions, NormRelu, Precision, Upsample, concat, conv_transpose3d, conv3d, conv3d_concat, conv3d_makes_concat,
    norm_relu_conv3d,
};

use crate::layout::ConvLayout;
use crate::norm_layer::NormLayer;
use crate::parameters::Parameters;

/// Input of a stage.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "made and read at once, never stored")]
pub(crate) enum StageInput {
    /// One tensor.
    One(Tensor<5>),
    /// The channels of two.
    Concat { skip: Tensor<5>, below: Tensor<5>, upsample: Upsample },
}

impl StageInput {
    /// For two convolutions: concatenated, where each of them would do it for itself.
    pub fn for_two(self) -> Self {
        match self {
            Self::Concat { skip, below, upsample } if conv3d_makes_concat(&skip) => {
                Self::One(concat(skip, below, upsample))
            }
            other => other,
        }
    }
}

/// A convolution of odd kernel whose padding suits it, or a transposed one whose stride is its kernel.
#[derive(Debug, Module)]
pub(crate) struct Conv {
    weight: Param<Tensor<5>>,
    bias: Option<Param<Tensor<1>>>,
    norm: Option<NormLayer>,
    #[module(skip)]
    stride: [usize; 3],
    #[module(skip)]
    bias_cancels: bool,
}

impl Conv {
    /// Takes its parameters out of `parameters`, which has been checked against the layout.
    pub fn new(layout: &ConvLayout, parameters: &mut Parameters, device: &Device) -> Self {
        let weight = TensorData::new(parameters.take(&layout.weight_name()), layout.weight_shape());
        let weight = Tensor::from_data(weight, device);
        let bias = layout.bias.then(|| {
            let bias = TensorData::new(parameters.take(&layout.bias_name()), [layout.out_channels]);
            Param::from_tensor(Tensor::from_data(bias, device))
        });
        let norm = layout.norm.as_ref().map(|norm| NormLayer::new(norm, parameters, device));
        let (stride, bias_cancels) = (layout.stride, layout.bias_cancels);
        Self { weight: Param::from_tensor(weight), bias, norm, stride, bias_cancels }
    }

    /// `[batch, in, d, h, w]` to `[batch, out, d / stride, h / stride, w / stride]`, rounded up.
    pub fn forward(&self, x: StageInput, precision: Precision) -> Tensor<5> {
        let weight = self.weight.val();
        let options = self.options(&weight, precision);
        let y = match x {
            StageInput::One(x) => conv3d(x, weight, None, options),
            StageInput::Concat { skip, below, upsample } => conv3d_concat(skip, below, weight, upsample, options),
        };
        self.with_bias(y)
    }

    /// [`forward`](Self::forward) of a network's last convolution, in f32 at least: losses and probabilities need the digits.
    pub fn logits(&self, x: Tensor<5>) -> Tensor<5> {
        let y = self.forward(StageInput::One(x), Precision::F32);
        match y.dtype() {
            DType::F16 | DType::BF16 => y.cast(DType::F32),
            _ => y,
        }
    }

    /// As [`forward`](Self::forward) of what norm, dropout and ReLU make of x.
    pub fn forward_rectified(&self, x: Tensor<5>, norm: NormRelu, precision: Precision) -> Tensor<5> {
        let weight = self.weight.val();
        let options = self.options(&weight, precision);
        self.with_bias(norm_relu_conv3d(x, norm, weight, options))
    }

    /// Options with which an odd kernel keeps the shape, but for the stride.
    fn options(&self, weight: &Tensor<5>, precision: Precision) -> ConvOptions {
        let [_, _, kernel @ ..] = weight.dims();
        ConvOptions { stride: self.stride, padding: kernel.map(|k| k / 2), precision }
    }

    fn with_bias(&self, y: Tensor<5>) -> Tensor<5> {
        match &self.bias {
            None => y,
            Some(_) if self.bias_cancels => y,
            Some(bias) => {
                let bias = bias.val().cast(y.dtype()).reshape([1, -1, 1, 1, 1]);
                y + bias
            }
        }
    }

    /// `[batch, in, d, h, w]` to `[batch, out, d · stride, h · stride, w · stride]` with weights `[in, out, stride]`.
    pub fn forward_transposed(&self, x: Tensor<5>) -> Tensor<5> {
        let bias = self.bias.as_ref().map(Param::val);
        conv_transpose3d(x, self.weight.val(), bias, self.stride, [0; 3], [0; 3])
    }

    /// The norm of x, which this convolution made.
    pub fn normalised(&self, x: Tensor<5>) -> Tensor<5> {
        match &self.norm {
            Some(norm) => norm.forward(x),
            None => x,
        }
    }

    /// The norm's weight and bias, if it has them.
    pub fn norm_affine(&self) -> Option<(Tensor<1>, Tensor<1>)> {
        self.norm.as_ref().and_then(NormLayer::affine)
    }

    /// Weights and biases, the norm's too, with the names of the layout.
    pub fn parameters(&self, layout: &ConvLayout) -> Vec<(String, TensorData)> {
        let weight = (layout.weight_name(), self.weight.val().into_data());
        let bias = self.bias.as_ref().map(|bias| (layout.bias_name(), bias.val().into_data()));
        let norm = self.norm_tensors(layout, NormLayer::parameters);
        let norm = norm.into_iter().map(|(name, tensor)| (name, tensor.into_data()));
        [weight].into_iter().chain(bias).chain(norm).collect()
    }

    /// The norm's running statistics with the names of the layout.
    pub fn statistics(&self, layout: &ConvLayout) -> Vec<(String, TensorData)> {
        let norm = self.norm_tensors(layout, NormLayer::statistics);
        norm.into_iter().map(|(name, tensor)| (name, tensor.into_data())).collect()
    }

    /// The parameters' gradients, where there are any, with the names of the layout.
    pub fn gradients(&self, layout: &ConvLayout, gradients: &Gradients) -> Vec<(String, TensorData)> {
        let weight = self.weight.val().grad(gradients).map(|g| (layout.weight_name(), g.into_data()));
        let bias = self.bias.as_ref().and_then(|bias| bias.val().grad(gradients));
        let bias = bias.map(|g| (layout.bias_name(), g.into_data()));
        let norm = self.norm_tensors(layout, NormLayer::parameters).into_iter();
        let norm = norm.filter_map(|(name, tensor)| Some((name, tensor.grad(gradients)?.into_data())));
        weight.into_iter().chain(bias).chain(norm).collect()
    }

    fn norm_tensors(
        &self,
        layout: &ConvLayout,
        tensors: impl Fn(&NormLayer) -> Vec<(&'static str, Tensor<1>)>,
    ) -> Vec<(String, Tensor<1>)> {
        let (Some(norm), Some(of)) = (&self.norm, &layout.norm) else { return Vec::new() };
        tensors(norm).into_iter().map(|(part, tensor)| (of.name_of(part), tensor)).collect()
    }
}
