#![doc = include_str!("../README.md")]

mod choice;
#[cfg(feature = "cuda")]
mod cuda;
mod error;
#[cfg(any(feature = "cuda", feature = "webgpu"))]
mod gpu_settings;
mod host;
#[cfg(feature = "cuda")]
mod kernel_cache;
mod memory;
mod open;
mod quiet;
mod trial;
#[cfg(feature = "webgpu")]
mod webgpu;

pub use burn::tensor::Device;
pub use choice::DeviceChoice;
pub use error::DeviceError;
pub use host::host_memory;
#[cfg(feature = "cuda")]
pub use kernel_cache::kernel_cache;
pub use memory::{DeviceMemory, free_memory, has_own_memory, is_out_of_memory, reserved_bytes, within_memory};
pub use open::Chosen;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_types_can_cross_threads() {
        fn assert_send_sync<T: Send + Sync>() {}
        assert_send_sync::<Chosen>();
        assert_send_sync::<DeviceChoice>();
        assert_send_sync::<DeviceError>();
        assert_send_sync::<DeviceMemory>();
    }
}
