#![doc = include_str!("../README.md")]

mod activations;
mod builder;
mod convolutions;
mod error;
mod names;
mod norms;
mod operations;
mod options;
mod poolings;
mod proto;
mod tensors;
mod write;

pub use error::OnnxError;
pub use options::OnnxOptions;
pub use write::{IMAGE, LOGITS, onnx_bytes, write_onnx};
