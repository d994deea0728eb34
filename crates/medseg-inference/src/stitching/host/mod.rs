//! Stitching on the host.

mod stitcher;

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::ArrayView4;

use self::stitcher::Stitcher;
use super::backend::{Stitching, not_finite, same_channels};
use super::gather::Gatherer;
use crate::config::{Blend, Padding};
use crate::error::InferenceError;
use crate::plan::WindowPlan;
use crate::predictor::Logits;
use crate::sink::Sink;

/// Cuts windows out and adds them up on the host.
pub(crate) struct HostStitching<'a, S> {
    plan: &'a WindowPlan,
    blend: Blend,
    device: &'a Device,
    gatherer: Gatherer<'a>,
    sink: &'a mut S,
    /// `None` until the number of classes is known.
    stitcher: Option<Stitcher<'a>>,
    /// Memory of the last batch's logits, which spares the next batch fresh pages.
    buffer: Vec<f32>,
}

impl<'a, S: Sink> HostStitching<'a, S> {
    pub(crate) fn new(
        image: ArrayView4<'a, f32>,
        plan: &'a WindowPlan,
        blend: Blend,
        padding: Padding,
        device: &'a Device,
        sink: &'a mut S,
    ) -> Self {
        let gatherer = Gatherer::new(image, plan, padding);
        Self { plan, blend, device, gatherer, sink, stitcher: None, buffer: Vec::new() }
    }
}

impl<S: Sink> Stitching for HostStitching<'_, S> {
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
            if !stitcher.add(*number, logits, self.sink) {
                return Err(not_finite(self.plan, *number));
            }
            self.sink.error().map_or(Ok(()), Err)?;
        }
        self.buffer = logits.into_buffer();
        Ok(())
    }

    fn finish(self) -> Result<(), InferenceError> {
        if let Some(stitcher) = self.stitcher {
            stitcher.finish(self.sink);
        }
        self.sink.error().map_or(Ok(()), Err)
    }
}
