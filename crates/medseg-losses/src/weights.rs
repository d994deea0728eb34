//! Class weights as tensors.

use burn::tensor::{Tensor, TensorData};

/// One number for each channel as `[1, channels, 1, 1, 1]`, to be multiplied with `like`.
pub(crate) fn per_class(weights: &[f64], like: &Tensor<5>) -> Tensor<5> {
    let data = TensorData::new(weights.to_vec(), [1, weights.len(), 1, 1, 1]);
    Tensor::from_data(data, (&like.device(), like.dtype()))
}
