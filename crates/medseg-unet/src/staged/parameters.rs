//! A network out of given parameters.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{DType, Device, TensorData};

use super::layout::StagedLayout;
use super::{StagedUNet, StagedUNetConfig};
use crate::UNetError;
use crate::weights::exact_parameters;

/// Place of parameters that come from no file, in messages.
const GIVEN: &str = "the given parameters";

/// Names and shapes of the tensors that make a network, in the order of the forward pass.
///
/// They are its parameters, and the running mean and variance of batch norms. Names are those of nnU-Net's state dicts, each
/// tensor once.
///
/// # Shapes
/// Kernels are `[out, in, depth, height, width]`, of transposed convolutions `[in, out, depth, height, width]`, without
/// depth in 2D; biases and tensors of norms are `[out]`.
///
/// # Errors
/// As [`StagedUNetConfig::validate`].
///
/// ```
/// use medseg_unet::{StagedUNetConfig, parameter_shapes};
///
/// let shapes = parameter_shapes(&StagedUNetConfig::default())?;
/// assert_eq!(shapes[0], ("encoder.stages.0.0.convs.0.conv.weight".into(), vec![32, 1, 3, 3, 3]));
/// assert_eq!(shapes.last().unwrap(), &("decoder.seg_layers.4.bias".into(), vec![2]));
/// # Ok::<(), medseg_unet::UNetError>(())
/// ```
pub fn parameter_shapes(config: &StagedUNetConfig) -> Result<Vec<(String, Vec<usize>)>, UNetError> {
    config.validate()?;
    Ok(StagedLayout::new(config).tensors())
}

impl StagedUNet {
    /// A network of these settings with the tensors of [`parameter_shapes`], by name.
    ///
    /// Tensors named `num_batches_tracked` are left alone; f16, bf16 and f64 become f32.
    ///
    /// # Errors
    /// - [`UNetError::Config`]: impossible settings
    /// - [`UNetError::Weights`]: missing, unexpected and other-shaped tensors, all of them
    /// - [`UNetError::NotFinite`]: a weight that is no finite number in f32
    /// - [`UNetError::Malformed`]: a tensor of another type of number
    ///
    /// ```
    /// use burn::tensor::{DType, Device, TensorData};
    /// use medseg_unet::{StagedUNet, StagedUNetConfig, StageConfig, parameter_shapes};
    ///
    /// let stages = vec![StageConfig::new(2, [1; 3]), StageConfig::new(4, [2; 3])];
    /// let config = StagedUNetConfig::default().with_stages(stages).with_decoder_convs(vec![1]);
    /// let halves = parameter_shapes(&config)?.into_iter().map(|(name, shape)| {
    ///     (name, TensorData::new(vec![0.5f32; shape.iter().product()], shape))
    /// });
    /// let network = StagedUNet::from_parameters(&config, halves, &Device::flex())?;
    /// assert!(network.named_parameters().iter().all(|(_, data)| data.iter::<f32>().all(|value| value == 0.5)));
    ///
    /// let error = StagedUNet::from_parameters(&config, [], &Device::flex()).unwrap_err();
    /// assert!(error.to_string().contains("missing: encoder.stages.0.0.convs.0.conv.weight"));
    /// # Ok::<(), medseg_unet::UNetError>(())
    /// ```
    pub fn from_parameters(
        config: &StagedUNetConfig,
        parameters: impl IntoIterator<Item = (String, TensorData)>,
        device: &Device,
    ) -> Result<Self, UNetError> {
        config.validate()?;
        let place = Path::new(GIVEN);
        let layout = StagedLayout::new(config);
        let mut given: BTreeMap<String, TensorData> = parameters.into_iter().collect();
        let found = given.iter().map(|(name, data)| (name.clone(), data.shape().to_vec())).collect();
        let parameters = exact_parameters(place, &layout.tensors(), found, |name| {
            let bad = |reason: String| UNetError::malformed(place)(format!("{name}: {reason}"));
            let data = given.remove(name).ok_or_else(|| bad("missing".into()))?;
            if !matches!(data.dtype(), DType::F16 | DType::BF16 | DType::F32 | DType::F64) {
                return Err(bad(format!("numbers of type {:?} are no weights", data.dtype())));
            }
            data.convert::<f32>().try_to_vec().map_err(|e| bad(format!("{e:?}")))
        })?;
        Ok(Self::new(config, &layout, parameters, device))
    }
}
