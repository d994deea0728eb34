//! The network.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use medseg_ops::{max_pool3d, upsample_trilinear2x};

use crate::block::Block;
use crate::conv::Conv;
use crate::layout::Layout;
use crate::parameters::Parameters;
use crate::{UNetConfig, UNetError};

/// A U-Net (Ronneberger et al. 2015, in 3D as Çiçek et al. 2016) with instance norm, made by [`UNetConfig::init_seeded`]
/// or [`load_weights`](crate::load_weights).
#[derive(Module, Debug)]
pub struct UNet {
    encoder: Vec<Block>,
    decoder: Vec<Block>,
    ups: Vec<Conv>,
    last: Conv,
    #[module(skip)]
    config: UNetConfig,
}

impl UNetConfig {
    /// A network with Kaiming-normal weights (fan_in, gain √2) and zero biases, the same for the same seed on every device.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn init_seeded(&self, seed: u64, device: &Device) -> Result<UNet, UNetError> {
        self.validate()?;
        let layout = Layout::of(self);
        Ok(UNet::new(self, &layout, Parameters::kaiming_normal(&layout, seed), device))
    }
}

impl UNet {
    pub(crate) fn new(config: &UNetConfig, layout: &Layout, mut parameters: Parameters, device: &Device) -> Self {
        let mut blocks = |stages: &[crate::layout::StageLayout]| {
            stages.iter().map(|s| Block::new(s, config, &mut parameters, device)).collect::<Vec<_>>()
        };
        let (encoder, decoder) = (blocks(&layout.encoder), blocks(&layout.decoder));
        let ups = layout.decoder.iter().filter_map(|s| s.up.as_ref());
        let ups = ups.map(|up| Conv::new(up, &mut parameters, device)).collect();
        let last = Conv::new(&layout.last, &mut parameters, device);
        Self { encoder, decoder, ups, last, config: config.clone() }
    }

    /// Logits of a batch of images.
    ///
    /// Sides that are not multiples of [`UNetConfig::side_multiple`] are padded with zeros on both sides (an odd voxel at
    /// the end) and the result is cut back.
    ///
    /// # Shapes
    /// - x: [batch, in_channels, depth, height, width], any sides from 1
    /// - output: [batch, out_channels, depth, height, width]
    ///
    /// # Panics
    /// If x has another number of channels.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let sides = spatial(&x);
        let multiple = self.config.side_multiple();
        let padded = sides.map(|s| s.next_multiple_of(multiple));
        if padded == sides {
            return self.forward_divisible(x);
        }
        let low: [usize; 3] = std::array::from_fn(|a| (padded[a] - sides[a]) / 2);
        let inside: [_; 3] = std::array::from_fn(|a| low[a]..low[a] + sides[a]);
        let [n, c, ..] = x.dims();
        let [d, h, w] = padded;
        let region = |channels: usize| {
            let [z, y, x] = inside.clone();
            [0..n, 0..channels, z, y, x]
        };
        let zeros = Tensor::<5>::zeros([n, c, d, h, w], &x.device());
        let y = self.forward_divisible(zeros.slice_assign(region(c), x));
        let channels = y.dims()[1];
        y.slice(region(channels))
    }

    fn forward_divisible(&self, x: Tensor<5>) -> Tensor<5> {
        self.last.forward(self.stages(x, &mut |_, _| {}))
    }

    /// Runs the stages and shows each one's output; returns the last one's.
    pub(crate) fn stages(&self, x: Tensor<5>, see: &mut dyn FnMut(usize, &Tensor<5>)) -> Tensor<5> {
        let mut skips = Vec::with_capacity(self.encoder.len());
        let mut y = x;
        for (level, block) in self.encoder.iter().enumerate() {
            if level > 0 {
                y = self.pool(y);
            }
            y = block.forward(y);
            see(level, &y);
            skips.push(y.clone());
        }
        skips.pop();
        for (step, block) in self.decoder.iter().enumerate() {
            let up = match self.ups.get(step) {
                Some(conv) => conv.forward_transposed(y),
                None => upsample_trilinear2x(y, true),
            };
            let joined = match skips.pop() {
                Some(skip) => Tensor::cat(vec![skip, up], 1),
                None => up,
            };
            y = block.forward(joined);
            see(self.encoder.len() + step, &y);
        }
        y
    }

    fn pool(&self, x: Tensor<5>) -> Tensor<5> {
        max_pool3d(x, self.config.pool_kernel, 2, usize::from(self.config.pool_kernel == 3))
    }

    /// The settings it was made with.
    #[must_use]
    pub fn config(&self) -> &UNetConfig {
        &self.config
    }

    /// Every parameter with its name (`conv0_0.conv1.weight`, ..., `final.weight`), in the order of the forward pass.
    #[must_use]
    pub fn named_parameters(&self) -> Vec<(String, TensorData)> {
        let layout = Layout::of(&self.config);
        let mut all = Vec::new();
        for (block, stage) in self.encoder.iter().chain(&self.decoder).zip(layout.encoder.iter().chain(&layout.decoder)) {
            for (conv, of) in block.convs().zip(&stage.convs) {
                conv.export(of, &mut all);
            }
        }
        for (conv, of) in self.ups.iter().zip(layout.decoder.iter().filter_map(|s| s.up.as_ref())) {
            conv.export(of, &mut all);
        }
        self.last.export(&layout.last, &mut all);
        all
    }
}

fn spatial(x: &Tensor<5>) -> [usize; 3] {
    let [.., d, h, w] = x.dims();
    [d, h, w]
}
