//! The blocks.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use medseg_ops::{NormRelu, Precision, dropout, dropout_factors, instance_norm3d, norm_add_relu, norm_relu};

use crate::conv::{Conv, StageInput};
use crate::layout::StageLayout;
use crate::parameters::Parameters;
use crate::{BlockKind, UNetConfig};

/// Added to the variance in every norm.
const EPS: f64 = 1e-5;

/// One stage of the network: two or four convolutions, with a shortcut if residual.
#[derive(Module, Debug)]
pub(crate) struct Block {
    conv1: Conv,
    conv2: Conv,
    shortcut: Option<Conv>,
    conv3: Option<Conv>,
    conv4: Option<Conv>,
    #[module(skip)]
    dropout: f64,
    #[module(skip)]
    channel_dropout: bool,
}

impl Block {
    pub fn new(layout: &StageLayout, config: &UNetConfig, parameters: &mut Parameters, device: &Device) -> Self {
        let mut conv = |part: &str| {
            let name = format!("{}.{part}", layout.name);
            layout.convs.iter().find(|c| c.name == name).map(|c| Conv::new(c, parameters, device))
        };
        let (Some(conv1), Some(conv2)) = (conv("conv1"), conv("conv2")) else {
            unreachable!("every block has two convolutions")
        };
        debug_assert_eq!(layout.kind != BlockKind::TwoLayer, layout.convs.len() > 2);
        Self {
            conv1,
            conv2,
            shortcut: conv("shortcut"),
            conv3: conv("conv3"),
            conv4: conv("conv4"),
            dropout: config.dropout,
            channel_dropout: config.channel_dropout,
        }
    }

    /// `[batch, in, d, h, w]` to `[batch, out, d, h, w]`.
    pub fn forward(&self, x: StageInput, precision: Precision) -> Tensor<5> {
        let Some(shortcut) = &self.shortcut else {
            let y = self.second(&self.conv2, self.conv1.forward(x, precision), precision);
            return self.norm_relu(y);
        };
        let main = self.second(&self.conv2, self.conv1.forward(x.clone(), precision), precision);
        let y = norm_add_relu([(main, None), (shortcut.forward(x, precision), None)], 0.0, EPS);
        match (&self.conv3, &self.conv4) {
            (Some(conv3), Some(conv4)) => {
                let main = self.second(conv4, conv3.forward(StageInput::One(y.clone()), precision), precision);
                burn::tensor::activation::relu(instance_norm3d(main, None, EPS) + y)
            }
            _ => y,
        }
    }

    /// Norm, dropout, ReLU and the convolution after them.
    fn second(&self, conv: &Conv, x: Tensor<5>, precision: Precision) -> Tensor<5> {
        if self.drops_voxels() {
            return conv.forward(StageInput::One(self.norm_relu(x)), precision);
        }
        let norm = self.norm(&x);
        conv.forward_rectified(x, norm, precision)
    }

    /// Norm, dropout, ReLU. Dropout scales by numbers that are not negative, so that of voxels may follow the ReLU.
    fn norm_relu(&self, x: Tensor<5>) -> Tensor<5> {
        let norm = self.norm(&x);
        let y = norm_relu(x, norm);
        if self.drops_voxels() { dropout(y, self.dropout) } else { y }
    }

    /// The norm of x, with channel dropout if the network has it.
    fn norm(&self, x: &Tensor<5>) -> NormRelu {
        let [batch, channels, ..] = x.dims();
        let p = if self.drops_voxels() { 0.0 } else { self.dropout };
        NormRelu { factors: dropout_factors(batch, channels, p, &x.device()), eps: EPS, ..NormRelu::default() }
    }

    fn drops_voxels(&self) -> bool {
        self.dropout > 0.0 && !self.channel_dropout
    }

    /// The convolutions in the layout's order.
    pub fn convs(&self) -> impl Iterator<Item = &Conv> {
        let first = [Some(&self.conv1), Some(&self.conv2), self.shortcut.as_ref()];
        first.into_iter().chain([self.conv3.as_ref(), self.conv4.as_ref()]).flatten()
    }
}
