//! The way over the host.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::ArrayView4;

use super::gather::Gatherer;
use super::stitch::Stitcher;
use super::{Path, same_channels};
use crate::blend::Blend;
use crate::error::InferenceError;
use crate::plan::WindowPlan;
use crate::predictor::Logits;
use crate::sink::Sink;
use crate::sliding_window::SlidingWindow;

/// Cuts windows out and adds them up on the host.
pub(crate) struct HostPath<'a, S> {
    plan: &'a WindowPlan,
    blend: Blend,
    device: &'a Device,
    gatherer: Gatherer<'a>,
    sink: &'a mut S,
    /// Made when the number of classes is known.
    stitcher: Option<Stitcher<'a>>,
    /// Memory of the last batch's logits, which spares the next batch fresh pages.
    buffer: Vec<f32>,
}

impl<'a, S: Sink> HostPath<'a, S> {
    pub(crate) fn new(
        image: ArrayView4<'a, f32>,
        plan: &'a WindowPlan,
        window: &SlidingWindow,
        device: &'a Device,
        sink: &'a mut S,
    ) -> Self {
        let gatherer = Gatherer::new(image, plan, window.padding);
        Self { plan, blend: window.blend, device, gatherer, sink, stitcher: None, buffer: Vec::new() }
    }
}

impl<S: Sink> Path for HostPath<'_, S> {
    fn gather(&mut self, numbers: &[usize], slots: usize) -> Tensor<5> {
        let (channels, roi) = (self.gatherer.channels(), self.plan.roi());
        let values = self.gatherer.batch(numbers, slots, std::mem::take(&mut self.buffer));
        Tensor::from_data(TensorData::new(values, [slots, channels, roi.d, roi.h, roi.w]), self.device)
    }

    fn add(&mut self, numbers: &[usize], scores: Tensor<5>) -> Result<(), InferenceError> {
        let logits = Logits::new(scores)?;
        let stitcher = match &mut self.stitcher {
            Some(stitcher) => stitcher,
            none => {
                self.sink.open(logits.channels)?;
                none.insert(Stitcher::new(self.plan, self.blend, logits.channels)?)
            }
        };
        same_channels(stitcher.channels(), logits.channels)?;
        let windows = logits.values()?.chunks_exact(logits.channels * self.plan.roi().voxels());
        for (number, logits) in numbers.iter().zip(windows) {
            stitcher.add(*number, logits, self.sink);
        }
        self.buffer = logits.into_buffer();
        Ok(())
    }

    fn finish(self) -> Result<(), InferenceError> {
        if let Some(stitcher) = self.stitcher {
            stitcher.finish(self.sink);
        }
        Ok(())
    }
}
