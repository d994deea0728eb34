//! In which type a network keeps what it makes.

use burn::tensor::{DType, Device};

use crate::Precision;

impl Precision {
    /// The type that a network's tensors between its operations have on a device: bf16 with [`Precision::Bf16`] on a GPU
    /// that computes with it, which halves the memory; else f32. On a CPU [`Precision::Bf16`] changes the products alone.
    ///
    /// Weights, the statistics of norms and all sums are in f32 either way.
    ///
    /// ```
    /// use burn::tensor::{DType, Device};
    /// assert_eq!(medseg_ops::Precision::Bf16.activations(&Device::flex()), DType::F32);
    /// ```
    #[must_use]
    pub fn activations(self, device: &Device) -> DType {
        match self {
            Self::Bf16 if on_gpu(device) && device.supports_dtype(DType::BF16) => DType::BF16,
            _ => DType::F32,
        }
    }
}

/// True if this crate has kernels for the device and it is no CPU.
fn on_gpu(_device: &Device) -> bool {
    #[cfg(feature = "cube")]
    return crate::kernels::supports(_device.as_dispatch(), DType::F32) == Some(crate::kernels::Kernels::Cube);
    #[cfg(not(feature = "cube"))]
    false
}
