//! First weights of a network.

use medseg_architecture::{Graph, Layer, Operation, Parameter, ParameterRole};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Slope of a PReLU at first, as in PyTorch.
const PRELU: f32 = 0.25;

/// Values of every parameter, in the order of [`Graph::parameters`].
///
/// Kernels are Kaiming-normal (He et al. 2015: mode fan_in, gain √2), biases 0, norms change nothing. The same seed gives the
/// same values on every device.
pub(crate) fn values(graph: &Graph, seed: u64) -> Vec<(Parameter, Vec<f32>)> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let value = |parameter: Parameter| {
        let len = parameter.shape.iter().product();
        let values = match parameter.role {
            ParameterRole::Kernel => {
                let deviation = (2.0 / fan_in(graph, &parameter) as f64).sqrt();
                let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
                (0..len).map(|_| (draw() * deviation) as f32).collect()
            }
            ParameterRole::NormWeight | ParameterRole::RunningVariance => vec![1.0; len],
            ParameterRole::Slope => vec![PRELU; len],
            _ => vec![0.0; len],
        };
        (parameter, values)
    };
    graph.parameters().into_iter().map(value).collect()
}

/// Products that are summed for a voxel of the output.
fn fan_in(graph: &Graph, parameter: &Parameter) -> usize {
    let [out_or_in, in_or_out, taps @ ..] = &parameter.shape[..] else { return 1 };
    match &graph.nodes()[parameter.node].operation {
        Operation::Layer(Layer::TransposedConv { stride, .. }) => {
            (out_or_in * taps.iter().product::<usize>()).div_ceil(stride.iter().product::<usize>().max(1)).max(1)
        }
        _ => (in_or_out * taps.iter().product::<usize>()).max(1),
    }
}
