//! The blocks.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use medseg_ops::{
    Precision, dropout, dropout_factors, dropout3d, instance_norm_add_relu, instance_norm_relu, instance_norm3d,
};

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
            let y = self.norm_relu(self.conv1.forward(x, precision));
            return self.norm_relu(self.conv2.forward(StageInput::One(y), precision));
        };
        let main = self.second(&self.conv2, self.conv1.forward(x.clone(), precision), precision);
        let y = instance_norm_add_relu(main, shortcut.forward(x, precision), EPS);
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
        if self.dropout > 0.0 && !self.channel_dropout {
            return conv.forward(StageInput::One(self.norm_relu(x)), precision);
        }
        let [batch, channels, ..] = x.dims();
        let factors = dropout_factors(batch, channels, self.dropout, &x.device());
        conv.forward_rectified(x, factors, EPS, precision)
    }

    /// Norm, dropout, ReLU. Dropout scales by numbers that are not negative, so it may follow the ReLU.
    fn norm_relu(&self, x: Tensor<5>) -> Tensor<5> {
        let y = instance_norm_relu(x, None, EPS);
        if self.channel_dropout { dropout3d(y, self.dropout) } else { dropout(y, self.dropout) }
    }

    /// The convolutions in the layout's order.
    pub fn convs(&self) -> impl Iterator<Item = &Conv> {
        let first = [Some(&self.conv1), Some(&self.conv2), self.shortcut.as_ref()];
        first.into_iter().chain([self.conv3.as_ref(), self.conv4.as_ref()]).flatten()
    }
}
