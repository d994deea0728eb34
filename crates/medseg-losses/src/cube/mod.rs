//! The Dice loss on GPUs, by CubeCL: three launches for loss and gradient, where single operations take fifty.

mod extension;
mod overlap;

use burn::backend::{Dispatch, DispatchDevice};
use burn::tensor::{DType, Tensor};

use extension::OverlapBackend;
pub(crate) use overlap::Overlap;

/// True for tensors that the kernels take: of f32 on a GPU, with some values.
pub(crate) fn covers(x: &Tensor<5>) -> bool {
    fn on_gpu(device: &DispatchDevice) -> bool {
        match device {
            DispatchDevice::Autodiff(device) => on_gpu(&device.clone().inner()),
            DispatchDevice::Cube(_) => true,
            #[allow(unreachable_patterns, reason = "which others there are depends on the features of Burn")]
            _ => false,
        }
    }
    x.dtype() == DType::F32 && x.shape().num_elements() > 0 && on_gpu(x.device().as_dispatch())
}

/// The loss `[1]` of a prediction and a target of the same shape.
pub(crate) fn overlap_loss(prediction: Tensor<5>, target: Tensor<5>, overlap: Overlap) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::overlap_loss(prediction.into_dispatch(), target.into_dispatch(), overlap))
}
