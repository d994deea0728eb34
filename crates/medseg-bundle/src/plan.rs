//! Windows, arithmetic and memory of a prediction, before it starts.

use std::fmt;

use medseg_device::host_memory;
use medseg_inference::{Dhw, ForwardCost, WindowPlan};
use medseg_volume::Geometry;

use crate::bundle::Bundle;
use crate::config::Stages;
use crate::error::BundleError;
use crate::network::Wanted;

/// Windows, arithmetic and memory of one prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PredictionPlan {
    /// Shape of the image.
    pub image: Dhw<usize>,
    /// Shape of the networks' grid.
    pub grid: Dhw<usize>,
    /// Grid of the coarse network, if there is one.
    pub coarse: Option<Dhw<usize>>,
    /// Shape of a window.
    pub window: Dhw<usize>,
    /// Windows over the whole image. A coarse network usually leaves fewer; a box that grows, and a search of the whole image
    /// after that, add to them.
    pub windows: usize,
    /// Windows given to the network at once.
    pub batch: usize,
    /// Multiplications and additions of the convolutions.
    pub flops: u64,
    /// Memory.
    pub memory: MemoryPlan,
}

/// Upper bounds of the memory held at the same time, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryPlan {
    /// The image, as it was read.
    pub image: u64,
    /// The image on the networks' grid, where that is another one, and the planes of resampling.
    pub prepared: u64,
    /// Windows, logits and sums of the sliding window, or a copy of the image on its way to a GPU.
    pub stitching: u64,
    /// Image, windows, logits and sums in the memory of a GPU; 0 where windows are stitched on the host.
    pub on_gpu: u64,
    /// Weights and activations of the networks on a CPU.
    pub network: u64,
    /// Masks.
    pub masks: u64,
    /// Probabilities and entropies, where they are wanted.
    pub extras: u64,
}

impl MemoryPlan {
    /// The computer's part: all but a GPU's memory.
    #[must_use]
    pub fn on_host(&self) -> u64 {
        self.total().saturating_sub(self.on_gpu)
    }

    /// All of it, a GPU's memory included.
    #[must_use]
    pub fn total(&self) -> u64 {
        let parts = [self.image, self.prepared, self.stitching, self.on_gpu, self.network, self.masks, self.extras];
        parts.into_iter().fold(0, u64::saturating_add)
    }
}

impl PredictionPlan {
    /// Refuses a prediction that the computer's memory cannot hold, where the system tells how much that is.
    ///
    /// # Errors
    /// [`BundleError::HostMemory`].
    pub fn check_host_memory(&self) -> Result<(), BundleError> {
        let needed = self.memory.on_host();
        match host_memory() {
            Some(host) if needed > host.total => {
                Err(BundleError::HostMemory { shape: self.image, grid: self.grid, needed, total: host.total })
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for PredictionPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MemoryPlan { image, prepared, stitching, on_gpu, network, masks, extras } = self.memory;
        let mib = |bytes: u64| bytes >> 20;
        write!(f, "image of {} voxels", self.image)?;
        if self.grid != self.image {
            write!(f, ", {} for the networks", self.grid)?;
        }
        let most = match self.coarse {
            Some(coarse) => {
                write!(f, ": one coarse pass of {coarse}, then usually at most ")?;
                "at most "
            }
            None => {
                f.write_str(": ")?;
                ""
            }
        };
        writeln!(
            f,
            "{} windows of {}, {} at once, {most}{:.1} TFLOP",
            self.windows,
            self.window,
            self.batch,
            self.flops as f64 / 1e12
        )?;
        write!(
            f,
            "memory: at most {} MiB (image {}, prepared {}, stitching {}, network {}, masks {}",
            mib(self.memory.total()),
            mib(image),
            mib(prepared),
            mib(stitching),
            mib(network),
            mib(masks)
        )?;
        if extras > 0 {
            write!(f, ", probabilities {}", mib(extras))?;
        }
        if on_gpu > 0 {
            write!(f, ", stitching on the GPU {}", mib(on_gpu))?;
        }
        f.write_str(")")
    }
}

impl Bundle {
    /// Windows, arithmetic and memory that predicting an image of `shape` and `geometry` takes.
    ///
    /// # Errors
    /// An image without voxels, or one that the windows cannot cover.
    pub fn plan(&self, shape: Dhw<usize>, geometry: &Geometry) -> Result<PredictionPlan, BundleError> {
        self.plan_with_batch(shape, geometry, self.config.stages.window().batch)
    }

    /// Gives the network fewer windows at once until predicting an image of `shape` and `geometry` keeps within `budget`
    /// bytes; the masks stay the same to within the rounding of sums.
    ///
    /// # Errors
    /// As [`plan`](Self::plan), and [`BundleError::Budget`] if one window at once is too much.
    pub fn fit_memory(
        &mut self,
        shape: Dhw<usize>,
        geometry: &Geometry,
        budget: u64,
    ) -> Result<PredictionPlan, BundleError> {
        let mut batch = self.config.stages.window().batch;
        loop {
            let plan = self.plan_with_batch(shape, geometry, batch)?;
            if plan.memory.total() <= budget {
                self.config.stages.window_mut().batch = batch;
                return Ok(plan);
            }
            if batch == 1 {
                return Err(BundleError::Budget { shape, needed: plan.memory.total(), budget });
            }
            batch = batch.min(plan.windows) - 1;
            batch = batch.max(1);
        }
    }

    fn plan_with_batch(
        &self,
        shape: Dhw<usize>,
        geometry: &Geometry,
        batch: usize,
    ) -> Result<PredictionPlan, BundleError> {
        let stages = &self.config.stages;
        let (grid, _) = self.config.preprocessing.grid(shape, geometry);
        let windows = stages.window().with_batch(batch).init()?.plan(grid)?;
        let last = stages.last_network();
        let at_once = batch.min(windows.len());
        let of_window = last.cost(windows.roi().to_array())?;
        let cost = windows.cost(&ForwardCost {
            in_channels: last.in_channels(),
            out_channels: last.out_channels(),
            flops: of_window.flops,
            bytes: of_window.predicting,
        });
        let (mut flops, mut network) = (cost.flops, cost.network_bytes);
        let mut coarse = None;
        if let Stages::TwoStage { coarse: first, coarse_size, .. } = stages {
            let of_coarse = first.cost(coarse_size.to_array())?;
            flops = flops.saturating_add(of_coarse.flops);
            network = network.max(of_coarse.predicting);
            coarse = Some(*coarse_size);
        }
        for (_, network_of_stage) in stages.networks() {
            // Twice: the kernels keep them in an order of their own.
            let parameters = network_of_stage.cost(windows.roi().to_array())?.parameters;
            network = network.saturating_add(parameters.saturating_mul(8).saturating_mul(self.config.folds as u64));
        }
        if self.config.folds > 1 {
            // The sum of the folds' logits, beside those of one.
            let logits = voxels(windows.roi()).saturating_mul((at_once * last.out_channels()) as u64);
            network = network.saturating_add(logits.saturating_mul(8));
            flops = flops.saturating_mul(self.config.folds as u64);
        }
        Ok(PredictionPlan {
            image: shape,
            grid,
            coarse,
            window: windows.roi(),
            windows: windows.len(),
            batch: at_once,
            flops,
            memory: self.memory(shape, geometry, &windows, network),
        })
    }

    fn memory(&self, shape: Dhw<usize>, geometry: &Geometry, windows: &WindowPlan, network: u64) -> MemoryPlan {
        let preprocessing = &self.config.preprocessing;
        let (image, grid) = (voxels(shape), voxels(windows.shape()));
        let channels = self.config.channels as u64;
        let reoriented = preprocessing.orientation.is_some_and(|to| to != geometry.orientation());
        let resampled = grid != image || preprocessing.spacing_mm.is_some();
        // Resampling holds planes of the old depth and the new height and width beside the result.
        let planes = image.max(grid).max((shape.d as u64).saturating_mul(grid / windows.shape().d.max(1) as u64));
        let prepared = match (reoriented, resampled) {
            (false, false) => 0,
            (true, false) => image.saturating_mul(4),
            (reoriented, true) => {
                (u64::from(reoriented) * image).saturating_add(planes).saturating_add(grid).saturating_mul(4)
            }
        };
        let coarse = match &self.config.stages {
            // The resized image, and planes on the way to it.
            Stages::TwoStage { coarse_size: size, .. } => voxels(*size)
                .saturating_mul(channels)
                .saturating_add(voxels(Dhw { d: windows.shape().d, ..*size }))
                .saturating_mul(4),
            Stages::OneStage { .. } => 0,
        };
        let last = self.config.stages.last_network();
        let (of_network, classes) = (last.in_channels(), last.out_channels());
        let (stitching, on_gpu) = if self.config.stages.window().stitch.is_on(&self.device) {
            (
                voxels(windows.padded_shape()).saturating_mul(4 * of_network as u64),
                windows.device_memory(of_network, classes).total(),
            )
        } else {
            (windows.memory(of_network, classes).for_mask().saturating_sub(grid), 0)
        };
        let stitching = stitching.max(coarse);
        // Several channels are prepared one after the other beside the array of all.
        let several = if channels > 1 {
            image.max(grid).saturating_add(grid.saturating_mul(channels)).saturating_mul(4)
        } else {
            0
        };
        // Image and coarse mask of the box, in one array, and the mask on the whole grid.
        let is_masked = of_network as u64 > channels;
        let with_mask = if is_masked {
            grid.saturating_mul(channels.saturating_add(1)).saturating_mul(4).saturating_add(grid)
        } else {
            0
        };
        MemoryPlan {
            image: image.saturating_mul(4).saturating_mul(channels),
            prepared: prepared.saturating_add(several).saturating_add(with_mask),
            stitching,
            on_gpu,
            network,
            masks: grid.saturating_add(image),
            extras: self.extras(image, grid, windows),
        }
    }

    fn extras(&self, image: u64, grid: u64, windows: &WindowPlan) -> u64 {
        if self.wanted == Wanted::default() {
            return 0;
        }
        let classes = self.config.stages.last_network().out_channels() as u64;
        let scores = match &self.config.stages {
            Stages::OneStage { .. } => windows.slab_voxels() as u64,
            Stages::TwoStage { .. } => grid.saturating_add(windows.slab_voxels() as u64),
        };
        let restored = 2 * classes * u64::from(self.wanted.probabilities) + 4 * u64::from(self.wanted.entropy) + 1;
        scores.saturating_mul(4 * classes).saturating_add(image.saturating_mul(restored))
    }
}

/// The number of voxels; a false spacing makes grids that no computer can count.
fn voxels(shape: Dhw<usize>) -> u64 {
    shape.to_array().into_iter().fold(1, |all: u64, length| all.saturating_mul(length as u64))
}
