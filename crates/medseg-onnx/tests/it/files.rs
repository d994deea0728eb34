//! The file, its metadata and its inputs and outputs.

use medseg_architecture::Layer;
use medseg_onnx::{OnnxOptions, write_onnx};
use prost::Message;

use crate::decoded::{bytes, model, of_layers};
use crate::proto::{DimensionProto, ModelProto};

fn dims(value: &crate::proto::ValueInfoProto) -> Vec<String> {
    let tensor = value.r#type.as_ref().unwrap().tensor_type.as_ref().unwrap();
    assert_eq!(tensor.elem_type, 1);
    let text = |dim: &DimensionProto| match (dim.dim_value, &dim.dim_param) {
        (Some(value), None) => value.to_string(),
        (None, Some(name)) => name.clone(),
        other => panic!("{other:?}"),
    };
    tensor.shape.as_ref().unwrap().dim.iter().map(text).collect()
}

#[test]
fn input_and_output_have_open_sizes_and_fixed_channels() {
    let graph = model(&of_layers(3, [Layer::head(5)]), &OnnxOptions::default()).graph.unwrap();
    let ([input], [output]) = (&graph.input[..], &graph.output[..]) else { panic!("one of each") };
    assert_eq!((input.name.as_str(), output.name.as_str()), ("image", "logits"));
    assert_eq!(dims(input), ["batch", "3", "depth", "height", "width"]);
    assert_eq!(dims(output), ["batch", "5", "depth", "height", "width"]);
}

#[test]
fn versions_description_and_metadata() {
    let pool = [
        Layer::AveragePool { kernel: [1, 2, 2] },
        Layer::TransposedConv {
            channels: Some(1),
            kernel: [1, 2, 2],
            stride: [1, 2, 2],
            padding: [0; 3],
            output_padding: [0; 3],
            bias: false,
        },
    ];
    let graph = of_layers(1, pool);
    let options = OnnxOptions::default().with_description("liver").with_metadata("labels", "{}");
    let written = model(&graph, &options);
    assert_eq!((written.ir_version, written.opset_import[0].version), (8, 17));
    assert_eq!(written.opset_import[0].domain.as_deref(), Some(""));
    assert_eq!((written.producer_name.as_str(), written.doc_string.as_str()), ("medseg", "liver"));
    let entries: Vec<_> =
        written.metadata_props.iter().map(|entry| (entry.key.as_str(), entry.value.as_deref().unwrap())).collect();
    assert_eq!(entries, [("labels", "{}"), ("size_multiple", "[1, 2, 2]")]);
    let own = model(&graph, &options.with_metadata("size_multiple", "8"));
    assert_eq!(own.metadata_props[1].value.as_deref(), Some("8"));
}

#[test]
fn the_file_holds_the_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.onnx");
    let graph = of_layers(1, [Layer::Relu]);
    let none = |name: &str| Err(format!("{name}: there are no weights"));
    write_onnx(&path, &graph, none, &OnnxOptions::default()).unwrap();
    let content = std::fs::read(&path).unwrap();
    assert_eq!(content, bytes(&graph, &OnnxOptions::default()));
    assert!(ModelProto::decode(content.as_slice()).is_ok());
}
