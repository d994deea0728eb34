//! The memory in which windows are put together.

use burn::tensor::Device;
use medseg_device::has_own_memory;
use serde::{Deserialize, Serialize};

/// The memory in which windows are cut out, added up, averaged and reduced to the result.
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
    /// On the host, by all threads: every batch of windows goes to the device and all its logits come back. The choice for a
    /// GPU whose memory holds the network but not [`StitchingOnDevice`](crate::StitchingOnDevice).
    Host,
    /// On the device, by Burn's tensor operations: the image goes there once, and the result alone comes back.
    Device,
}

impl Stitch {
    /// True if windows that `device` predicts are stitched there. Opens the device.
    #[must_use]
    pub fn is_on(self, device: &Device) -> bool {
        match self {
            Self::Auto => has_own_memory(device),
            Self::Host => false,
            Self::Device => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::Stitch;

    #[test]
    fn the_cpu_stitches_on_the_host_unless_asked_otherwise() {
        let device = Device::flex();
        assert_eq!(
            [Stitch::Auto, Stitch::Host, Stitch::Device].map(|stitch| stitch.is_on(&device)),
            [false, false, true]
        );
    }
}
