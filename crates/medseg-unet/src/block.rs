//! The blocks.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use medseg_ops::{NormRelu, Precision, dropout, dropout_factors, dropout3d, norm_add_relu, norm_relu};

use crate::conv::{Conv, StageInput};
use crate::layout::StageLayout;
use crate::norm_layer::EPS;
use crate::parameters::Parameters;
use crate::{Activation, BlockKind, Norm, UNetConfig};

/// One stage of the network: two or four convolutions, with a shortcut if residual.
///
/// Instance norm with a ReLU or leaky ReLU runs in the fused operations of `medseg-ops`; everything else is made of one
/// operation after the other.
#[derive(Debug, Module)]
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
    #[module(skip)]
    norm: Norm,
    #[module(skip)]
    activation: Activation,
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
            norm: config.norm,
            activation: config.activation,
        }
    }

    /// `[batch, in, d, h, w]` to `[batch, out, d, h, w]`.
    pub fn forward(&self, x: StageInput, precision: Precision) -> Tensor<5> {
        let Some(shortcut) = &self.shortcut else {
            let y = self.second(&self.conv1, &self.conv2, x, precision);
            return self.rectified(&self.conv2, y);
        };
        let x = x.for_two();
        let main = self.second(&self.conv1, &self.conv2, x.clone(), precision);
        let y = self.sum((&self.conv2, main), (shortcut, shortcut.forward(x, precision)));
        match (&self.conv3, &self.conv4) {
            (Some(conv3), Some(conv4)) => {
                let main = self.second(conv3, conv4, StageInput::One(y.clone()), precision);
                self.activation.apply(conv4.normalised(main) + y)
            }
            _ => y,
        }
    }

    /// Two convolutions with norm, dropout and activation between them.
    fn second(&self, first: &Conv, second: &Conv, x: StageInput, precision: Precision) -> Tensor<5> {
        let x = first.forward(x, precision);
        match self.fused(first, &x) {
            Some(norm) if !self.drops_voxels() => second.forward_rectified(x, norm, precision),
            _ => second.forward(StageInput::One(self.rectified(first, x)), precision),
        }
    }

    /// Norm, dropout and activation of what `conv` made.
    fn rectified(&self, conv: &Conv, x: Tensor<5>) -> Tensor<5> {
        match self.fused(conv, &x) {
            Some(norm) if self.drops_voxels() => {
                // Dropout scales by numbers that are not negative, so that of voxels may follow the ReLU.
                dropout(norm_relu(x, norm), self.dropout)
            }
            Some(norm) => norm_relu(x, norm),
            None => {
                let y = conv.normalised(x);
                let y = if self.drops_voxels() { dropout(y, self.dropout) } else { dropout3d(y, self.dropout) };
                self.activation.apply(y)
            }
        }
    }

    /// The activation of two normalised branches' sum.
    fn sum(&self, a: (&Conv, Tensor<5>), b: (&Conv, Tensor<5>)) -> Tensor<5> {
        match self.fusible() {
            Some(slope) => norm_add_relu([a, b].map(|(conv, x)| (x, conv.norm_affine())), slope, EPS),
            None => {
                let [a, b] = [a, b].map(|(conv, x)| conv.normalised(x));
                self.activation.apply(a + b)
            }
        }
    }

    /// Parameters of the fused norm and activation of `conv`'s output x, with channel dropout if the network has it.
    fn fused(&self, conv: &Conv, x: &Tensor<5>) -> Option<NormRelu> {
        let slope = self.fusible()?;
        let [batch, channels, ..] = x.dims();
        let p = if self.drops_voxels() { 0.0 } else { self.dropout };
        let factors = dropout_factors(batch, channels, p, &x.device());
        Some(NormRelu { affine: conv.norm_affine(), factors, slope, eps: EPS })
    }

    /// The activation's slope below 0, if the fused operations can do norm and activation.
    fn fusible(&self) -> Option<f64> {
        self.activation.slope().filter(|_| matches!(self.norm, Norm::Instance { .. }))
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
