//! Which GPU.

use std::sync::LazyLock;

use medseg::{Device, DeviceType};

/// The GPU under test: the first that CUDA has, else the first that WebGPU has, be it a software one.
pub fn gpu() -> Device {
    static GPU: LazyLock<Device> = LazyLock::new(|| {
        let kinds = [
            #[cfg(feature = "cuda")]
            DeviceType::Cuda,
            #[cfg(feature = "webgpu")]
            DeviceType::WebGpu,
        ];
        let found = kinds.iter().find_map(|kind| Device::enumerate(*kind).into_vec().into_iter().next());
        let device = found.unwrap_or_else(|| panic!("no device of {kinds:?}: is there a driver?"));
        eprintln!("GPU under test: {device:?}");
        device
    });
    GPU.clone()
}
