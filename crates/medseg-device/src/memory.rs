//! Memory of devices that have their own.

use burn::tensor::Device;

use crate::DeviceError;
use crate::quiet::{one_line, quietly};

/// Memory of a device, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceMemory {
    /// Not in use by any program.
    pub free: u64,
    /// In all.
    pub total: u64,
}

/// Memory of a device, if it has its own and reports it: NVIDIA GPUs do.
#[must_use]
pub fn free_memory(device: &Device) -> Option<DeviceMemory> {
    #[cfg(feature = "cuda")]
    return crate::cuda::memory(device);
    #[cfg(not(feature = "cuda"))]
    {
        let _ = device;
        None
    }
}

/// Returns true if Burn manages the device's memory: for GPUs, not for the CPU backends.
///
/// Its kernels are then chosen by trying them out once for every shape, so that it pays to keep to few shapes.
#[must_use]
pub fn has_own_memory(device: &Device) -> bool {
    device.memory_pool_usage().is_some()
}

/// Bytes that Burn has taken of the device's memory by now, in use or reserved for tensors to come; `None` for the CPU backends.
///
/// Burn keeps what it has taken, unless configured otherwise, so this is the peak up to now, tuning included.
#[must_use]
pub fn reserved_bytes(device: &Device) -> Option<u64> {
    device.memory_pool_usage().map(|usage| usage.bytes_reserved)
}

/// Runs `f`, which computes on the device called `name`; where it panics for want of the device's memory, that is an error.
/// Any other panic goes on, with its message.
///
/// # Errors
/// [`DeviceError::OutOfMemory`].
pub fn within_memory<T>(name: &str, f: impl FnOnce() -> T) -> Result<T, DeviceError> {
    quietly(f).map_err(|panicked| match panicked.messages.iter().find(|message| is_out_of_memory(message)) {
        Some(message) => DeviceError::OutOfMemory { device: name.to_string(), reason: one_line(message) },
        None => panicked.resume(),
    })
}

/// Returns true if a message of Burn or of a driver says that memory was short.
#[must_use]
pub fn is_out_of_memory(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["out of memory", "out-of-memory", "out_of_memory", "out of device memory", "can't allocate buffer"]
        .iter()
        .any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn want_of_memory_is_told_from_other_panics() {
        let message = "called `Result::unwrap()`: out of device memory allocating 17179869184 bytes";
        let error = within_memory("cuda:0", || -> i32 { panic!("{message}") }).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("cuda:0 ran out of memory: ") && text.contains("17179869184"), "{text}");
        let other = std::panic::catch_unwind(|| within_memory("cuda:0", || -> i32 { panic!("index out of bounds") }));
        assert_eq!(other.unwrap_err().downcast_ref::<&str>(), Some(&"index out of bounds"));
        assert_eq!(within_memory("cuda:0", || 5), Ok(5));
    }

    #[test]
    fn what_says_that_memory_was_short() {
        assert!(is_out_of_memory("DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")"));
        assert!(is_out_of_memory("An out-of-memory error happened during launch"));
        assert!(is_out_of_memory("can't allocate buffer of size: 12"));
        assert!(!is_out_of_memory("a memory access was out of bounds"));
    }

    #[test]
    #[cfg(feature = "cpu")]
    fn the_cpu_backend_has_no_memory_of_its_own() {
        assert_eq!((has_own_memory(&Device::flex()), reserved_bytes(&Device::flex())), (false, None));
        assert_eq!(free_memory(&Device::flex()), None);
    }
}
