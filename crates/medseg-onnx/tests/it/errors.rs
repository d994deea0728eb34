//! Errors name the tensor.

use std::error::Error;

use medseg_architecture::Layer;
use medseg_onnx::{OnnxError, OnnxOptions, onnx_bytes, write_onnx};

use crate::decoded::of_layers;

fn error(values: impl Fn(&str) -> Result<Vec<f32>, String>) -> OnnxError {
    let graph = of_layers(1, [Layer::head(2)]);
    onnx_bytes(&graph, values, &OnnxOptions::default()).unwrap_err()
}

#[test]
fn missing_values_are_named_with_the_callers_reason() {
    let error = error(|name| Err(format!("{name} is not in the file")));
    assert_eq!(error.to_string(), "tensor s.0.weight: no values");
    assert_eq!(error.source().unwrap().to_string(), "s.0.weight is not in the file");
}

#[test]
fn another_number_of_values_is_refused() {
    let error = error(|_| Ok(vec![1.0; 3]));
    assert_eq!(error.to_string(), "tensor s.0.weight: 3 values instead of 2");
}

#[test]
fn a_value_that_is_not_finite_is_refused() {
    let error = error(|name| Ok(vec![if name.ends_with("bias") { f32::NAN } else { 1.0 }; 2]));
    assert_eq!(error.to_string(), "tensor s.0.bias: it holds NaN, which is not a finite number");
}

#[test]
fn a_model_of_more_than_two_gibibytes_is_refused_before_any_weights_are_asked_for() {
    let conv = Layer::Conv { channels: Some(1 << 15), kernel: [1; 3], stride: [1; 3], padding: None, bias: false };
    let graph = of_layers(1 << 15, [conv]);
    let never = |name: &str| -> Result<Vec<f32>, String> { panic!("asked for {name}") };
    let error = onnx_bytes(&graph, never, &OnnxOptions::default()).unwrap_err();
    assert!(matches!(error, OnnxError::TooLarge { bytes } if bytes == 1 << 32), "{error}");
    assert!(error.to_string().contains("2147483647"), "{error}");
}

#[test]
fn a_folder_that_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("a.onnx");
    let graph = of_layers(1, [Layer::head(1)]);
    let weights = |_: &str| Ok::<_, String>(vec![0.5]);
    let error = write_onnx(&path, &graph, weights, &OnnxOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot write {}", path.display()));
}
