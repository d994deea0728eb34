//! Nodes and tensors of a model, one after the other.

use std::collections::BTreeMap;

use crate::names::Names;
use crate::proto::{AttributeProto, NodeProto, TensorProto, attribute_type};
use crate::tensors::{floats, integers};

/// Collects a model's nodes and tensors under unique names.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    pub nodes: Vec<NodeProto>,
    pub initializers: Vec<TensorProto>,
    pub names: Names,
    /// Names of constants, by their dimensions and bytes.
    constants: BTreeMap<(Vec<i64>, Vec<u8>), String>,
}

/// An operation of the network that becomes one node or more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// Name of the operation.
    pub name: &'a str,
    /// Tensor that it reads.
    pub input: &'a str,
    /// Tensor that it writes.
    pub output: &'a str,
    /// Channels of its output.
    pub channels: usize,
}

impl Place<'_> {
    /// Name of a parameter of the operation.
    pub fn parameter(&self, ending: &str) -> String {
        format!("{}.{ending}", self.name)
    }
}

impl Builder {
    /// Adds a node with one output.
    pub fn node(&mut self, op: &str, inputs: &[&str], output: &str, attributes: Vec<AttributeProto>) {
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: vec![output.to_owned()],
            name: output.to_owned(),
            op_type: op.to_owned(),
            attribute: attributes,
        });
    }

    /// Adds a node whose output is a step on the way to the place's; returns the output's name.
    pub fn step(&mut self, place: Place, part: &str, op: &str, inputs: &[&str]) -> String {
        let output = self.names.take(&format!("{}.{part}", place.name));
        self.node(op, inputs, &output, Vec::new());
        output
    }

    /// Name of a tensor of equal numbers, which is added once for all its readers. No dimension is a scalar.
    pub fn constant(&mut self, value: f32, dims: &[usize]) -> String {
        let tensor = floats(String::new(), dims, &vec![value; dims.iter().product()]);
        self.shared(format!("constant.{value}"), tensor)
    }

    /// Name of a vector of factors, which is added once for all its readers.
    pub fn factors(&mut self, values: &[f32]) -> String {
        self.shared("factors".into(), floats(String::new(), &[values.len()], values))
    }

    /// Name of a vector for `Reshape`, which is added once for all its readers.
    pub fn shape(&mut self, values: &[i64]) -> String {
        self.shared("shape".into(), integers(String::new(), values))
    }

    fn shared(&mut self, wish: String, tensor: TensorProto) -> String {
        let key = (tensor.dims.clone(), tensor.raw_data.clone());
        if let Some(name) = self.constants.get(&key) {
            return name.clone();
        }
        let name = self.names.take(&wish);
        self.initializers.push(TensorProto { name: name.clone(), ..tensor });
        self.constants.insert(key, name.clone());
        name
    }
}

/// A whole number as an attribute.
pub(crate) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { i: Some(value), ..attribute(name, attribute_type::INT) }
}

/// Whole numbers as an attribute.
pub(crate) fn ints(name: &str, values: impl IntoIterator<Item = usize>) -> AttributeProto {
    let ints = values.into_iter().map(|value| value as i64).collect();
    AttributeProto { ints, ..attribute(name, attribute_type::INTS) }
}

/// A number as an attribute.
pub(crate) fn float(name: &str, value: f64) -> AttributeProto {
    AttributeProto { f: Some(value as f32), ..attribute(name, attribute_type::FLOAT) }
}

/// A word as an attribute.
pub(crate) fn string(name: &str, value: &str) -> AttributeProto {
    AttributeProto { s: Some(value.into()), ..attribute(name, attribute_type::STRING) }
}

fn attribute(name: &str, r#type: i32) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type, ..AttributeProto::default() }
}
