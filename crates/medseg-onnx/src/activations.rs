//! Activations as ONNX nodes.

use std::f32::consts::SQRT_2;

use crate::builder::{Builder, Place, float};

/// `Relu`.
pub(crate) fn relu(builder: &mut Builder, place: Place) {
    builder.node("Relu", &[place.input], place.output, Vec::new());
}

/// `LeakyRelu`.
pub(crate) fn leaky_relu(builder: &mut Builder, place: Place, slope: f64) {
    builder.node("LeakyRelu", &[place.input], place.output, vec![float("alpha", slope)]);
}

/// `PRelu`, whose slope has the shape `[1]` or `[channels, 1, 1, 1]`.
pub(crate) fn prelu(builder: &mut Builder, place: Place) {
    builder.node("PRelu", &[place.input, &place.parameter("weight")], place.output, Vec::new());
}

/// `Elu` with PyTorch's default of 1.
pub(crate) fn elu(builder: &mut Builder, place: Place) {
    builder.node("Elu", &[place.input], place.output, vec![float("alpha", 1.0)]);
}

/// x / 2 · (1 + erf(x / √2)); the operation `Gelu` exists since opset 20 and is missing in older runtimes.
pub(crate) fn gelu(builder: &mut Builder, place: Place) {
    let [root, one, half] = [SQRT_2, 1.0, 0.5].map(|value| builder.constant(value, &[]));
    let divided = builder.step(place, "divided", "Div", &[place.input, &root]);
    let erf = builder.step(place, "erf", "Erf", &[&divided]);
    let plus_one = builder.step(place, "plus_one", "Add", &[&erf, &one]);
    let doubled = builder.step(place, "doubled", "Mul", &[place.input, &plus_one]);
    builder.node("Mul", &[&doubled, &half], place.output, Vec::new());
}

/// x · sigmoid(x).
pub(crate) fn silu(builder: &mut Builder, place: Place) {
    let sigmoid = builder.step(place, "sigmoid", "Sigmoid", &[place.input]);
    builder.node("Mul", &[place.input, &sigmoid], place.output, Vec::new());
}
