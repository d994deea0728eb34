//! Networks with random weights.

use burn::tensor::Device;

use super::layout::StagedLayout;
use super::{StagedUNet, StagedUNetConfig};
use crate::UNetError;
use crate::parameters::{Parameters, drawn_seed};

impl StagedUNetConfig {
    /// A network with random weights, seeded by Burn's generator of the device, as
    /// [`UNetConfig::init`](crate::UNetConfig::init).
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<StagedUNet, UNetError> {
        self.init_seeded(drawn_seed(device), device)
    }

    /// A network with Kaiming-normal weights, zero biases and norms that scale by 1, as nnU-Net begins. The same seed
    /// gives the same weights on every device.
    ///
    /// The last norm of a residual block scales by 0, so that the block begins as its shortcut.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use medseg_unet::{EncoderKind, StageConfig, StagedUNetConfig};
    ///
    /// let stages = vec![StageConfig::new(4, [1; 3]), StageConfig::new(8, [1, 2, 2]).with_blocks(3)];
    /// let config = StagedUNetConfig { encoder: EncoderKind::Residual, decoder_convs: vec![1], stages, ..Default::default() };
    /// let network = config.init_seeded(1, &Device::flex())?;
    /// assert_eq!(network.named_parameters()[0].0, "encoder.stem.convs.0.conv.weight");
    /// # Ok::<(), medseg_unet::UNetError>(())
    /// ```
    pub fn init_seeded(&self, seed: u64, device: &Device) -> Result<StagedUNet, UNetError> {
        self.validate()?;
        let layout = StagedLayout::new(self);
        let parameters = Parameters::kaiming_normal(layout.convs(), self.activation.squared_gain(), seed);
        let residual = layout.encoder.iter().flatten().filter(|block| block.shortcut.is_some());
        let last = residual.filter_map(|block| block.convs.last()?.norm.as_ref());
        let parameters = parameters.with_zeros(last.map(|norm| norm.name_of("weight")));
        Ok(StagedUNet::new(self, &layout, parameters, device))
    }
}
