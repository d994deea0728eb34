//! Fixed numbers, tensors of them, and gradients beside central differences.

use burn::tensor::{DType, Device, Tensor, TensorData};

/// Fixed numbers between 0 and 1 from a small generator.
pub fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / (1_u64 << 24) as f64
        })
        .collect()
}

pub fn tensor(values: &[f64], shape: [usize; 5], dtype: DType, device: &Device) -> Tensor<5> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), (device, dtype))
}

/// Compares the gradient of `loss` with central differences, in f64.
pub fn check_gradient(name: &str, at: &[f64], shape: [usize; 5], loss: impl Fn(Tensor<5>) -> Tensor<1>) {
    let device = Device::flex().autodiff();
    let x = tensor(at, shape, DType::F64, &device).require_grad();
    let gradient = x.grad(&loss(x.clone()).backward()).unwrap().to_data().try_to_vec::<f64>().unwrap();
    assert!(gradient.iter().any(|g| g.abs() > 1e-4), "{name}: the gradient is about zero");
    let value = |at: &[f64]| loss(tensor(at, shape, DType::F64, &device)).into_scalar::<f64>();
    for (i, &got) in gradient.iter().enumerate() {
        let step = 1e-5;
        let moved = |by: f64| {
            let mut at = at.to_vec();
            at[i] += by;
            value(&at)
        };
        let want = (moved(step) - moved(-step)) / (2.0 * step);
        assert!((got - want).abs() < 1e-8 + 1e-6 * want.abs(), "{name}: gradient {i} is {got}, expected {want}");
    }
}
