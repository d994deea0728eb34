//! Adapters of Vulkan, Metal or DirectX 12.

use burn::tensor::{Device, DeviceKind, DeviceType};

use crate::quiet::quietly;
use crate::{DeviceChoice, DeviceError};

const HINT: &str = "; is a driver for Vulkan, Metal or DirectX 12 installed?";

/// The adapters: GPUs first, then the software one, if there is one.
fn adapters(number: usize) -> Result<Vec<Device>, DeviceError> {
    crate::gpu_settings::settle(None);
    let found = quietly(|| Device::enumerate(DeviceType::Wgpu).into_vec());
    let found = found
        .map_err(|panicked| DeviceError::Trial { device: DeviceChoice::WebGpu(number), reason: panicked.reason() })?;
    let (software, mut gpus): (Vec<_>, Vec<_>) = found.into_iter().partition(is_software);
    gpus.extend(software);
    Ok(gpus)
}

/// Returns true if the adapter is software, not a GPU.
pub(crate) fn is_software(device: &Device) -> bool {
    *device == Device::wgpu(DeviceKind::Cpu)
}

/// The adapter of this number.
pub(crate) fn find(number: usize) -> Result<Device, DeviceError> {
    let mut all = adapters(number)?;
    if number < all.len() {
        return Ok(all.swap_remove(number));
    }
    let hint = if all.is_empty() { HINT } else { "" };
    Err(DeviceError::NoDevice { device: DeviceChoice::WebGpu(number), found: all.len(), hint })
}

/// Refuses where there is no GPU, or a software adapter alone.
pub(crate) fn check_gpu() -> Result<(), DeviceError> {
    let device = DeviceChoice::WebGpu(0);
    let all = adapters(0)?;
    match all.first() {
        None => Err(DeviceError::NoDevice { device, found: 0, hint: HINT }),
        Some(first) if is_software(first) => Err(DeviceError::SoftwareOnly { device }),
        Some(_) => Ok(()),
    }
}

/// The maker's name of an adapter that works.
pub(crate) fn make(device: &Device) -> String {
    let name = device.identity().map_or_else(|| "no name".into(), |identity| identity.name);
    if is_software(device) { format!("{name}, software") } else { name }
}
