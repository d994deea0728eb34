//! Every golden file of these operations, forward and gradients, through the kernels and through Burn's operations.

use super::compare::{tensor, values};
use burn::tensor::{Device, Tensor};
use medseg_testing::Golden;
use serde_json::Value;

/// A case of an operation.
pub struct Case(Golden);

impl Case {
    /// All cases of an operation.
    pub fn all(op: &str) -> Vec<Self> {
        Golden::all(op).into_iter().map(Self).collect()
    }

    pub fn name(&self) -> &str {
        &self.0.name
    }

    pub fn param(&self, name: &str) -> &Value {
        &self.0.params[name]
    }

    fn number(&self, name: &str) -> usize {
        self.param(name).as_u64().unwrap_or_else(|| panic!("{}: {name}", self.0.name)) as usize
    }

    pub fn get(&self, name: &str) -> Vec<f32> {
        self.0.tensor(name).f32()
    }

    pub fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        tensor(self.get(name), self.0.tensor(name).dims::<D>(), device)
    }

    pub fn check(&self, name: &str, got: &[f32]) {
        self.check_within(name, got, 0.0);
    }

    /// Within the file's tolerance, or a wider one.
    fn check_within(&self, name: &str, got: &[f32], least: f32) {
        let [rtol, atol] = [self.0.rtol, self.0.atol].map(|tolerance| tolerance.max(f64::from(least)));
        self.0.check_within(name, got.iter().map(|v| f64::from(*v)), rtol, atol);
    }

    /// Checks an operation of one tensor with and without autodiff.
    fn check_op(&self, op: impl Fn(Tensor<5>) -> Tensor<5>) {
        self.check_op_within(op, 0.0);
    }

    /// Checks an operation of one tensor whose gradient may be off by `least` even if the file asks for equality.
    fn check_op_within(&self, op: impl Fn(Tensor<5>) -> Tensor<5>, least: f32) {
        self.check("expected", &values(op(self.tensor("input", &Device::flex()))));
        let device = Device::flex().autodiff();
        let x = self.tensor("input", &device).require_grad();
        let y = op(x.clone());
        let grads = (y.clone() * self.tensor("cotangent", &device)).sum().backward();
        self.check("expected", &values(y));
        self.check_within("grad_input", &values(x.grad(&grads).unwrap()), least);
    }
}

#[test]
fn max_pool() {
    for golden in Case::all("max_pool3d") {
        assert_eq!(golden.param("ceil_mode"), false, "{}", golden.0.name);
        let [kernel, stride, padding] = ["kernel_size", "stride", "padding"].map(|name| golden.number(name));
        golden.check_op(|x| medseg_ops::max_pool3d(x, kernel, stride, padding));
        // Burn adds up the gradients of overlapping windows in f32, the golden ones were added in f64.
        golden.check_op_within(|x| medseg_ops::composed::max_pool3d(x, kernel, stride, padding), 1e-6);
    }
}

#[test]
fn upsample() {
    for golden in Case::all("upsample_trilinear").iter().filter(|golden| golden.param("scale_factor") == 2) {
        let align_corners = golden.param("align_corners").as_bool().unwrap();
        golden.check_op(|x| medseg_ops::upsample_trilinear2x(x, align_corners));
        golden.check_op(|x| medseg_ops::composed::upsample_trilinear2x(x, align_corners));
    }
}

#[test]
fn instance_norm() {
    for golden in Case::all("instance_norm3d") {
        let eps = golden.param("eps").as_f64().unwrap();
        if golden.param("affine") == false {
            golden.check_op(|x| medseg_ops::instance_norm3d(x, None, eps));
            golden.check_op(|x| medseg_ops::composed::instance_norm3d(x, None, eps));
        } else {
            affine_norm(&golden, |x, affine| medseg_ops::instance_norm3d(x, affine, eps));
            affine_norm(&golden, |x, affine| medseg_ops::composed::instance_norm3d(x, affine, eps));
        }
    }
}

fn affine_norm(golden: &Case, norm: impl Fn(Tensor<5>, Option<(Tensor<1>, Tensor<1>)>) -> Tensor<5>) {
    let device = Device::flex().autodiff();
    let x = golden.tensor("input", &device).require_grad();
    let [weight, bias] = ["weight", "bias"].map(|name| golden.tensor(name, &device).require_grad());
    let y = norm(x.clone(), Some((weight.clone(), bias.clone())));
    let grads = (y.clone() * golden.tensor("cotangent", &device)).sum().backward();
    golden.check("expected", &values(y));
    golden.check("grad_input", &values(x.grad(&grads).unwrap()));
    golden.check("grad_weight", &values(weight.grad(&grads).unwrap()));
    golden.check("grad_bias", &values(bias.grad(&grads).unwrap()));
}
