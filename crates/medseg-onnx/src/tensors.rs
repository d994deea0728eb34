//! Tensors and types of a model.

use crate::proto::{
    DimensionProto, FLOAT, INT64, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};

/// A tensor of f32.
pub(crate) fn floats(name: String, dims: &[usize], values: &[f32]) -> TensorProto {
    let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    TensorProto { dims: dims.iter().map(|n| *n as i64).collect(), data_type: FLOAT, name, raw_data }
}

/// A vector of i64.
pub(crate) fn integers(name: String, values: &[i64]) -> TensorProto {
    let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    TensorProto { dims: vec![values.len() as i64], data_type: INT64, name, raw_data }
}

/// A tensor `[batch, channels, depth, height, width]` of f32, of which the channels alone are a fixed number.
pub(crate) fn image_like(name: &str, channels: usize) -> ValueInfoProto {
    let named = |name: &str| DimensionProto { dim_value: None, dim_param: Some(name.to_owned()) };
    let channels = DimensionProto { dim_value: Some(channels as i64), dim_param: None };
    let dim = vec![named("batch"), channels, named("depth"), named("height"), named("width")];
    let tensor_type = TensorTypeProto { elem_type: FLOAT, shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type: Some(tensor_type) }) }
}
