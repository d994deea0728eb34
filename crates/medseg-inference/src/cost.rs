//! What a plan costs: windows, operations, bytes.

use crate::plan::WindowPlan;

/// What one window asks of a network, as far as the caller knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkCost {
    /// Channels of the image.
    pub channels_in: usize,
    /// Channels of the output.
    pub channels_out: usize,
    /// Floating-point operations of a forward pass of one window.
    pub flops: u64,
    /// Memory that a forward pass takes for one window besides the window and its logits, bytes.
    pub bytes: u64,
}

/// Bytes that stitching holds besides the image and whatever the network needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// Peak of [`SlidingWindow::predict`](crate::SlidingWindow::predict), bytes.
    pub fn for_logits(&self) -> u64 {
        self.working().saturating_add(self.result_logits)
    }

    /// Peak of [`SlidingWindow::predict_mask`](crate::SlidingWindow::predict_mask), bytes.
    pub fn for_mask(&self) -> u64 {
        self.working().saturating_add(self.result_mask)
    }

    fn working(&self) -> u64 {
        self.windows.saturating_add(self.logits).saturating_add(self.accumulator)
    }
}

/// What [`WindowPlan::cost`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanCost {
    /// Windows that cover the image.
    pub windows: usize,
    /// Windows that go through the network, mirrored ones and those that fill up the last batch included.
    pub passes: usize,
    /// Calls of the predictor.
    pub calls: usize,
    /// Operations of the network, all windows.
    pub flops: u64,
    /// Bytes of stitching.
    pub stitching: StitchingMemory,
    /// Bytes of the network, a full batch.
    pub network_bytes: u64,
}

impl PlanCost {
    /// Peak bytes of [`SlidingWindow::predict_mask`](crate::SlidingWindow::predict_mask) besides the image and the weights.
    pub fn bytes_for_mask(&self) -> u64 {
        self.stitching.for_mask().saturating_add(self.network_bytes)
    }

    /// Peak bytes of [`SlidingWindow::predict`](crate::SlidingWindow::predict) besides the image and the weights.
    pub fn bytes_for_logits(&self) -> u64 {
        self.stitching.for_logits().saturating_add(self.network_bytes)
    }
}

impl WindowPlan {
    /// Memory for an image of `channels_in` and a predictor of `channels_out` channels.
    ///
    /// The accumulator holds what windows still to come will add to, not the whole volume: a voxel is averaged and reduced with
    /// the last window that covers it. Nearly all of it is the overlap of two layers of windows.
    pub fn memory(&self, channels_in: usize, channels_out: usize) -> StitchingMemory {
        const FLOAT: u64 = size_of::<f32>() as u64;
        let product = |factors: &[usize]| factors.iter().fold(1_u64, |all, &n| all.saturating_mul(n as u64));
        let (roi, image) = (self.roi().to_array(), self.shape().to_array());
        let batch = product(&roi).saturating_mul(self.batch_len() as u64).saturating_mul(FLOAT);
        let (windows, logits) = if self.mirrors() > 1 { (2, 3) } else { (1, 1) };
        StitchingMemory {
            windows: product(&[windows, channels_in]).saturating_mul(batch),
            logits: product(&[logits, channels_out]).saturating_mul(batch),
            accumulator: product(&[channels_out]).saturating_mul(self.waiting_voxels()).saturating_mul(FLOAT),
            result_logits: product(&[channels_out]).saturating_mul(product(&image)).saturating_mul(FLOAT),
            result_mask: product(&image),
        }
    }

    /// Windows, operations and bytes with a network of which one window costs `network`.
    ///
    /// ```
    /// use medseg_inference::{Dhw, NetworkCost, SlidingWindow};
    ///
    /// let network = NetworkCost { channels_in: 1, channels_out: 2, flops: 296_000_000_000, bytes: 500 << 20 };
    /// let window = SlidingWindow { mirror: Dhw { d: false, h: false, w: true }, ..SlidingWindow::default() };
    /// let cost = window.plan(Dhw { d: 400, h: 512, w: 512 })?.cost(&network);
    /// assert_eq!((cost.windows, cost.passes, cost.calls), (100, 200, 50));
    /// assert_eq!(cost.flops, 200 * network.flops);
    /// assert_eq!(cost.network_bytes, 4 * network.bytes);
    /// # Ok::<(), medseg_inference::InferenceError>(())
    /// ```
    pub fn cost(&self, network: &NetworkCost) -> PlanCost {
        let passes = self.slots().saturating_mul(self.mirrors());
        PlanCost {
            windows: self.len(),
            passes,
            calls: self.batches().saturating_mul(self.mirrors()),
            flops: (passes as u64).saturating_mul(network.flops),
            stitching: self.memory(network.channels_in, network.channels_out),
            network_bytes: (self.batch_len() as u64).saturating_mul(network.bytes),
        }
    }
}
