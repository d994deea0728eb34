//! What PyTorch computed, for operations of one tensor.

use burn::tensor::{DType, Tensor, TensorData};
use medseg_testing::Golden;

use crate::device::gpu;
use crate::same::values;

/// The cases of an operation of medseg-ops.
pub fn cases(op: &str) -> Vec<Golden> {
    Golden::all_of("medseg-ops", op)
}

/// Fails unless output and gradient are the golden ones, the gradient within `least` even if the file asks for equality.
pub fn check(golden: &Golden, op: impl Fn(Tensor<5>) -> Tensor<5>, least: f64) {
    let device = gpu().autodiff();
    let tensor = |name: &str| {
        let stored = golden.tensor(name);
        let data = TensorData::new(stored.f32(), stored.dims::<5>());
        Tensor::<5>::from_data(data, &device).cast(DType::F32)
    };
    let as_f64 = |x: Tensor<5>| values(x).into_iter().map(f64::from);
    golden.check("expected", as_f64(op(tensor("input").inner())));
    let x = tensor("input").require_grad();
    let y = op(x.clone());
    let gradients = (y.clone() * tensor("cotangent")).sum().backward();
    golden.check("expected", as_f64(y));
    let gradient = as_f64(x.grad(&gradients).expect("a gradient"));
    golden.check_within("grad_input", gradient, golden.rtol.max(least), golden.atol.max(least));
}
