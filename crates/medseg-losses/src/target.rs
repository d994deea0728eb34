//! Targets as tensors that losses compute with.

use burn::tensor::{DType, Int, Tensor};

/// Class numbers `[batch, 1, depth, height, width]` as one channel of 0 and 1 for each class.
///
/// A voxel whose number is not a class gets 0 in every channel.
pub(crate) fn one_hot(target: Tensor<5>, classes: usize) -> Tensor<5> {
    let numbers = Tensor::<1, Int>::arange(0..classes as i64, &target.device());
    let numbers = numbers.float().cast(target.dtype()).reshape([1, classes, 1, 1, 1]);
    let [batch, _, depth, height, width] = target.dims();
    let shape = [batch, classes, depth, height, width];
    let dtype = target.dtype();
    target.expand(shape).equal(numbers.expand(shape)).float().cast(dtype)
}

/// The same tensor in single precision if it is in half: sums over a volume overflow or lose their end there.
pub(crate) fn summable(tensor: Tensor<5>) -> Tensor<5> {
    match tensor.dtype() {
        DType::F16 | DType::BF16 => tensor.cast(DType::F32),
        _ => tensor,
    }
}
