//! Instance norm on Burn's CubeCL backends, that is GPUs.
//!
//! Inputs of any layout are read through their strides; channels-last is what the kernels are made for and what they write.
//! Forward, a tensor is read twice and written once; backward, gradient and input are read twice each and the input's
//! gradient is written once. All sums are in f32, and added in an order that depends on shapes and layouts alone.

mod backward;
mod channels;
mod forward;
mod split;
mod statistics;
mod sums;

use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;

use super::extension::{BranchSaved, NormBackend, NormGradBackend, NormParams, NormSaved};
use crate::cube::{channels_first, channels_last};

/// A tensor and its norm.
struct Branch {
    /// Channels-last.
    x: CubeTensor,
    weight: CubeTensor,
    bias: CubeTensor,
    statistics: CubeTensor,
}

impl Branch {
    /// Of a tensor in Burn's order of axes.
    fn new(x: CubeTensor, weight: CubeTensor, bias: CubeTensor, eps: f64) -> Self {
        let x = channels_last(x);
        let statistics = statistics::statistics(&x, eps);
        Self { x, weight, bias, statistics }
    }

    fn restored(saved: BranchSaved<CubeBackend>) -> Self {
        let BranchSaved { x, weight, bias, statistics } = saved;
        Self { x: channels_last(x), weight, bias, statistics }
    }
}

/// A norm with what follows it.
struct Norm {
    branch: Branch,
    factors: CubeTensor,
    /// Of the ReLU; 1 if there is none.
    slope: f32,
}

impl Norm {
    fn restored(saved: NormSaved<CubeBackend>) -> Self {
        let NormSaved { x, weight, bias, factors, statistics, params } = saved;
        let branch = Branch { x: channels_last(x), weight, bias, statistics };
        Self { branch, factors, slope: slope(params) }
    }
}

/// The result of an instance norm made again, out of its input and the statistics saved with it.
pub(crate) fn instance_norm_again(saved: NormSaved<CubeBackend>) -> CubeTensor {
    channels_first(forward::normalised(&Norm::restored(saved)))
}

/// Factor of values below 0.
fn slope(params: NormParams) -> f32 {
    params.slope.unwrap_or(1.0)
}

impl NormBackend for CubeBackend {
    fn instance_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        params: NormParams,
    ) -> FloatTensor<Self> {
        Self::instance_norm_with_statistics(x, weight, bias, factors, params).0
    }

    fn norm_add_relu(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        weight_a: FloatTensor<Self>,
        bias_a: FloatTensor<Self>,
        weight_b: FloatTensor<Self>,
        bias_b: FloatTensor<Self>,
        params: NormParams,
    ) -> FloatTensor<Self> {
        Self::norm_add_relu_with_statistics(a, b, weight_a, bias_a, weight_b, bias_b, params).0
    }
}

impl NormGradBackend for CubeBackend {
    fn instance_norm_with_statistics(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        params: NormParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let norm = Norm { branch: Branch::new(x, weight, bias, params.eps), factors, slope: slope(params) };
        (channels_first(forward::normalised(&norm)), norm.branch.statistics)
    }

    fn instance_norm_grad(
        grad: FloatTensor<Self>,
        saved: NormSaved<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [x, weight, bias] = backward::grads(&channels_last(grad), &Norm::restored(saved));
        (channels_first(x), weight, bias)
    }

    fn norm_add_relu_with_statistics(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        weight_a: FloatTensor<Self>,
        bias_a: FloatTensor<Self>,
        weight_b: FloatTensor<Self>,
        bias_b: FloatTensor<Self>,
        params: NormParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (a, b) = (Branch::new(a, weight_a, bias_a, params.eps), Branch::new(b, weight_b, bias_b, params.eps));
        (channels_first(forward::added(&a, &b, slope(params))), a.statistics, b.statistics)
    }

    fn norm_add_relu_grad(
        grad: FloatTensor<Self>,
        a: BranchSaved<Self>,
        b: BranchSaved<Self>,
        params: NormParams,
    ) -> (
        (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>),
        (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>),
    ) {
        let (a, b) = (Branch::restored(a), Branch::restored(b));
        let of = backward::branch_grads(&channels_last(grad), &a, &b, slope(params));
        let [a, b] = of.map(|[x, weight, bias]| (channels_first(x), weight, bias));
        (a, b)
    }
}
