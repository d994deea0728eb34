//! Instance norm with what follows it, and the end of a residual block.

use burn::tensor::Tensor;
use medseg_ops::{NormRelu, norm_relu};

use crate::same::{F32, numbers, same};

#[test]
fn norm_relu_alone() {
    let x = numbers(1, [2, 3, 5, 4, 7]);
    same("norm_relu", &[x], |x| norm_relu(x[0].clone(), NormRelu::default()), F32);
}
