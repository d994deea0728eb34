//! The network.

use std::ops::Range;

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor};
use medseg_ops::{Precision, Upsample, max_pool3d, pad_to_multiples};

use crate::block::Block;
use crate::conv::{Conv, StageInput};
use crate::layout::Layout;
use crate::parameters::{Parameters, drawn_seed};
use crate::{UNetConfig, UNetError};

/// A U-Net (Ronneberger et al. 2015, in 3D as Çiçek et al. 2016) made by [`UNetConfig::init`]
/// or [`load_weights`](crate::load_weights).
#[derive(Debug, Module)]
pub struct UNet {
    encoder: Vec<Block>,
    decoder: Vec<Block>,
    ups: Vec<Conv>,
    last: Conv,
    heads: Vec<Conv>,
    #[module(skip)]
    config: UNetConfig,
    #[module(skip)]
    precision: Precision,
}

impl UNetConfig {
    /// A network with random weights, seeded by Burn's generator of the device: as Burn's own layers, but on every device
    /// the same weights after the same [`Device::seed`].
    ///
    /// The generator is one for the whole process: where several threads draw from it, take
    /// [`init_seeded`](Self::init_seeded).
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use medseg_unet::UNetConfig;
    ///
    /// let device = Device::flex();
    /// device.seed(7);
    /// let network = UNetConfig::default().with_channels(vec![2, 4]).init(&device)?;
    /// assert_eq!(network.config().channels, [2, 4]);
    /// # Ok::<(), medseg_unet::UNetError>(())
    /// ```
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<UNet, UNetError> {
        self.init_seeded(drawn_seed(device), device)
    }

    /// A network with Kaiming-normal weights, zero biases and norms that scale by 1. The same seed gives the same
    /// weights on every device. The mode is fan_in, the gain √2, or √(2 / (1 + slope²)) with a leaky ReLU.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn init_seeded(&self, seed: u64, device: &Device) -> Result<UNet, UNetError> {
        self.validate()?;
        let layout = Layout::new(self);
        Ok(UNet::new(
            self,
            &layout,
            Parameters::kaiming_normal(layout.convs(), self.activation.squared_gain(), seed),
            device,
        ))
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
        let heads = layout.heads.iter().map(|head| Conv::new(head, &mut parameters, device)).collect();
        Self { encoder, decoder, ups, last, heads, config: config.clone(), precision: Precision::F32 }
    }

    /// Logits of a batch of images.
    ///
    /// Sizes that are not multiples of [`UNetConfig::size_multiple`] are padded with zeros at both ends, an odd voxel
    /// at the end. The result is cut back. The zeros take part in the norms, so multiples are best.
    ///
    /// On an autodiff device dropout is active and batch norms use the batch's statistics; predict with `network.valid()`
    /// on a device without.
    ///
    /// # Shapes
    /// - x: [batch, in_channels, depth, height, width], any size from 1
    /// - output: [batch, out_channels, depth, height, width], any real number; sigmoid or softmax makes probabilities
    ///
    /// # Panics
    /// If x has another number of channels.
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let (x, inside) = self.padded(x);
        let y = self.last(self.stages(x, &mut |_| {}));
        let Some([d, h, w]) = inside else { return y };
        let [batch, channels, ..] = y.dims();
        y.slice([0..batch, 0..channels, d, h, w])
    }

    /// Logits at full resolution, then those of the [`deep_supervision`](UNetConfig::deep_supervision) convolutions, each
    /// with half the size of the one before: what a loss with deep supervision takes in training. Without such
    /// convolutions the first is all.
    ///
    /// # Shapes
    /// - x: `[batch, in_channels, depth, height, width]`, sizes that are multiples of [`UNetConfig::size_multiple`]
    /// - outputs: `[batch, out_channels, depth / 2^i, height / 2^i, width / 2^i]` for i = 0, 1, ...
    ///
    /// # Panics
    /// If a size is no such multiple, or x has another number of channels.
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use medseg_unet::UNetConfig;
    ///
    /// let config = UNetConfig { channels: vec![2, 4, 6, 8], deep_supervision: 2, ..UNetConfig::default() };
    /// let network = config.init_seeded(1, &Device::flex())?;
    /// let outputs = network.forward_deep(Tensor::ones([1, 1, 16, 8, 24], &Device::flex()));
    /// let shapes: Vec<_> = outputs.iter().map(|y| y.dims()).collect();
    /// assert_eq!(shapes, [[1, 1, 16, 8, 24], [1, 1, 8, 4, 12], [1, 1, 4, 2, 6]]);
    /// # Ok::<(), medseg_unet::UNetError>(())
    /// ```
    #[must_use]
    pub fn forward_deep(&self, x: Tensor<5>) -> Vec<Tensor<5>> {
        let [_, _, sizes @ ..] = x.dims();
        let multiple = self.config.size_multiple();
        assert!(
            sizes.iter().all(|size| size.is_multiple_of(multiple)),
            "forward_deep: sizes of {sizes:?} voxels are not multiples of {multiple}"
        );
        let mut outputs = Vec::new();
        let last = self.stages(x, &mut |y| outputs.push(y.clone()));
        outputs.pop();
        // The decoder's outputs, from level 1 down.
        let deep = self.heads.iter().zip(outputs.into_iter().rev());
        let deep = deep.map(|(head, y)| head.logits(y));
        std::iter::once(self.last(last)).chain(deep).collect()
    }

    /// x on a grid that the poolings can halve, and, if that is a larger one, where x lies in it.
    pub(crate) fn padded(&self, x: Tensor<5>) -> (Tensor<5>, Option<[Range<usize>; 3]>) {
        pad_to_multiples(x, [self.config.size_multiple(); 3])
    }

    /// Runs the stages and shows each one's output; returns the last one's.
    pub(crate) fn stages(&self, x: Tensor<5>, see: &mut dyn FnMut(&Tensor<5>)) -> Tensor<5> {
        let mut skips = Vec::with_capacity(self.encoder.len());
        let mut y = match self.precision.activations(&x.device()) {
            DType::F32 => x,
            half => x.cast(half),
        };
        for (level, block) in self.encoder.iter().enumerate() {
            if level > 0 {
                y = self.pool(y);
            }
            y = block.forward(StageInput::One(y), self.precision);
            see(&y);
            skips.push(y.clone());
        }
        skips.pop();
        for (step, block) in self.decoder.iter().enumerate() {
            let (below, upsample) = match self.ups.get(step) {
                Some(conv) => (conv.forward_transposed(y), Upsample::No),
                None => (y, Upsample::Trilinear2x { align_corners: true }),
            };
            let Some(skip) = skips.pop() else { unreachable!("one skip connection for every decoder stage") };
            y = block.forward(StageInput::Concat { skip, below, upsample }, self.precision);
            see(&y);
        }
        y
    }

    fn pool(&self, x: Tensor<5>) -> Tensor<5> {
        max_pool3d(x, self.config.pool_kernel, 2, usize::from(self.config.pool_kernel == 3))
    }

    /// The same network computing in these numbers: [`Precision::Bf16`] is faster for predictions on a CPU that has the
    /// instructions. On a GPU it is faster for predictions and training, and halves the memory
    /// ([`Precision::activations`]). Weights and logits stay in f32. Not part of the settings, nor of weight files.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// The settings it was made with.
    #[must_use]
    pub fn config(&self) -> &UNetConfig {
        &self.config
    }

    /// Logits of the last stage's output.
    pub(crate) fn last(&self, x: Tensor<5>) -> Tensor<5> {
        self.last.logits(x)
    }

    /// Every convolution in the order of the forward pass, which is the layout's.
    pub(crate) fn convs(&self) -> impl Iterator<Item = &Conv> {
        let encoder = self.encoder.iter().flat_map(Block::convs);
        let decoder = self.decoder.iter().enumerate();
        let decoder = decoder.flat_map(|(step, block)| self.ups.get(step).into_iter().chain(block.convs()));
        encoder.chain(decoder).chain([&self.last]).chain(&self.heads)
    }
}
