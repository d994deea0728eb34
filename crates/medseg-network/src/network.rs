//! The network.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use medseg_architecture::{Architecture, Graph, Parameter};
use medseg_ops::{Precision, pad_to_multiples};

use crate::layers::LayerParameters;
use crate::{NetworkError, initial, run};

/// A network that an [`Architecture`] describes, with its weights on a device.
///
/// It is a Burn module: an optimiser of Burn trains it, and `valid()` makes it predict.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use medseg_architecture::networks::UNetPlusPlusConfig;
/// use medseg_network::Network;
///
/// let config = UNetPlusPlusConfig { channels: vec![4, 8, 16], out_channels: 2, ..UNetPlusPlusConfig::default() };
/// let network = Network::seeded(&config.architecture()?, 1, &Device::flex())?;
/// let logits = network.forward(Tensor::ones([1, 1, 16, 16, 8], &Device::flex()));
/// assert_eq!(logits.dims(), [1, 2, 16, 16, 8]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Module)]
pub struct Network {
    /// Parameters of the nodes that have any, in the graph's order.
    layers: Vec<LayerParameters>,
    #[module(skip)]
    shared: Arc<Shared>,
    #[module(skip)]
    precision: Precision,
}

/// The parts of a network that never change.
#[derive(Debug)]
pub(crate) struct Shared {
    pub architecture: Architecture,
    pub graph: Graph,
    /// Place of each node's parameters among the layers.
    pub places: Vec<Option<usize>>,
}

impl Network {
    /// A network with random weights: Kaiming-normal kernels, zero biases, norms that change nothing.
    ///
    /// The same seed gives the same weights on every device.
    ///
    /// # Errors
    /// An impossible architecture.
    pub fn seeded(architecture: &Architecture, seed: u64, device: &Device) -> Result<Self, NetworkError> {
        let graph = architecture.graph()?;
        let values = initial::values(&graph, seed);
        Ok(Self::new(architecture, graph, values, device))
    }

    /// A network with these weights; `read` gives the values of a name, in C order, and `place` is where they are from.
    ///
    /// # Errors
    /// An impossible architecture, an error of `read`, another number of values, or one that is not finite.
    pub fn from_values<E: From<NetworkError>>(
        architecture: &Architecture,
        place: &str,
        mut read: impl FnMut(&Parameter) -> Result<Vec<f32>, E>,
        device: &Device,
    ) -> Result<Self, E> {
        let graph = architecture.graph().map_err(NetworkError::from)?;
        let mut values = Vec::new();
        for parameter in graph.parameters() {
            let of = read(&parameter)?;
            let place = || place.to_owned();
            if of.len() as u64 != parameter.len() {
                let (name, found) = (parameter.name, vec![of.len()]);
                return Err(NetworkError::Shape { place: place(), name, found, expected: parameter.shape }.into());
            }
            if let Some(value) = of.iter().copied().find(|value| !value.is_finite()) {
                return Err(NetworkError::NotFinite { place: place(), name: parameter.name, value }.into());
            }
            values.push((parameter, of));
        }
        Ok(Self::new(architecture, graph, values, device))
    }

    fn new(architecture: &Architecture, graph: Graph, values: Vec<(Parameter, Vec<f32>)>, device: &Device) -> Self {
        let mut places = vec![None; graph.nodes().len()];
        let mut of_layers: Vec<Vec<(Parameter, Vec<f32>)>> = Vec::new();
        for (parameter, values) in values {
            let place = *places[parameter.node].get_or_insert(of_layers.len());
            if place == of_layers.len() {
                of_layers.push(Vec::new());
            }
            of_layers[place].push((parameter, values));
        }
        let layers = of_layers.into_iter().map(|of| LayerParameters::new(of, device)).collect();
        let shared = Arc::new(Shared { architecture: architecture.clone(), graph, places });
        Self { layers, shared, precision: Precision::F32 }
    }

    /// Logits of a batch of images.
    ///
    /// Sizes that are no multiples of [`Graph::size_multiple`] are padded with zeros at both ends, an odd voxel at the end,
    /// and the result is cut back. On an autodiff device dropout is active and batch norms use the batch's statistics.
    ///
    /// # Shapes
    /// - x: `[batch, in_channels, depth, height, width]`, any size from 1
    /// - output: `[batch, out_channels, depth, height, width]`, any real number
    ///
    /// # Panics
    /// If x has another number of channels.
    #[must_use]
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let (x, inside) = pad_to_multiples(x, self.shared.graph.size_multiple());
        let y = self.run(x, 1).swap_remove(0);
        let Some([d, h, w]) = inside else { return y };
        let [batch, channels, ..] = y.dims();
        y.slice([0..batch, 0..channels, d, h, w])
    }

    /// Logits of all outputs: on the image's grid first, then those of deep supervision.
    ///
    /// # Shapes
    /// - x: `[batch, in_channels, depth, height, width]`, sizes that are multiples of [`Graph::size_multiple`]
    /// - outputs: `[batch, out_channels, ...]`, each on its own grid
    ///
    /// # Panics
    /// If a size is no such multiple, or x has another number of channels.
    #[must_use]
    pub fn forward_deep(&self, x: Tensor<5>) -> Vec<Tensor<5>> {
        let [_, _, sizes @ ..] = x.dims();
        let multiple = self.shared.graph.size_multiple();
        let fits = (0..3).all(|axis| sizes[axis].is_multiple_of(multiple[axis]));
        assert!(fits, "forward_deep: sizes of {sizes:?} voxels are no multiples of {multiple:?}");
        self.run(x, self.shared.graph.outputs().len())
    }

    fn run(&self, x: Tensor<5>, outputs: usize) -> Vec<Tensor<5>> {
        let (channels, expected) = (x.dims()[1], self.shared.graph.in_channels());
        assert!(channels == expected, "an image of {channels} channels for a network of {expected}");
        run::forward(&self.shared, &self.layers, self.precision, x, outputs)
    }

    /// The same network computing in these numbers; see [`Precision`]. Weights and logits stay in f32.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// The architecture that it was made of.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        &self.shared.architecture
    }

    /// Its operations.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.shared.graph
    }

    /// All weights and running statistics with their names, in the graph's order.
    #[must_use]
    pub fn named_tensors(&self) -> Vec<(String, TensorData)> {
        let named = |parameter: Parameter| {
            let layer = &self.layers[self.shared.places[parameter.node]?];
            Some((parameter.name, layer.data(parameter.role)?))
        };
        self.shared.graph.parameters().into_iter().filter_map(named).collect()
    }
}
