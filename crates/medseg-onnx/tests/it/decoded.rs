//! Models, decoded from their bytes.

use medseg_architecture::{Architecture, Block, Graph, Layer, Stage};
use medseg_onnx::{OnnxOptions, onnx_bytes};
use prost::Message;

use crate::proto::{GraphProto, ModelProto, NodeProto};
use crate::random;

/// The model of a network with random weights.
pub fn model(graph: &Graph, options: &OnnxOptions) -> ModelProto {
    ModelProto::decode(bytes(graph, options).as_slice()).unwrap()
}

pub fn bytes(graph: &Graph, options: &OnnxOptions) -> Vec<u8> {
    let parameters = graph.parameters();
    let weights = |name: &str| {
        let parameter = parameters.iter().find(|parameter| parameter.name == name).ok_or("unknown")?;
        Ok::<_, &str>(random::values(parameter, 1))
    };
    onnx_bytes(graph, weights, options).unwrap()
}

/// The graph of a network's model.
pub fn graph(graph: &Graph) -> GraphProto {
    model(graph, &OnnxOptions::default()).graph.unwrap()
}

/// A network of one stage that reads an image of some channels.
pub fn of_layers(in_channels: usize, layers: impl IntoIterator<Item = Layer>) -> Graph {
    let stages = vec![Stage::new("s", "image", Block::new(layers))];
    let outputs = vec!["s".to_owned()];
    Architecture { in_channels, blocks: Default::default(), stages, outputs }.graph().unwrap()
}

/// An attribute as text: kind and value.
pub fn attribute(node: &NodeProto, name: &str) -> String {
    let attribute = node.attribute.iter().find(|attribute| attribute.name == name).unwrap();
    match attribute.r#type {
        1 => format!("{}", attribute.f.unwrap()),
        2 => format!("{}", attribute.i.unwrap()),
        3 => String::from_utf8(attribute.s.clone().unwrap()).unwrap(),
        7 => format!("{:?}", attribute.ints),
        other => panic!("attribute type {other}"),
    }
}
