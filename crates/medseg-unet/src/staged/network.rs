//! The network.

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor};
use medseg_ops::Precision;

use super::StagedUNetConfig;
use super::conv_blocks::ConvBlocks;
use super::decoder_stage::DecoderStage;
use super::encoder_block::EncoderBlock;
use super::layout::StagedLayout;
use crate::UNetError;
use crate::conv::{Conv, StageInput};
use crate::parameters::Parameters;

/// A U-Net whose stages have kernels, strides and widths of their own, as nnU-Net's.
///
/// Plain networks are those of Isensee et al. 2021 (Nature Methods 18, 203). Residual encoders are those of Isensee et al.
/// 2024 (nnU-Net Revisited, MICCAI).
///
/// [`StagedUNetConfig::init`] makes one, as do [`from_parameters`](Self::from_parameters) and [`load`](Self::load).
#[derive(Debug, Module)]
pub struct StagedUNet {
    stem: Option<ConvBlocks>,
    encoder: Vec<Vec<EncoderBlock>>,
    decoder: Vec<DecoderStage>,
    #[module(skip)]
    config: StagedUNetConfig,
    #[module(skip)]
    precision: Precision,
}

impl StagedUNet {
    /// Parameters must be exactly those of the layout, and the layout that of valid settings.
    pub(crate) fn new(
        config: &StagedUNetConfig,
        layout: &StagedLayout,
        mut parameters: Parameters,
        device: &Device,
    ) -> Self {
        let parameters = &mut parameters;
        let stem = layout.stem.as_ref();
        let stem = stem.map(|stem| ConvBlocks::new(std::slice::from_ref(stem), config, parameters, device));
        let encoder = layout.encoder.iter().map(|stage| {
            stage.iter().map(|block| EncoderBlock::new(block, config, parameters, device)).collect::<Vec<_>>()
        });
        let encoder = encoder.collect();
        let decoder = layout.decoder.iter().map(|stage| DecoderStage::new(stage, config, parameters, device));
        Self { stem, encoder, decoder: decoder.collect(), config: config.clone(), precision: Precision::F32 }
    }

    /// Logits of a batch of images at the resolution of the first stage.
    ///
    /// On an autodiff device batch norms use the batch's statistics. Predict with `network.valid()`, on a device without.
    ///
    /// # Shapes
    /// - x: `[batch, in_channels, depth, height, width]`, sizes that are multiples of
    ///   [`StagedUNetConfig::size_multiple`], and depth 1 in 2D
    /// - output: `[batch, out_channels, depth, height, width]`, divided by the first stage's strides, if it has any
    ///
    /// # Errors
    /// [`UNetError::Input`] if x has other channels or sizes.
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use medseg_unet::{StageConfig, StagedUNetConfig};
    ///
    /// let stages = vec![StageConfig::new(2, [1; 3]).with_kernel([1, 3, 3]), StageConfig::new(4, [1, 2, 2])];
    /// let config = StagedUNetConfig::default().with_stages(stages).with_decoder_convs(vec![2]);
    /// let network = config.init_seeded(1, &Device::flex())?;
    /// let logits = network.forward(Tensor::ones([1, 1, 3, 8, 6], &Device::flex()))?;
    /// assert_eq!(logits.dims(), [1, 2, 3, 8, 6]);
    ///
    /// let error = network.forward(Tensor::ones([1, 1, 3, 8, 7], &Device::flex())).unwrap_err();
    /// assert!(error.to_string().contains("multiples of [1, 2, 2]"));
    /// # Ok::<(), medseg_unet::UNetError>(())
    /// ```
    pub fn forward(&self, x: Tensor<5>) -> Result<Tensor<5>, UNetError> {
        self.check(&x)?;
        let y = self.stages(x, &mut |_, _| {});
        match self.decoder.last() {
            Some(stage) => Ok(stage.logits(y)),
            None => unreachable!("settings are checked: there is a decoder"),
        }
    }

    /// Logits of every decoder stage, **highest resolution first**, for a loss with deep supervision. The first are those
    /// of [`forward`](Self::forward).
    ///
    /// # Shapes
    /// - x: as of [`forward`](Self::forward)
    /// - outputs: `[batch, out_channels, ...]`, one for each stage but the lowest, of that stage's size
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use medseg_unet::{StageConfig, StagedUNetConfig};
    ///
    /// let stages = [(2, [1; 3]), (3, [2; 3]), (4, [1, 2, 2])].map(|(n, stride)| StageConfig::new(n, stride));
    /// let config = StagedUNetConfig::default().with_stages(stages.to_vec()).with_decoder_convs(vec![1, 1]);
    /// let network = config.init_seeded(1, &Device::flex())?;
    /// let logits = network.forward_all(Tensor::ones([1, 1, 4, 8, 8], &Device::flex()))?;
    /// let shapes: Vec<_> = logits.iter().map(|y| y.dims()).collect();
    /// assert_eq!(shapes, [[1, 2, 4, 8, 8], [1, 2, 2, 4, 4]]);
    /// # Ok::<(), medseg_unet::UNetError>(())
    /// ```
    pub fn forward_all(&self, x: Tensor<5>) -> Result<Vec<Tensor<5>>, UNetError> {
        self.check(&x)?;
        let mut logits = Vec::with_capacity(self.decoder.len());
        self.stages(x, &mut |stage, y| logits.push(stage.logits(y.clone())));
        logits.reverse();
        Ok(logits)
    }

    /// The same network with the products of its convolutions in another number format, as
    /// [`UNet::with_precision`](crate::UNet::with_precision).
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// The settings it was made with.
    #[must_use]
    pub fn config(&self) -> &StagedUNetConfig {
        &self.config
    }

    /// Refuses an image of other channels or sizes.
    fn check(&self, x: &Tensor<5>) -> Result<(), UNetError> {
        let [_, channels, sizes @ ..] = x.dims();
        let fail = |what: String| Err(UNetError::Input(what));
        if channels != self.config.in_channels {
            return fail(format!("{channels} channels instead of {}", self.config.in_channels));
        }
        self.config.check_depth(sizes[0])?;
        let multiple = self.config.size_multiple();
        if sizes.iter().zip(multiple).any(|(size, multiple)| *size == 0 || !size.is_multiple_of(multiple)) {
            return fail(format!("sizes of {sizes:?} voxels are no multiples of {multiple:?}"));
        }
        Ok(())
    }

    /// Runs the stages and shows the output of each one of the decoder's; returns the last one's.
    fn stages(&self, x: Tensor<5>, see: &mut dyn FnMut(&DecoderStage, &Tensor<5>)) -> Tensor<5> {
        let mut y = match self.precision.activations(&x.device()) {
            DType::F32 => x,
            half => x.cast(half),
        };
        if let Some(stem) = &self.stem {
            y = stem.forward(StageInput::One(y), self.precision);
        }
        let mut skips = Vec::with_capacity(self.encoder.len());
        for stage in &self.encoder {
            for block in stage {
                y = block.forward(y, self.precision);
            }
            skips.push(y.clone());
        }
        skips.pop();
        for stage in &self.decoder {
            let Some(skip) = skips.pop() else { unreachable!("one skip connection for every decoder stage") };
            y = stage.forward(y, skip, self.precision);
            see(stage, &y);
        }
        y
    }

    /// Every convolution in the order of the forward pass, which is the layout's.
    pub(super) fn convs(&self) -> impl Iterator<Item = &Conv> {
        let encoder = self.encoder.iter().flatten().flat_map(EncoderBlock::convs);
        let decoder = self.decoder.iter().flat_map(DecoderStage::convs);
        self.stem.iter().flat_map(ConvBlocks::convs).chain(encoder).chain(decoder)
    }
}
