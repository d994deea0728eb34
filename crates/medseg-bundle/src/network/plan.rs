//! Windows, arithmetic and memory of a prediction.

use std::fmt;

use medseg_device::host_memory;
use medseg_inference::Dhw;

use super::NetworkBundle;
use super::config::Restoring;
use super::predict::Wanted;
use crate::error::BundleError;

/// Windows, arithmetic and memory of one prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetworkPlan {
    /// Shape of the image.
    pub image: Dhw<usize>,
    /// Shape of the network's grid.
    pub grid: Dhw<usize>,
    /// Shape of a window.
    pub window: Dhw<usize>,
    /// Windows.
    pub windows: usize,
    /// Folds.
    pub folds: usize,
    /// Mirror images of each window, itself among them.
    pub mirrors: usize,
    /// Multiplications and additions of the convolutions, all windows, folds and mirror images.
    pub flops: u64,
    /// Upper bound of the memory held at the same time, in bytes.
    pub memory_bytes: u64,
}

impl NetworkPlan {
    /// Refuses a prediction that the computer's memory cannot hold, where the system tells how much that is.
    ///
    /// # Errors
    /// [`BundleError::HostMemory`].
    pub fn check_host_memory(&self) -> Result<(), BundleError> {
        match host_memory() {
            Some(host) if self.memory_bytes > host.total => {
                let (shape, grid, needed, total) = (self.image, self.grid, self.memory_bytes, host.total);
                Err(BundleError::HostMemory { shape, grid, needed, total })
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for NetworkPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "image of {} voxels", self.image)?;
        if self.grid != self.image {
            write!(f, ", {} for the network", self.grid)?;
        }
        let (tera, mib) = (self.flops as f64 / 1e12, self.memory_bytes >> 20);
        let (windows, window, folds) = (self.windows, self.window, self.folds);
        let mirrors = if self.mirrors > 1 { format!(", {} mirror images", self.mirrors) } else { String::new() };
        write!(
            f,
            ": {windows} window(s) of {window}, {folds} fold(s){mirrors}, {tera:.1} TFLOP\nmemory: at most {mib} MiB"
        )
    }
}

impl NetworkBundle {
    /// The plan for an image of `image` voxels that takes `grid` voxels on the network's grid.
    pub(super) fn plan(&self, image: Dhw<usize>, grid: Dhw<usize>, wanted: Wanted) -> Result<NetworkPlan, BundleError> {
        let config = self.window_config(grid);
        let windows = config.init()?.plan(grid)?;
        let graph = self.folds[0].graph();
        let multiple = Dhw::from(graph.size_multiple());
        let padded = windows.roi().zip(multiple).map(|(n, of)| n.next_multiple_of(of));
        let cost = graph.cost(padded.to_array()).map_err(|e| BundleError::Config(format!("window: {e}")))?;
        let classes = graph.out_channels() as u64;
        let voxels =
            |shape: Dhw<usize>| shape.to_array().into_iter().fold(1, |all: u64, n| all.saturating_mul(n as u64));
        let batch = config.batch.min(windows.len()) as u64;
        let network = cost.peak_bytes.saturating_mul(batch);
        let weights = cost.parameters.saturating_mul(8).saturating_mul(self.folds.len() as u64);
        let channels = graph.out_channels() + usize::from(self.spreads(wanted));
        let stitching = windows.memory(graph.in_channels(), channels).for_mask();
        let slab = if self.labels_at_once(wanted) { 0 } else { windows.slab_voxels() as u64 };
        let slab = slab.saturating_mul(4 * channels as u64);
        let inputs = voxels(image).saturating_add(voxels(grid)).saturating_mul(4 * graph.in_channels() as u64);
        // A mask of restored probabilities, one of restored labels, and the labels on the network's grid.
        let mut outputs = voxels(image).saturating_mul(2).saturating_add(voxels(grid));
        if wanted.probabilities {
            outputs = outputs.saturating_add(voxels(image).saturating_mul(2 * classes));
        }
        if wanted.entropy {
            outputs = outputs.saturating_add(voxels(image).saturating_mul(4));
        }
        let parts = [inputs, network, weights, stitching, slab, outputs];
        Ok(NetworkPlan {
            image,
            grid,
            window: windows.roi(),
            windows: windows.len(),
            folds: self.folds.len(),
            mirrors: self.members() / self.folds.len(),
            flops: cost.flops.saturating_mul((windows.len() * self.members()) as u64),
            memory_bytes: parts.into_iter().fold(0, u64::saturating_add),
        })
    }

    /// True if the mask is made of restored probabilities.
    pub(super) fn restores_probabilities(&self) -> bool {
        self.config.restoring == Restoring::Probabilities
    }
}
