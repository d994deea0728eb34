//! Instance norm on Burn's CubeCL backends, that is GPUs.

use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;

use super::extension::{BranchKept, NormBackend, NormGradBackend, NormKept, Steps};

impl NormBackend for CubeBackend {
    fn instance_norm(
        _x: FloatTensor<Self>,
        _weight: FloatTensor<Self>,
        _bias: FloatTensor<Self>,
        _factors: FloatTensor<Self>,
        _steps: Steps,
    ) -> FloatTensor<Self> {
        unimplemented!("not covered yet")
    }

    fn norm_add_relu(
        _a: FloatTensor<Self>,
        _b: FloatTensor<Self>,
        _weight_a: FloatTensor<Self>,
        _bias_a: FloatTensor<Self>,
        _weight_b: FloatTensor<Self>,
        _bias_b: FloatTensor<Self>,
        _steps: Steps,
    ) -> FloatTensor<Self> {
        unimplemented!("not covered yet")
    }
}

impl NormGradBackend for CubeBackend {
    fn instance_norm_kept(
        _x: FloatTensor<Self>,
        _weight: FloatTensor<Self>,
        _bias: FloatTensor<Self>,
        _factors: FloatTensor<Self>,
        _steps: Steps,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unimplemented!("not covered yet")
    }

    fn instance_norm_grad(
        _grad: FloatTensor<Self>,
        _kept: NormKept<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unimplemented!("not covered yet")
    }

    fn norm_add_relu_kept(
        _a: FloatTensor<Self>,
        _b: FloatTensor<Self>,
        _weight_a: FloatTensor<Self>,
        _bias_a: FloatTensor<Self>,
        _weight_b: FloatTensor<Self>,
        _bias_b: FloatTensor<Self>,
        _steps: Steps,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unimplemented!("not covered yet")
    }

    fn norm_add_relu_grad(
        _grad: FloatTensor<Self>,
        _a: BranchKept<Self>,
        _b: BranchKept<Self>,
        _steps: Steps,
    ) -> (
        (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>),
        (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>),
    ) {
        unimplemented!("not covered yet")
    }
}
