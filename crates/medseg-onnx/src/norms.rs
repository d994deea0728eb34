//! Norms as ONNX nodes.

use crate::builder::{Builder, Place, float};

/// `InstanceNormalization`; without parameters the weights are 1 and the biases 0.
pub(crate) fn instance(builder: &mut Builder, place: Place, affine: bool, eps: f64) {
    let [weight, bias] = match affine {
        true => [place.parameter("weight"), place.parameter("bias")],
        false => [builder.constant(1.0, &[place.channels]), builder.constant(0.0, &[place.channels])],
    };
    let inputs = [place.input, &weight, &bias];
    builder.node("InstanceNormalization", &inputs, place.output, vec![float("epsilon", eps)]);
}

/// `BatchNormalization` by the running statistics.
pub(crate) fn batch(builder: &mut Builder, place: Place, eps: f64) {
    let [weight, bias, mean, variance] =
        ["weight", "bias", "running_mean", "running_var"].map(|ending| place.parameter(ending));
    let inputs = [place.input, &weight, &bias, &mean, &variance];
    builder.node("BatchNormalization", &inputs, place.output, vec![float("epsilon", eps)]);
}

/// `InstanceNormalization` of the groups as channels, then weight and bias of each channel.
///
/// `GroupNormalization` exists since opset 21 and is missing in older runtimes.
pub(crate) fn group(builder: &mut Builder, place: Place, groups: usize, eps: f64) {
    let grouped = builder.shape(&[0, groups as i64, -1]);
    let grouped = builder.step(place, "grouped", "Reshape", &[place.input, &grouped]);
    let [ones, zeros] = [1.0, 0.0].map(|value| builder.constant(value, &[groups]));
    let normed = builder.names.take(&format!("{}.normed", place.name));
    builder.node("InstanceNormalization", &[&grouped, &ones, &zeros], &normed, vec![float("epsilon", eps)]);
    let shape = builder.step(place, "shape", "Shape", &[place.input]);
    let whole = builder.step(place, "whole", "Reshape", &[&normed, &shape]);
    let scaled = builder.step(place, "scaled", "Mul", &[&whole, &place.parameter("weight")]);
    builder.node("Add", &[&scaled, &place.parameter("bias")], place.output, Vec::new());
}
