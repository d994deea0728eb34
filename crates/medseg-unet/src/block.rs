//! The blocks.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use medseg_ops::{dropout, dropout3d, instance_norm_add_relu, instance_norm_relu, instance_norm3d};

use crate::conv::Conv;
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
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let Some(shortcut) = &self.shortcut else {
            return self.conv_norm_relu(&self.conv2, self.conv_norm_relu(&self.conv1, x));
        };
        let main = self.conv2.forward(self.conv_norm_relu(&self.conv1, x.clone()));
        let y = instance_norm_add_relu(main, shortcut.forward(x), EPS);
        match (&self.conv3, &self.conv4) {
            (Some(conv3), Some(conv4)) => {
                let main = conv4.forward(self.conv_norm_relu(conv3, y.clone()));
                burn::tensor::activation::relu(instance_norm3d(main, None, EPS) + y)
            }
            _ => y,
        }
    }

    /// Convolution, norm, dropout, ReLU. Dropout scales by numbers that are not negative, so it may follow the ReLU.
    fn conv_norm_relu(&self, conv: &Conv, x: Tensor<5>) -> Tensor<5> {
        let y = instance_norm_relu(conv.forward(x), None, EPS);
        if self.channel_dropout { dropout3d(y, self.dropout) } else { dropout(y, self.dropout) }
    }

    /// The convolutions in the layout's order.
    pub fn convs(&self) -> impl Iterator<Item = &Conv> {
        let first = [Some(&self.conv1), Some(&self.conv2), self.shortcut.as_ref()];
        first.into_iter().chain([self.conv3.as_ref(), self.conv4.as_ref()]).flatten()
    }
}
