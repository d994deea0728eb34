//! A convolution with its parameters.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use medseg_ops::{ConvOptions, conv_transpose3d, conv3d};

use crate::layout::ConvLayout;
use crate::parameters::Parameters;

/// A convolution of odd kernel that keeps the sides, or a transposed one of kernel 2 that doubles them.
#[derive(Module, Debug)]
pub(crate) struct Conv {
    weight: Param<Tensor<5>>,
    bias: Option<Param<Tensor<1>>>,
}

impl Conv {
    /// Takes its parameters out of `parameters`, which has been checked against the layout.
    pub fn new(layout: &ConvLayout, parameters: &mut Parameters, device: &Device) -> Self {
        let mut take = |part: &str| {
            let name = format!("{}.{part}", layout.name);
            parameters.take(&name)
        };
        let weight = Tensor::from_data(TensorData::new(take("weight"), layout.weight_shape()), device);
        let bias = layout.bias.then(|| {
            let bias: Tensor<1> = Tensor::from_data(TensorData::new(take("bias"), [layout.output]), device);
            Param::from_tensor(bias)
        });
        Self { weight: Param::from_tensor(weight), bias }
    }

    /// [batch, in, d, h, w] to [batch, out, d, h, w].
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let weight = self.weight.val();
        let [.., kernel] = weight.dims();
        let options = ConvOptions { padding: [kernel / 2; 3], ..ConvOptions::default() };
        conv3d(x, weight, self.bias.as_ref().map(Param::val), options)
    }

    /// [batch, in, d, h, w] to [batch, out, 2d, 2h, 2w] with weights [in, out, 2, 2, 2].
    pub fn forward_transposed(&self, x: Tensor<5>) -> Tensor<5> {
        let bias = self.bias.as_ref().map(Param::val);
        conv_transpose3d(x, self.weight.val(), bias, [2; 3], [0; 3], [0; 3])
    }

    /// The parameters with the names of the layout.
    pub fn export(&self, layout: &ConvLayout, to: &mut Vec<(String, TensorData)>) {
        to.push((format!("{}.weight", layout.name), self.weight.val().into_data()));
        if let Some(bias) = &self.bias {
            to.push((format!("{}.bias", layout.name), bias.val().into_data()));
        }
    }
}
