//! The model of a network, in memory or as a file.

use std::error::Error;
use std::path::Path;

use medseg_architecture::{Graph, Layer, Operation, Parameter};
use medseg_files::write_atomic;
use prost::Message;

use crate::builder::Builder;
use crate::operations::{add, identity};
use crate::proto::{GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto};
use crate::tensors::{floats, image_like};
use crate::{OnnxError, OnnxOptions};

/// Name of a model's input.
pub const IMAGE: &str = "image";
/// Name of a model's output.
pub const LOGITS: &str = "logits";

/// Version of the file format, that of ONNX 1.12.
const IR_VERSION: i64 = 8;
/// Version of the operators, that of ONNX 1.12.
const OPSET: i64 = 17;
/// Longest message of protobuf.
const LONGEST_MESSAGE: u64 = (1 << 31) - 1;

/// Writes a network for prediction as an ONNX model of opset 17.
///
/// `weights` is asked once for each of `graph.for_prediction().parameters()`, by name, and gives the values in C order.
/// Initializers have these names; nodes have the operations' names. The file is the old or the new one at any moment.
///
/// # Shapes
/// - [`IMAGE`]: `[batch, in_channels, depth, height, width]`, f32; sizes are multiples of
///   [`Graph::size_multiple`], all but the channels by name
/// - [`LOGITS`]: `[batch, out_channels, depth, height, width]`, f32
///
/// # Errors
/// A tensor without values, with another number of them or with one that is not finite, a model of 2 GiB or more, and
/// the system's errors.
///
/// # Source
/// Operators of [ONNX](https://onnx.ai/onnx/operators/), with the meaning of PyTorch's layers.
pub fn write_onnx<E: Into<Box<dyn Error + Send + Sync>>>(
    path: impl AsRef<Path>,
    graph: &Graph,
    weights: impl FnMut(&str) -> Result<Vec<f32>, E>,
    options: &OnnxOptions,
) -> Result<(), OnnxError> {
    let path = path.as_ref();
    let bytes = onnx_bytes(graph, weights, options)?;
    write_atomic(path, &bytes).map_err(|source| OnnxError::Io { path: path.to_path_buf(), source })
}

/// The content of the file that [`write_onnx`] writes; the same network and weights give the same bytes.
///
/// # Errors
/// As [`write_onnx`], without the system's.
pub fn onnx_bytes<E: Into<Box<dyn Error + Send + Sync>>>(
    graph: &Graph,
    mut weights: impl FnMut(&str) -> Result<Vec<f32>, E>,
    options: &OnnxOptions,
) -> Result<Vec<u8>, OnnxError> {
    let graph = graph.for_prediction();
    let parameters = graph.parameters();
    let bytes = parameters.iter().fold(0, |sum: u64, parameter| sum.saturating_add(parameter.len().saturating_mul(4)));
    refuse_too_large(bytes)?;
    let mut builder = Builder::default();
    for reserved in [IMAGE, LOGITS] {
        builder.names.take(reserved);
    }
    for parameter in &parameters {
        let values = weights(&parameter.name)
            .map_err(|source| OnnxError::Weights { name: parameter.name.clone(), source: source.into() })?;
        check(parameter, &values)?;
        // No other parameter and no reserved name is called so: a parameter's name ends in a dot and its role.
        let name = builder.names.take(&parameter.name);
        builder.initializers.push(floats(name, &dims(&graph, parameter), &values));
    }
    add_nodes(&mut builder, &graph)?;
    let model = model(builder, &graph, options);
    refuse_too_large(model.encoded_len() as u64)?;
    Ok(model.encode_to_vec())
}

fn refuse_too_large(bytes: u64) -> Result<(), OnnxError> {
    if bytes > LONGEST_MESSAGE { Err(OnnxError::TooLarge { bytes }) } else { Ok(()) }
}

fn check(parameter: &Parameter, values: &[f32]) -> Result<(), OnnxError> {
    let name = || parameter.name.clone();
    if values.len() as u64 != parameter.len() {
        return Err(OnnxError::Length { name: name(), expected: parameter.len(), found: values.len() });
    }
    match values.iter().copied().find(|value| !value.is_finite()) {
        Some(value) => Err(OnnxError::NotFinite { name: name(), value }),
        None => Ok(()),
    }
}

/// The shape of an initializer: the parameter's, with three axes more where a node multiplies or adds it channel by channel.
fn dims(graph: &Graph, parameter: &Parameter) -> Vec<usize> {
    let mut dims = parameter.shape.clone();
    if let Operation::Layer(Layer::GroupNorm { .. } | Layer::Prelu { per_channel: true }) =
        graph.nodes()[parameter.node].operation
    {
        dims.extend([1; 3]);
    }
    dims
}

/// Adds the nodes of all operations; dropout is left out.
fn add_nodes(builder: &mut Builder, graph: &Graph) -> Result<(), OnnxError> {
    let nodes = graph.nodes();
    let is_dropout = |number: usize| matches!(nodes[number].operation, Operation::Layer(Layer::Dropout { .. }));
    let mut last = graph.outputs()[0];
    while is_dropout(last) {
        last = nodes[last].inputs[0];
    }
    // The tensor that holds each operation's output.
    let mut tensors = vec![IMAGE.to_owned()];
    for (number, node) in nodes.iter().enumerate().skip(1) {
        if is_dropout(number) {
            tensors.push(tensors[node.inputs[0]].clone());
            continue;
        }
        let output = if number == last { LOGITS.to_owned() } else { builder.names.take(&node.name) };
        let inputs: Vec<&str> = node.inputs.iter().map(|input| tensors[*input].as_str()).collect();
        add(builder, node, &inputs, &output)?;
        tensors.push(output);
    }
    if last == 0 {
        identity(builder, IMAGE, LOGITS);
    }
    Ok(())
}

fn model(builder: Builder, graph: &Graph, options: &OnnxOptions) -> ModelProto {
    let mut metadata = options.metadata.clone();
    metadata.entry("size_multiple".into()).or_insert_with(|| format!("{:?}", graph.size_multiple()));
    let entry = |(key, value)| StringStringEntryProto { key, value: Some(value) };
    ModelProto {
        ir_version: IR_VERSION,
        producer_name: "medseg".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        doc_string: options.description.clone(),
        graph: Some(GraphProto {
            node: builder.nodes,
            name: "segmentation".into(),
            initializer: builder.initializers,
            input: vec![image_like(IMAGE, graph.in_channels())],
            output: vec![image_like(LOGITS, graph.out_channels())],
        }),
        opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: OPSET }],
        metadata_props: metadata.into_iter().map(entry).collect(),
    }
}
