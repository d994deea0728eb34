//! The fine network in its box, and the box that follows its mask.

use std::ops::ControlFlow;

use burn::tensor::Device;
use medseg_transforms::{BoxDhw, Probabilities};
use medseg_volume::Dhw;
use ndarray::{Array4, ArrayView4, Axis, s};

use super::config::Growth;
use super::mask_channel::image_and_mask;
use super::output::{CascadeOutput, FallbackReason};
use super::region::{reached_faces, voxels_of, widened};
use crate::error::InferenceError;
use crate::predictor::Predictor;
use crate::progress::Progress;
use crate::rule::MaskRule;
use crate::sink::{ScoreSlab, room};
use crate::window::SlidingWindow;

/// One case's second stage.
pub(super) struct Drawing<'a, 'n> {
    pub window: SlidingWindow,
    pub rule: MaskRule,
    /// `[channel, depth, height, width]`.
    pub image: ArrayView4<'a, f32>,
    pub device: &'a Device,
    pub network: &'n mut dyn Predictor,
    pub progress: Option<&'a mut dyn Progress>,
    /// Probabilities are wanted beside the labels.
    pub probabilities: bool,
    /// The network gets the coarse mask as a channel behind the image's.
    pub mask_channel: bool,
}

impl Drawing<'_, '_> {
    /// Runs the fine network over the report's box and writes its labels there.
    pub fn draw(&mut self, output: &mut CascadeOutput) -> Result<(), InferenceError> {
        let (start, end) = (output.report.roi.start, output.report.roi.end());
        let part = s![start.d..end.d, start.h..end.h, start.w..end.w];
        let before = 1 + output.report.windows;
        let (mut windows, progress) = (0, &mut self.progress);
        let mut count = |done: usize, total: usize| {
            windows = total;
            progress
                .as_mut()
                .map_or(ControlFlow::Continue(()), |listener| listener.report(before + done, before + total))
        };
        let of_box = self.image.slice(s![.., start.d..end.d, start.h..end.h, start.w..end.w]);
        let with_mask = self.mask_channel.then(|| image_and_mask(&of_box, &output.coarse_mask().slice(part)));
        let image = with_mask.as_ref().map_or(of_box, |both| both.view());
        let inference = self.window.infer(image, self.device, &mut *self.network).progress(&mut count);
        if self.probabilities {
            let rule = &self.rule;
            let inference = if rule.has_regions() { inference.averaging(Probabilities::Sigmoid) } else { inference };
            inference.slabs(&mut |slab| take(slab, rule, output, start))?;
        } else {
            inference.mask_into(self.rule.clone(), output.mask.slice_mut(part))?;
        }
        output.report.windows += windows;
        Ok(())
    }

    /// Lets the box grow for as long as the mask reaches its faces; searches the whole image where that does not end, or
    /// where the mask is empty.
    pub fn follow(
        &mut self,
        growth: Growth,
        planes: Dhw<f64>,
        output: &mut CascadeOutput,
    ) -> Result<(), InferenceError> {
        let whole = BoxDhw::whole(Dhw::from(output.mask.dim()));
        let mut step_mm = growth.step_mm;
        while output.report.roi != whole {
            let faces = reached_faces(&output.mask.view(), &output.report.roi);
            let cut = faces.to_array().into_iter().any(|(low, high)| low || high);
            if !cut && output.mask.iter().any(|&label| label != 0) {
                return Ok(());
            }
            if cut && output.report.roi_grown < growth.rounds {
                let by = voxels_of(step_mm, planes).map(|voxels| voxels.max(1));
                output.report.roi = widened(&output.report.roi, faces, by, whole.size);
                output.report.roi_grown += 1;
                step_mm *= 2.0;
            } else {
                let reason = if cut { FallbackReason::StillCut } else { FallbackReason::FineEmpty };
                output.report.fallback = Some(reason);
                output.report.roi = whole;
            }
            self.draw(output)?;
        }
        Ok(())
    }
}

/// Writes labels and probabilities of a slab of the box that starts at `start`.
fn take(
    mut slab: ScoreSlab<'_>,
    rule: &MaskRule,
    output: &mut CascadeOutput,
    start: Dhw<isize>,
) -> Result<(), InferenceError> {
    let labels = slab.labels(rule)?;
    let classes = slab.scores.len_of(Axis(0));
    slab.make_probabilities(rule.probabilities(classes));
    let shape = Dhw::from(output.mask.dim());
    let probabilities = match &mut output.probabilities {
        Some(probabilities) => probabilities,
        none => none.insert(background(classes, rule.has_regions(), shape)?),
    };
    let mut from = start.to_array();
    from[slab.axis] += slab.start as isize;
    let (from, size) = (Dhw::from(from), Dhw::from(labels.dim()));
    let Dhw { d, h, w } = from.zip(size).map(|(from, size)| from as usize..from as usize + size);
    output.mask.slice_mut(s![d.clone(), h.clone(), w.clone()]).assign(&labels);
    probabilities.slice_mut(s![.., d, h, w]).assign(&slab.scores);
    Ok(())
}

/// Probability 1 of the background, which is class 0 of several that exclude each other.
fn background(classes: usize, overlap: bool, shape: Dhw<usize>) -> Result<Array4<f32>, InferenceError> {
    let mut probabilities = room(classes, shape)?;
    if classes > 1 && !overlap {
        probabilities.index_axis_mut(Axis(0), 0).fill(1.0);
    }
    Ok(probabilities)
}
