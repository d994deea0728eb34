//! The choice of hand-written kernels for a tensor.

use burn::backend::DispatchDevice;
use burn::tensor::{DType, Tensor};

/// Hand-written kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kernels {
    /// For Burn's Flex backend, the CPU.
    #[cfg(feature = "flex")]
    Flex,
    /// For Burn's CubeCL backends, GPUs.
    #[cfg(feature = "cube")]
    Cube,
}

/// The kernels for a tensor's device and type, with or without autodiff: f32 on Flex; f32, f16 and bf16 on CubeCL.
///
/// Every other tensor takes the composed operations: calling a backend extension on a backend it is not made for would
/// panic.
pub(crate) fn kernels<const D: usize>(x: &Tensor<D>) -> Option<Kernels> {
    supports(x.device().as_dispatch(), x.dtype())
}

/// The kernels that support tensors of a type on a device.
pub(crate) fn supports(device: &DispatchDevice, dtype: DType) -> Option<Kernels> {
    match device {
        DispatchDevice::Autodiff(device) => supports(&device.clone().inner(), dtype),
        #[cfg(feature = "flex")]
        DispatchDevice::Flex(_) => (dtype == DType::F32).then_some(Kernels::Flex),
        #[cfg(feature = "cube")]
        DispatchDevice::Cube(_) => matches!(dtype, DType::F32 | DType::F16 | DType::BF16).then_some(Kernels::Cube),
        // Which others there are depends on the features of Burn.
        #[allow(unreachable_patterns)]
        _ => None,
    }
}
