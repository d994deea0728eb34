//! Which GPU.

use std::sync::LazyLock;

use medseg::{Device, DeviceType};

/// The GPU under test: the first of CUDA's, else the first of WebGPU's, else a software one.
pub fn gpu() -> Device {
    static GPU: LazyLock<Device> = LazyLock::new(|| {
        let kinds = [
            #[cfg(feature = "cuda")]
            DeviceType::Cuda,
            #[cfg(feature = "webgpu")]
            DeviceType::Wgpu,
        ];
        let found = kinds.iter().find_map(|kind| Device::enumerate(kind.clone()).into_vec().into_iter().next());
        let device = found.or_else(software).unwrap_or_else(|| panic!("no device of {kinds:?}: is there a driver?"));
        eprintln!("GPU under test: {device:?}");
        device
    });
    GPU.clone()
}

/// Without a GPU WebGPU takes a software adapter, which no list has; without one of those the first operation panics.
fn software() -> Option<Device> {
    #[cfg(feature = "webgpu")]
    return Some(Device::wgpu(burn::tensor::DeviceKind::Cpu));
    #[cfg(not(feature = "webgpu"))]
    None
}
