//! Operations of a network as ONNX nodes.

use medseg_architecture::{Layer, Node, Operation};

use crate::builder::{Builder, Place, int};
use crate::convolutions::{Window, conv, transposed};
use crate::{OnnxError, activations, norms, poolings};

/// Adds the nodes of an operation that reads `inputs` and writes `output`.
pub(crate) fn add(builder: &mut Builder, node: &Node, inputs: &[&str], output: &str) -> Result<(), OnnxError> {
    let unknown = || OnnxError::Operation { name: node.name.clone() };
    let place = Place { name: &node.name, input: inputs.first().ok_or_else(unknown)?, output, channels: node.channels };
    match &node.operation {
        Operation::Layer(of) => layer(builder, place, of, node.divisor),
        Operation::Concat => builder.node("Concat", inputs, output, vec![int("axis", 1)]),
        Operation::Add => sum(builder, place, inputs),
        _ => return Err(unknown()),
    }
    Ok(())
}

fn layer(builder: &mut Builder, place: Place, layer: &Layer, divisor: [usize; 3]) {
    match *layer {
        Layer::Conv { kernel, stride, padding, bias, .. } => {
            let padding = padding.unwrap_or_default();
            conv(builder, place, &Window { kernel, stride, padding }, bias);
        }
        Layer::TransposedConv { kernel, stride, padding, output_padding, bias, .. } => {
            transposed(builder, place, &Window { kernel, stride, padding }, output_padding, bias);
        }
        Layer::InstanceNorm { affine, eps } => norms::instance(builder, place, affine, eps),
        Layer::BatchNorm { eps, .. } => norms::batch(builder, place, eps),
        Layer::GroupNorm { groups, eps } => norms::group(builder, place, groups, eps),
        Layer::Relu => activations::relu(builder, place),
        Layer::LeakyRelu { slope } => activations::leaky_relu(builder, place, slope),
        Layer::Prelu { .. } => activations::prelu(builder, place),
        Layer::Elu => activations::elu(builder, place),
        Layer::Gelu => activations::gelu(builder, place),
        Layer::Silu => activations::silu(builder, place),
        Layer::MaxPool { kernel, stride, padding } => {
            let window = Window { kernel: [kernel; 3], stride: [stride; 3], padding: [padding; 3] };
            poolings::max_pool(builder, place, &window);
        }
        Layer::AveragePool { kernel } => poolings::average_pool(builder, place, kernel),
        Layer::Upsample { align_corners } => poolings::upsample(builder, place, align_corners),
        Layer::UpsampleToGrid { align_corners } => poolings::upsample_to_grid(builder, place, divisor, align_corners),
        Layer::Dropout { .. } => identity(builder, place.input, place.output),
    }
}

/// Adds a node that changes nothing.
pub(crate) fn identity(builder: &mut Builder, input: &str, output: &str) {
    builder.node("Identity", &[input], output, Vec::new());
}

/// Sum of two inputs, then of the sum and the next one. `Add` repeats an input of one channel by itself.
fn sum(builder: &mut Builder, place: Place, inputs: &[&str]) {
    let [first, between @ .., last] = inputs else { return identity(builder, place.input, place.output) };
    let mut so_far = (*first).to_owned();
    for input in between {
        so_far = builder.step(place, "partial", "Add", &[&so_far, input]);
    }
    builder.node("Add", &[&so_far, last], place.output, Vec::new());
}
