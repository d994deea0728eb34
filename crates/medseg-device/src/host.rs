//! Memory of the computer.

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use crate::DeviceMemory;

/// Memory of the computer, or of the container that the process runs in; `None` where the system does not tell.
///
/// `free` counts what other programs could give back, such as the system's copies of files.
///
/// ```
/// if let Some(memory) = medseg_device::host_memory() {
///     assert!(0 < memory.free && memory.free <= memory.total);
/// }
/// ```
#[must_use]
pub fn host_memory() -> Option<DeviceMemory> {
    if !sysinfo::IS_SUPPORTED_SYSTEM {
        return None;
    }
    let only = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(only);
    let (mut free, mut total) = (system.available_memory(), system.total_memory());
    if let Some(container) = system.cgroup_limits().filter(|limits| limits.total_memory > 0) {
        (free, total) = (free.min(container.free_memory), total.min(container.total_memory));
    }
    (total > 0).then_some(DeviceMemory { free, total })
}
