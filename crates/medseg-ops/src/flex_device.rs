//! Whether the hand-written CPU kernels may run.

use burn::backend::DispatchDevice;
use burn::tensor::{DType, Tensor};

/// True for an f32 tensor on Burn's Flex device, with or without autodiff.
///
/// Every other tensor takes the composed operations: calling a backend extension on a backend it is not made for would
/// panic.
pub(crate) fn is_flex_f32<const D: usize>(x: &Tensor<D>) -> bool {
    if x.dtype() != DType::F32 {
        return false;
    }
    match x.device().as_dispatch() {
        DispatchDevice::Flex(_) => true,
        DispatchDevice::Autodiff(device) => matches!(device.clone().inner(), DispatchDevice::Flex(_)),
        // With Flex as the only backend there is no other device.
        #[allow(unreachable_patterns)]
        _ => false,
    }
}
