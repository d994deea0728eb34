//! Against PyTorch's values and gradients, through the kernels and through Burn's operations.

use burn::tensor::{Device, Tensor, TensorData};
use medseg_ops::{ConvOptions, composed, conv_transpose3d, conv3d};
use medseg_testing::{Golden, Values};

fn data(values: &Values) -> TensorData {
    TensorData::new(values.f32(), values.shape.clone())
}

fn check<const D: usize>(case: &Golden, name: &str, tensor: Option<Tensor<D>>) {
    let tensor = tensor.unwrap_or_else(|| panic!("{}: no {name}", case.name));
    assert_eq!(tensor.dims().to_vec(), case.tensor(name).shape, "{}: shape of {name}", case.name);
    case.check(name, tensor.into_data().iter::<f32>().map(f64::from));
}

fn check_case(case: &Golden, conv: impl Fn(Tensor<5>, Tensor<5>, Option<Tensor<1>>) -> Tensor<5>) {
    let device = Device::flex().autodiff();
    let x = Tensor::<5>::from_data(data(case.tensor("input")), &device).require_grad();
    let weight = Tensor::<5>::from_data(data(case.tensor("weight")), &device).require_grad();
    let bias = case.has("bias").then(|| Tensor::<1>::from_data(data(case.tensor("bias")), &device).require_grad());
    let y = conv(x.clone(), weight.clone(), bias.clone());
    let cotangent = Tensor::from_data(data(case.tensor("cotangent")), &device);
    let grads = (y.clone() * cotangent).sum().backward();
    check(case, "expected", Some(y));
    check(case, "grad_input", x.grad(&grads));
    check(case, "grad_weight", weight.grad(&grads));
    if let Some(bias) = bias {
        check(case, "grad_bias", bias.grad(&grads));
    }
}

fn cubic(case: &Golden, key: &str) -> [usize; 3] {
    [case.params[key].as_u64().unwrap() as usize; 3]
}

#[test]
fn convolutions_agree_with_pytorch() {
    for case in Golden::all("conv3d") {
        let options =
            ConvOptions { stride: cubic(&case, "stride"), padding: cubic(&case, "padding"), ..ConvOptions::default() };
        check_case(&case, |x, w, b| conv3d(x, w, b, options));
        check_case(&case, |x, w, b| composed::conv3d(x, w, b, options));
    }
}

#[test]
fn transposed_convolutions_agree_with_pytorch() {
    for case in Golden::all("conv_transpose3d") {
        let [stride, padding, more] = ["stride", "padding", "output_padding"].map(|key| cubic(&case, key));
        check_case(&case, |x, w, b| conv_transpose3d(x, w, b, stride, padding, more));
    }
}
