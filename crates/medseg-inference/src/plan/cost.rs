//! The cost of a plan: windows, operations, bytes.

use super::WindowPlan;

/// Results wait on the device until there are as many bytes: reading stops the device until all its work is done.
pub(crate) const RESULT_BYTES: usize = 64 << 20;

const FLOAT: u64 = size_of::<f32>() as u64;

/// Cost of a network's forward pass of one window, as far as the caller knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardCost {
    /// Channels of the image.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Floating-point operations of a forward pass of one window.
    pub flops: u64,
    /// Memory that a forward pass takes for one window besides the window and its logits, bytes.
    pub bytes: u64,
}

/// Bytes that stitching on the host ([`Stitch::Host`](crate::Stitch::Host)) holds besides the image and the network's own
/// needs. Where the host is not the device too, a batch of windows and its logits are there as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StitchingMemory {
    /// Windows given to the predictor at once; twice as many for mirrored copies.
    pub windows: u64,
    /// Logits of one batch; thrice as many where the mean over mirrored windows is made.
    pub logits: u64,
    /// Sums of weighted logits that wait for later windows, every class.
    pub accumulator: u64,
    /// The result, if the logits or probabilities are wanted.
    pub result_logits: u64,
    /// The result, if only the mask is wanted.
    pub result_mask: u64,
}

impl StitchingMemory {
    /// Peak of [`Inference::logits`](crate::Inference::logits), bytes.
    #[must_use]
    pub fn for_logits(&self) -> u64 {
        self.working().saturating_add(self.result_logits)
    }

    /// Peak of [`Inference::mask`](crate::Inference::mask), bytes.
    #[must_use]
    pub fn for_mask(&self) -> u64 {
        self.working().saturating_add(self.result_mask)
    }

    fn working(&self) -> u64 {
        self.windows.saturating_add(self.logits).saturating_add(self.accumulator)
    }
}

/// Bytes that stitching on the device ([`Stitch::Device`](crate::Stitch::Device)) holds there besides the network's own needs,
/// without an allocator's rounding. The host holds the image, a copy of it until it is uploaded, and the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StitchingOnDevice {
    /// The padded image.
    pub volume: u64,
    /// Windows given to the predictor at once, twice: as parts of the image, or mirrored.
    pub windows: u64,
    /// Logits of one batch as f32; thrice as many where the mean over mirrored windows is made.
    pub logits: u64,
    /// Weights of a window, and their sums over a layer of windows.
    pub weights: u64,
    /// Sums of weighted logits that wait for later windows, every class: overlaps, as on the host.
    pub accumulator: u64,
    /// A row of windows that becomes a part of the result, and a window on its way there, every class.
    pub row: u64,
    /// Parts of the result on their way to the host.
    pub result: u64,
}

impl StitchingOnDevice {
    /// Peak, bytes.
    #[must_use]
    pub fn total(&self) -> u64 {
        let parts = [self.volume, self.windows, self.logits, self.weights, self.accumulator, self.row, self.result];
        parts.into_iter().fold(0, u64::saturating_add)
    }
}

/// Windows, operations and bytes as [`WindowPlan::cost`] counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlanCost {
    /// Windows that cover the image.
    pub windows: usize,
    /// Windows that go through the network, mirrored ones and those that fill up the last batch included.
    pub passes: usize,
    /// Calls of the predictor.
    pub calls: usize,
    /// Operations of the network, all windows.
    pub flops: u64,
    /// Bytes of stitching over the host.
    pub stitching: StitchingMemory,
    /// Bytes of stitching on the device.
    pub on_device: StitchingOnDevice,
    /// Bytes of the network, a full batch.
    pub network_bytes: u64,
}

impl PlanCost {
    /// Peak bytes of [`Inference::mask`](crate::Inference::mask) besides the image and the weights.
    #[must_use]
    pub fn bytes_for_mask(&self) -> u64 {
        self.stitching.for_mask().saturating_add(self.network_bytes)
    }

    /// Peak bytes of [`Inference::logits`](crate::Inference::logits) besides the image and the weights.
    #[must_use]
    pub fn bytes_for_logits(&self) -> u64 {
        self.stitching.for_logits().saturating_add(self.network_bytes)
    }

    /// Peak bytes of the device's memory where windows are stitched there, besides the weights.
    #[must_use]
    pub fn bytes_on_device(&self) -> u64 {
        self.on_device.total().saturating_add(self.network_bytes)
    }
}

impl WindowPlan {
    /// Memory for an image of `in_channels` and a predictor of `out_channels` channels.
    ///
    /// The accumulator covers the overlap with windows still to come, not the whole volume: a voxel is averaged and reduced with
    /// the last window that covers it. Nearly all of it is the overlap of two layers of windows.
    #[must_use]
    pub fn memory(&self, in_channels: usize, out_channels: usize) -> StitchingMemory {
        let (roi, image) = (self.roi().to_array(), self.shape().to_array());
        let batch = product(&roi).saturating_mul(self.batch_len() as u64).saturating_mul(FLOAT);
        let (windows, logits) = if self.mirrors() > 1 { (2, 3) } else { (1, 1) };
        StitchingMemory {
            windows: product(&[windows, in_channels]).saturating_mul(batch),
            logits: product(&[logits, out_channels]).saturating_mul(batch),
            accumulator: product(&[out_channels]).saturating_mul(self.waiting_voxels()).saturating_mul(FLOAT),
            result_logits: product(&[out_channels]).saturating_mul(product(&image)).saturating_mul(FLOAT),
            result_mask: product(&image),
        }
    }

    /// Memory of the device for an image of `in_channels` and a predictor of `out_channels` channels, where windows are stitched
    /// there.
    ///
    /// ```
    /// use medseg_inference::{Blend, Dhw, SlidingWindowConfig};
    ///
    /// let window = SlidingWindowConfig::default().with_overlap(0.5).with_blend(Blend::gaussian()).with_batch(1);
    /// let memory = window.init()?.plan(Dhw { d: 256, h: 512, w: 512 })?.device_memory(1, 14);
    /// // Neither all logits nor all windows exist at once.
    /// assert!(memory.accumulator < 14 * 128 * 512 * 256 * 4);
    /// assert!(memory.total() < 14 * 256 * 512 * 512 * 4);
    /// # Ok::<(), medseg_inference::InferenceError>(())
    /// ```
    #[must_use]
    pub fn device_memory(&self, in_channels: usize, out_channels: usize) -> StitchingOnDevice {
        let (roi, padded, [_, middle, fast]) = (self.roi().to_array(), self.padded_shape().to_array(), self.order());
        let mut row = roi;
        row[fast] = padded[fast];
        let mut layer = row;
        layer[middle] = padded[middle];
        let (window, row, layer) = (product(&roi), product(&row), product(&layer));
        let values = |channels: usize, voxels: u64| (channels as u64).saturating_mul(voxels).saturating_mul(FLOAT);
        let batch = window.saturating_mul(self.batch_len() as u64);
        let mirrored = if self.mirrors() > 1 { 3 } else { 1 };
        StitchingOnDevice {
            volume: values(in_channels, product(&padded)),
            windows: values(in_channels, batch).saturating_mul(2),
            logits: values(out_channels, batch).saturating_mul(mirrored),
            weights: values(1, window.saturating_add(layer)),
            accumulator: values(out_channels, self.waiting_voxels()),
            // Rows: the sums, those with earlier ones added, those finished, and their averages. Windows: weighted, added, and
            // left for the next.
            row: values(out_channels, row.saturating_mul(4).saturating_add(window.saturating_mul(3))),
            result: values(out_channels, row).saturating_mul(2).saturating_add(RESULT_BYTES as u64),
        }
    }

    /// Windows, operations and bytes with a network of which one window costs `network`.
    ///
    /// ```
    /// use medseg_inference::{Dhw, ForwardCost, SlidingWindowConfig};
    ///
    /// let network = ForwardCost { in_channels: 1, out_channels: 2, flops: 296_000_000_000, bytes: 500 << 20 };
    /// let window = SlidingWindowConfig::default().with_mirror(Dhw { d: false, h: false, w: true });
    /// let cost = window.init()?.plan(Dhw { d: 400, h: 512, w: 512 })?.cost(&network);
    /// assert_eq!((cost.windows, cost.passes, cost.calls), (100, 200, 50));
    /// assert_eq!(cost.flops, 200 * network.flops);
    /// assert_eq!(cost.network_bytes, 4 * network.bytes);
    /// # Ok::<(), medseg_inference::InferenceError>(())
    /// ```
    #[must_use]
    pub fn cost(&self, network: &ForwardCost) -> PlanCost {
        let passes = self.slots().saturating_mul(self.mirrors());
        PlanCost {
            windows: self.len(),
            passes,
            calls: self.batches().saturating_mul(self.mirrors()),
            flops: (passes as u64).saturating_mul(network.flops),
            stitching: self.memory(network.in_channels, network.out_channels),
            on_device: self.device_memory(network.in_channels, network.out_channels),
            network_bytes: (self.batch_len() as u64).saturating_mul(network.bytes),
        }
    }
}

fn product(factors: &[usize]) -> u64 {
    factors.iter().fold(1, |all, &n| all.saturating_mul(n as u64))
}
