//! Where windows are cut out of the image and put together again.

mod device;
mod gather;
mod host;
mod layers;
mod stitch;

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::error::InferenceError;

pub(crate) use device::{DevicePath, PENDING_BYTES};
pub(crate) use host::HostPath;

/// Where windows are cut out of the image, added up, averaged and reduced to the result.
///
/// Both ways give the same sums, in the same order: the same bits on a device that rounds every operation as IEEE 754 says (Burn's
/// Flex does), and the same to within the rounding of sums where a compiler may contract or approximate (GPUs). Everything that
/// a sliding window offers works either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stitch {
    /// On the device where that has a memory of its own, as Burn's GPU backends (CubeCL) report it; else on the host.
    #[default]
    Auto,
    /// On the host, by all threads: every batch of windows goes to the device and all its logits come back. What is left for a
    /// GPU whose memory holds the network but not [`DeviceMemory`](crate::DeviceMemory).
    Host,
    /// On the device, by Burn's tensor operations: the image goes there once, and the result alone comes back.
    Device,
}

impl Stitch {
    /// Whether windows that `device` predicts are stitched there. Opens the device.
    pub fn is_on(self, device: &Device) -> bool {
        match self {
            Self::Auto => has_own_memory(device),
            Self::Host => false,
            Self::Device => true,
        }
    }
}

/// Whether a device has a memory of its own, as Burn's GPU backends (CubeCL) report it.
pub(crate) fn has_own_memory(device: &Device) -> bool {
    device.memory_pool_usage().is_some()
}

/// One way of cutting windows out and putting them together.
pub(crate) trait Path {
    /// The windows of these numbers `[slot, channel, depth, height, width]`; slots beyond them repeat the last one.
    fn gather(&mut self, numbers: &[usize], slots: usize) -> Tensor<5>;

    /// Adds the scores of these windows `[slot, class, depth, height, width]`. Numbers ascend from call to call; what a window
    /// that is left out covers has unspecified results.
    fn add(&mut self, numbers: &[usize], scores: Tensor<5>) -> Result<(), InferenceError>;

    /// Hands on what still waits.
    fn finish(self) -> Result<(), InferenceError>;
}

/// Refuses a number of classes that differs from the one before.
fn same_channels(expected: usize, got: usize) -> Result<(), InferenceError> {
    if expected == got { Ok(()) } else { Err(InferenceError::OutputChannels { expected, got }) }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::Stitch;

    #[test]
    fn the_cpu_stitches_on_the_host_unless_told_otherwise() {
        let device = Device::flex();
        assert_eq!(
            [Stitch::Auto, Stitch::Host, Stitch::Device].map(|stitch| stitch.is_on(&device)),
            [false, false, true]
        );
    }
}
