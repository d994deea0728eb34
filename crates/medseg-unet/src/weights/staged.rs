//! Weight files of networks that are described stage by stage.

use std::path::Path;

use burn::tensor::Device;

use super::exact::exact_parameters;
use super::read::WeightFile;
use super::{save, settings};
use crate::staged::StagedLayout;
use crate::{StagedUNet, StagedUNetConfig, UNetError};

/// Metadata entry that holds the settings as JSON.
const CONFIG: &str = "medseg_staged_unet_config";

impl StagedUNet {
    /// Writes the network with its settings, so that the file alone rebuilds it.
    ///
    /// It is a burnpack file if the name ends in `.bpk`, a safetensors file if it ends in `.safetensors`. Tensors have the
    /// names and shapes of [`parameter_shapes`](crate::parameter_shapes). The file is written under a temporary name,
    /// synchronised and renamed.
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use medseg_unet::{StageConfig, StagedUNet, StagedUNetConfig};
    ///
    /// let stages = vec![StageConfig::new(2, [1; 3]), StageConfig::new(4, [2; 3])];
    /// let config = StagedUNetConfig::default().with_stages(stages).with_decoder_convs(vec![2]);
    /// let network = config.init_seeded(1, &Device::flex())?;
    /// let folder = tempfile::tempdir()?;
    /// network.save(folder.path().join("network.safetensors"))?;
    /// let same = StagedUNet::load(folder.path().join("network.safetensors"), &Device::flex())?;
    /// assert_eq!(same.config(), &config);
    /// assert_eq!(same.named_parameters(), network.named_parameters());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Another ending, or the system's reason, naming the file.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), UNetError> {
        let tensors = self.named_parameters().into_iter().chain(self.named_statistics());
        save(path.as_ref(), CONFIG, self.config(), tensors)
    }

    /// Rebuilds a network from a file of [`save`](Self::save), of either kind.
    ///
    /// # Errors
    /// An unreadable or damaged file, one without settings, or weights that are not those of its settings.
    pub fn load(path: impl AsRef<Path>, device: &Device) -> Result<Self, UNetError> {
        let path = path.as_ref();
        let file = WeightFile::open(path)?;
        let bad = |reason: String| UNetError::malformed(path)(reason);
        let config: StagedUNetConfig = settings(path, &file, CONFIG)?;
        config.validate().map_err(|e| bad(format!("its settings: {e}")))?;
        let layout = StagedLayout::new(&config);
        let found = file.tensors.iter().map(|(key, tensor)| (key.clone(), tensor.shape.clone())).collect();
        let parameters = exact_parameters(path, &layout.tensors(), found, |name| match file.tensors.get(name) {
            Some(tensor) => tensor.values().map_err(|e| bad(format!("{name}: {e}"))),
            None => Err(bad(format!("{name}: missing"))),
        })?;
        Ok(Self::new(&config, &layout, parameters, device))
    }
}
