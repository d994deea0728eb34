//! Weight files: safetensors with the architecture among their metadata.

use std::collections::HashMap;
use std::path::Path;

use burn::tensor::Device;
use medseg_architecture::Architecture;
use medseg_files::write_atomic;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::{Network, NetworkError};

/// Metadata entry that holds the architecture as JSON.
const ARCHITECTURE: &str = "medseg_architecture";

impl Network {
    /// Writes the network to a safetensors file with its architecture, so that the file alone rebuilds it.
    ///
    /// Tensors have the names of [`Graph::parameters`](crate::Graph::parameters), as PyTorch reads them. The file is written
    /// under a temporary name, synchronised and renamed.
    ///
    /// # Errors
    /// The system's, naming the file.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), NetworkError> {
        let path = path.as_ref();
        let mut tensors = Vec::new();
        for (name, data) in self.named_tensors() {
            let shape = data.shape().to_vec();
            let values = data.convert::<f32>().try_to_vec::<f32>();
            let values = values.map_err(|e| NetworkError::Device(format!("{e:?}")))?;
            tensors.push((name, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>()));
        }
        let bad = |e: &dyn std::fmt::Display| NetworkError::malformed(path)(e.to_string());
        let views = tensors.iter().map(|(name, shape, bytes)| {
            Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(|e| bad(&e))?))
        });
        let views = views.collect::<Result<Vec<_>, NetworkError>>()?;
        let architecture = serde_json::to_string(self.architecture()).map_err(|e| bad(&e))?;
        let metadata = HashMap::from([(ARCHITECTURE.to_owned(), architecture)]);
        let bytes = safetensors::serialize(views, Some(metadata)).map_err(|e| bad(&e))?;
        write_atomic(path, &bytes).map_err(NetworkError::io("write", path))
    }

    /// Rebuilds a network from a file of [`save`](Self::save).
    ///
    /// ```
    /// use burn::tensor::Device;
    /// use medseg_architecture::networks::VNetConfig;
    /// use medseg_network::Network;
    ///
    /// let config = VNetConfig { channels: vec![2, 4], convs: vec![1, 1], kernel: 3, ..VNetConfig::default() };
    /// let network = Network::seeded(&config.architecture()?, 1, &Device::flex())?;
    /// let folder = tempfile::tempdir()?;
    /// network.save(folder.path().join("network.safetensors"))?;
    /// let same = Network::load(folder.path().join("network.safetensors"), &Device::flex())?;
    /// assert_eq!(same.named_tensors(), network.named_tensors());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// An unreadable or damaged file, one without an architecture, or weights that are not those of its architecture.
    pub fn load(path: impl AsRef<Path>, device: &Device) -> Result<Self, NetworkError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(NetworkError::io("read", path))?;
        let bad = |reason: String| NetworkError::malformed(path)(reason);
        let unsound = |e: safetensors::SafeTensorError| bad(format!("not a sound safetensors file: {e}"));
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(unsound)?;
        let text = header.metadata().as_ref().and_then(|metadata| metadata.get(ARCHITECTURE));
        let text = text.ok_or_else(|| bad("it holds no architecture; was it written by Network::save?".into()))?;
        let architecture: Architecture =
            serde_json::from_str(text).map_err(|e| bad(format!("its architecture: {e}")))?;
        let file = SafeTensors::deserialize(&bytes).map_err(unsound)?;
        Self::from_safetensors(&architecture, &file, path, device)
    }

    /// A network of this architecture with the weights of a safetensors file, whose metadata do not matter.
    ///
    /// # Errors
    /// An unreadable or damaged file, or weights that are not exactly those of the architecture.
    pub fn load_weights(
        architecture: &Architecture,
        path: impl AsRef<Path>,
        device: &Device,
    ) -> Result<Self, NetworkError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(NetworkError::io("read", path))?;
        let file = SafeTensors::deserialize(&bytes);
        let file = file.map_err(|e| NetworkError::malformed(path)(format!("not a sound safetensors file: {e}")))?;
        Self::from_safetensors(architecture, &file, path, device)
    }

    fn from_safetensors(
        architecture: &Architecture,
        file: &SafeTensors<'_>,
        path: &Path,
        device: &Device,
    ) -> Result<Self, NetworkError> {
        let place = path.display().to_string();
        let graph = architecture.graph()?;
        let wanted: std::collections::BTreeSet<String> = graph.parameters().into_iter().map(|p| p.name).collect();
        if let Some(name) = file.names().into_iter().find(|name| !wanted.contains(*name)) {
            return Err(NetworkError::Unexpected { place, name: name.to_owned() });
        }
        Self::from_values(
            architecture,
            &place,
            |parameter| {
                let missing = |_| NetworkError::Missing { place: place.clone(), name: parameter.name.clone() };
                let view = file.tensor(&parameter.name).map_err(missing)?;
                if view.shape() != parameter.shape {
                    let (found, expected) = (view.shape().to_vec(), parameter.shape.clone());
                    let (place, name) = (place.clone(), parameter.name.clone());
                    return Err(NetworkError::Shape { place, name, found, expected });
                }
                if view.dtype() != Dtype::F32 {
                    let reason = format!("{}: numbers of type {:?} instead of F32", parameter.name, view.dtype());
                    return Err(NetworkError::malformed(path)(reason));
                }
                Ok(view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
            },
            device,
        )
    }
}
