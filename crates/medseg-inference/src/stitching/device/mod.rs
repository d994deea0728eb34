//! Stitching on the device.

mod layers;

use burn::tensor::{DType, Device, Tensor, TensorData};
use medseg_transforms::BoxDhw;
use medseg_volume::Dhw;
use ndarray::ArrayView4;

use self::layers::Layers;
use super::backend::{Stitching, not_finite, same_channels};
use super::gather::Gatherer;
use crate::config::{Blend, Padding};
use crate::error::InferenceError;
use crate::plan::{RESULT_BYTES, WindowPlan};
use crate::sink::{Reduced, Sink};

/// Uploads the image once, cuts windows out and adds them up on the device, and brings back the result alone.
pub(crate) struct DeviceStitching<'a, S> {
    plan: &'a WindowPlan,
    blend: Blend,
    /// Without autodiff.
    device: Device,
    /// The padded image `[1, channel, depth, height, width]`.
    volume: Tensor<5>,
    sink: &'a mut S,
    /// `None` until the number of classes is known.
    layers: Option<Layers<'a>>,
    pending: Vec<(BoxDhw, Reduced)>,
    /// Numbers of windows, and for each the number of scores `[1]` that are not finite.
    unchecked: Vec<(usize, Tensor<1>)>,
}

impl<'a, S: Sink> DeviceStitching<'a, S> {
    pub(crate) fn new(
        image: ArrayView4<'a, f32>,
        plan: &'a WindowPlan,
        blend: Blend,
        padding: Padding,
        device: &Device,
        sink: &'a mut S,
    ) -> Self {
        let (gatherer, padded) = (Gatherer::new(image, plan, padding), plan.padded_shape());
        let shape = [1, gatherer.channels(), padded.d, padded.h, padded.w];
        let volume = Tensor::from_data(TensorData::new(gatherer.volume(), shape), device);
        let device = device.clone().without_autodiff();
        Self { plan, blend, device, volume, sink, layers: None, pending: Vec::new(), unchecked: Vec::new() }
    }

    /// Brings the waiting results to the host.
    fn flush(&mut self, channels: usize) -> Result<(), InferenceError> {
        self.check_finite()?;
        let put = |(finished, values)| self.sink.put(&finished, values);
        self.pending.drain(..).try_for_each(put).map_err(|error| match error {
            InferenceError::Device(source) => {
                let needed = self.plan.device_memory(self.volume.dims()[1], channels).total();
                InferenceError::OnDevice { needed, source }
            }
            other => other,
        })
    }
}

impl<S> DeviceStitching<'_, S> {
    /// Refuses the windows added since the last call if one has scores that are not finite. Counts of all of them come from
    /// the device at once.
    fn check_finite(&mut self) -> Result<(), InferenceError> {
        let (numbers, counts): (Vec<_>, Vec<_>) = self.unchecked.drain(..).unzip();
        if counts.is_empty() {
            return Ok(());
        }
        let counts = Tensor::cat(counts, 0).try_into_data_as::<f32>();
        let counts = counts.map_err(|error| InferenceError::Device(error.into()))?;
        let bad = counts.iter::<f32>().position(|count| count != 0.0);
        bad.map_or(Ok(()), |at| Err(not_finite(self.plan, numbers[at])))
    }
}

impl<S: Sink> Stitching for DeviceStitching<'_, S> {
    fn gather(&mut self, numbers: &[usize], slots: usize) -> Tensor<5> {
        let (roi, channels) = (self.plan.roi(), self.volume.dims()[1]);
        let window = |slot: usize| {
            let start = self.plan.start(numbers[slot.min(numbers.len() - 1)]);
            let Dhw { d, h, w } = start.zip(roi).map(|(start, size)| start..start + size);
            self.volume.clone().slice([0..1, 0..channels, d, h, w])
        };
        Tensor::cat((0..slots).map(window).collect(), 0)
    }

    fn add(&mut self, numbers: &[usize], scores: Tensor<5>) -> Result<(), InferenceError> {
        let channels = scores.dims()[1];
        let layers = match &mut self.layers {
            Some(layers) => layers,
            none => {
                self.sink.open(channels)?;
                none.insert(Layers::new(self.plan, self.blend, channels, &self.device)?)
            }
        };
        same_channels(layers.channels(), channels)?;
        let scores = scores.without_autodiff().to_device(&self.device).cast(DType::F32);
        for (slot, number) in numbers.iter().enumerate() {
            let window = scores.clone().narrow(0, slot, 1);
            self.unchecked.push((*number, window.clone().is_finite().bool_not().float().sum()));
            for (finished, averages) in layers.add(*number, window) {
                self.pending.push((finished, self.sink.reduce(averages)));
            }
        }
        drop(scores);
        if self.pending.iter().map(|(_, values)| values.bytes()).sum::<usize>() >= RESULT_BYTES {
            self.flush(channels)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), InferenceError> {
        let Some(layers) = self.layers.take() else { return Ok(()) };
        let channels = layers.channels();
        for (finished, averages) in layers.finish() {
            self.pending.push((finished, self.sink.reduce(averages)));
        }
        self.flush(channels)
    }
}
