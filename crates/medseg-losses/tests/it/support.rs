//! Tensors of fixed numbers, and gradients beside central differences.

use burn::tensor::{DType, Device, Tensor, TensorData};

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
