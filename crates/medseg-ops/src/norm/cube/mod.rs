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

use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;

use super::extension::{BranchKept, NormBackend, NormGradBackend, NormKept, Steps};
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

    fn restored(kept: BranchKept<CubeBackend>) -> Self {
        let BranchKept { x, weight, bias, statistics } = kept;
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
    fn restored(kept: NormKept<CubeBackend>) -> Self {
        let NormKept { x, weight, bias, factors, statistics, steps } = kept;
        let branch = Branch { x: channels_last(x), weight, bias, statistics };
        Self { branch, factors, slope: slope(steps) }
    }
}

/// What values below 0 are multiplied by.
fn slope(steps: Steps) -> f32 {
    steps.slope.unwrap_or(1.0)
}

/// What [`NormBackend::instance_norm`] made of the input that was kept.
#[allow(dead_code)]
pub(crate) fn rectified(kept: NormKept<CubeBackend>) -> CubeTensor {
    channels_first(forward::normalised(&Norm::restored(kept)))
}

impl NormBackend for CubeBackend {
    fn instance_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        steps: Steps,
    ) -> FloatTensor<Self> {
        Self::instance_norm_kept(x, weight, bias, factors, steps).0
    }

    fn norm_add_relu(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        weight_a: FloatTensor<Self>,
        bias_a: FloatTensor<Self>,
        weight_b: FloatTensor<Self>,
        bias_b: FloatTensor<Self>,
        steps: Steps,
    ) -> FloatTensor<Self> {
        Self::norm_add_relu_kept(a, b, weight_a, bias_a, weight_b, bias_b, steps).0
    }
}

impl NormGradBackend for CubeBackend {
    fn instance_norm_kept(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        steps: Steps,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let norm = Norm { branch: Branch::new(x, weight, bias, steps.eps), factors, slope: slope(steps) };
        (channels_first(forward::normalised(&norm)), norm.branch.statistics)
    }

    fn instance_norm_grad(
        grad: FloatTensor<Self>,
        kept: NormKept<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [x, weight, bias] = backward::gradients(&channels_last(grad), &Norm::restored(kept));
        (channels_first(x), weight, bias)
    }

    fn norm_add_relu_kept(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        weight_a: FloatTensor<Self>,
        bias_a: FloatTensor<Self>,
        weight_b: FloatTensor<Self>,
        bias_b: FloatTensor<Self>,
        steps: Steps,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (a, b) = (Branch::new(a, weight_a, bias_a, steps.eps), Branch::new(b, weight_b, bias_b, steps.eps));
        (channels_first(forward::added(&a, &b, slope(steps))), a.statistics, b.statistics)
    }

    fn norm_add_relu_grad(
        grad: FloatTensor<Self>,
        a: BranchKept<Self>,
        b: BranchKept<Self>,
        steps: Steps,
    ) -> (
        (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>),
        (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>),
    ) {
        let (a, b) = (Branch::restored(a), Branch::restored(b));
        let of = backward::gradients_of_branches(&channels_last(grad), &a, &b, slope(steps));
        let [a, b] = of.map(|[x, weight, bias]| (channels_first(x), weight, bias));
        (a, b)
    }
}
