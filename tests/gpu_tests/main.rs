//! The operations, the network, the sliding window and training on a GPU, against the CPU and golden values.
//!
//! `cargo test --features cuda --test gpu_tests` on a machine with an NVIDIA GPU; `--features webgpu` on one with another
//! GPU, or with none: Mesa's software Vulkan (Debian: `mesa-vulkan-drivers`) runs the same kernels, slowly. The binary runs
//! elsewhere without a toolchain, from the repository's root. Where no device is found the tests fail: none is skipped in
//! silence.
#![cfg(all(feature = "cpu", any(feature = "cuda", feature = "webgpu")))]

mod checkpointing;
mod conv;
mod device;
mod golden;
mod losses;
mod network;
mod norm;
mod optim;
mod pool;
mod same;
mod upsample;
mod window;
