//! Names and shapes of weights.

use crate::{Graph, Layer, Node, Operation};

/// A tensor of a network's state: a weight or a running statistic.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parameter {
    /// Name of its layer and of its role, as in PyTorch's state dicts.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its role.
    pub role: ParameterRole,
    /// Number of its node.
    pub node: usize,
}

/// The role of a tensor in its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ParameterRole {
    /// Kernel of a convolution, `[out, in, kernel]`, or `[in, out, kernel]` if it is transposed.
    Kernel,
    /// Bias of a convolution.
    Bias,
    /// Factor of a norm, one a channel.
    NormWeight,
    /// Summand of a norm, one a channel.
    NormBias,
    /// Mean of a batch norm's channels over the training.
    RunningMean,
    /// Variance of a batch norm's channels over the training.
    RunningVariance,
    /// Slope of a PReLU, one for all channels or for each.
    Slope,
}

impl ParameterRole {
    /// True for running statistics, which are no weights.
    #[must_use]
    pub fn is_statistic(self) -> bool {
        matches!(self, Self::RunningMean | Self::RunningVariance)
    }

    /// Last part of the tensor's name.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Kernel | Self::NormWeight | Self::Slope => "weight",
            Self::Bias | Self::NormBias => "bias",
            Self::RunningMean => "running_mean",
            Self::RunningVariance => "running_var",
        }
    }
}

impl Parameter {
    /// Number of its values.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.shape.iter().fold(1, |product: u64, n| product.saturating_mul(*n as u64))
    }

    /// True if a size is 0.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

pub(crate) fn of_graph(graph: &Graph) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    for (number, node) in graph.nodes.iter().enumerate() {
        let Operation::Layer(layer) = &node.operation else { continue };
        let input = graph.nodes[node.inputs[0]].channels;
        for (role, shape) in of_layer(layer, node, input) {
            parameters.push(Parameter { name: format!("{}.{}", node.name, role.ending()), shape, role, node: number });
        }
    }
    parameters
}

fn of_layer(layer: &Layer, node: &Node, input: usize) -> Vec<(ParameterRole, Vec<usize>)> {
    let channels = node.channels;
    let convolution = |shape: [usize; 2], kernel: &[usize; 3], bias: bool| {
        let weight = (ParameterRole::Kernel, shape.iter().chain(kernel).copied().collect());
        [weight].into_iter().chain(bias.then(|| (ParameterRole::Bias, vec![channels]))).collect()
    };
    let affine = || vec![(ParameterRole::NormWeight, vec![channels]), (ParameterRole::NormBias, vec![channels])];
    match layer {
        Layer::Conv { kernel, bias, .. } => convolution([channels, input], kernel, *bias),
        Layer::TransposedConv { kernel, bias, .. } => convolution([input, channels], kernel, *bias),
        Layer::InstanceNorm { affine: true, .. } | Layer::GroupNorm { .. } => affine(),
        Layer::BatchNorm { .. } => {
            let statistics = [ParameterRole::RunningMean, ParameterRole::RunningVariance];
            affine().into_iter().chain(statistics.map(|role| (role, vec![channels]))).collect()
        }
        Layer::Prelu { per_channel } => vec![(ParameterRole::Slope, vec![if *per_channel { channels } else { 1 }])],
        _ => Vec::new(),
    }
}
