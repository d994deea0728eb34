//! Which device runs the networks: chosen by a name such as `cuda:0`, and tried before the first tensor.
//!
//! Burn hands a [`Device`] out whether it works or not; what is missing (a driver, the run-time compiler, a second GPU)
//! shows in a panic at the first operation. Here it is an error that says what is missing and what to do.
//!
//! | name | device | feature |
//! |---|---|---|
//! | `auto` | the first GPU that works, else the CPU | |
//! | `cpu` | Burn's Flex backend | `cpu` |
//! | `ndarray` | Burn's ndarray backend | `ndarray` |
//! | `cuda`, `cuda:N` | the Nth NVIDIA GPU, counted from 0 | `cuda` |
//! | `webgpu`, `webgpu:N` | the Nth adapter of Vulkan, Metal or DirectX 12, GPUs before software | `webgpu` |
//!
//! `auto` never takes a software adapter: the CPU backend is faster.
//!
//! ```
//! use medseg_device::{DeviceChoice, DeviceError};
//!
//! let chosen = "auto".parse::<DeviceChoice>()?.open()?;
//! for reason in &chosen.passed_over {
//!     eprintln!("{reason}");
//! }
//! println!("on {}", chosen.name);
//!
//! assert!(matches!("tpu".parse::<DeviceChoice>(), Err(DeviceError::Unknown { .. })));
//! # Ok::<(), DeviceError>(())
//! ```
//!
//! A device is tried by a small computation when it is opened, which fixes its default types: configure them by
//! [`Device::configure`](burn::tensor::Device::configure) before, or cast.

mod choice;
#[cfg(feature = "cuda")]
mod cuda;
mod error;
mod memory;
mod open;
mod quiet;
mod trial;
#[cfg(feature = "webgpu")]
mod webgpu;

pub use burn::tensor::Device;
pub use choice::DeviceChoice;
pub use error::DeviceError;
pub use memory::{DeviceMemory, free_memory, has_own_memory, is_out_of_memory, reserved_bytes, within_memory};
pub use open::Chosen;
