//! The same operation on the GPU and on the CPU.

use burn::tensor::{DType, Tensor, TensorData};
use medseg::Device;

use crate::device::{gpu, on_cuda};

/// Reproducible numbers in -2..2.
pub fn numbers<const D: usize>(seed: u64, shape: [usize; D]) -> TensorData {
    let mut state = seed;
    let mut next = || {
        // SplitMix64.
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 22) as f32 - 2.0
    };
    TensorData::new((0..shape.iter().product()).map(|_| next()).collect::<Vec<f32>>(), shape)
}

/// How far the GPU's values may lie from the CPU's, relative to them and to the largest of them.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// Relative to the value.
    pub value: f32,
    /// Relative to the tensor's largest value.
    pub largest: f32,
}

/// For sums in another order of f32.
pub const F32: Tolerance = Tolerance { value: 1e-4, largest: 1e-5 };

/// For products of f32 by a convolution. CUDA's tensor cores round factors to TF32, whose mantissa has 10 bits; elsewhere
/// sums alone differ.
pub fn products() -> Tolerance {
    if on_cuda() { Tolerance { value: 0.0, largest: 2e-3 } } else { F32 }
}

/// For several convolutions in a row, or what is computed of them: `elsewhere` unless products are rounded.
pub fn layers(elsewhere: Tolerance) -> Tolerance {
    if on_cuda() { Tolerance { value: 1e-3, largest: 5e-3 } } else { elsewhere }
}

/// Fails unless output and all gradients of `op` are the same on both devices, for inputs of f32.
///
/// The inputs come as 5D tensors that require a gradient; `op` reshapes what is of another rank.
pub fn same(what: &str, inputs: &[TensorData], op: impl Fn(&[Tensor<5>]) -> Tensor<5>, tolerance: Tolerance) {
    same_in(DType::F32, what, inputs, op, tolerance);
}

/// As [`same`], with the GPU's inputs in another type, and its output and gradients compared as f32.
pub fn same_in(
    dtype: DType,
    what: &str,
    inputs: &[TensorData],
    op: impl Fn(&[Tensor<5>]) -> Tensor<5>,
    tolerance: Tolerance,
) {
    let want = output_and_gradients(&Device::flex(), DType::F32, inputs, &op);
    let got = output_and_gradients(&gpu(), dtype, inputs, &op);
    for (number, (got, want)) in got.iter().zip(&want).enumerate() {
        let part = if number == 0 { "output".to_string() } else { format!("gradient of input {}", number - 1) };
        assert_close(&format!("{what}: {part}"), got, want, tolerance);
    }
}

/// Fails where a value is off by more than the tolerance; NaN equals NaN.
pub fn assert_close(what: &str, got: &[f32], want: &[f32], tolerance: Tolerance) {
    assert_eq!(got.len(), want.len(), "{what}: number of values");
    let largest = want.iter().fold(0.0f32, |largest, v| if v.is_finite() { largest.max(v.abs()) } else { largest });
    for (at, (got, want)) in got.iter().zip(want).enumerate() {
        let off = (got - want).abs();
        let equal = got == want
            || (got.is_nan() && want.is_nan())
            || off <= tolerance.value * want.abs() + tolerance.largest * largest;
        assert!(equal, "{what}: value {at} is {got}, not {want}");
    }
}

/// The values of a tensor as f32.
pub fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.cast(DType::F32).into_data().try_to_vec().expect("an f32 tensor")
}

/// The output, then the gradient of each input of `sum(output * cotangent)`.
fn output_and_gradients(
    device: &Device,
    dtype: DType,
    inputs: &[TensorData],
    op: impl Fn(&[Tensor<5>]) -> Tensor<5>,
) -> Vec<Vec<f32>> {
    let device = device.clone().autodiff();
    let leaves: Vec<Tensor<5>> = inputs
        .iter()
        .map(|data| Tensor::<5>::from_data(data.clone(), &device).cast(dtype).detach().require_grad())
        .collect();
    let y = op(&leaves);
    let cotangent = Tensor::<5>::from_data(numbers(99, y.dims()), &device).cast(y.dtype());
    let gradients = (y.clone() * cotangent).sum().backward();
    let mut all = vec![values(y)];
    all.extend(leaves.iter().map(|x| values(x.grad(&gradients).expect("a gradient"))));
    all
}
