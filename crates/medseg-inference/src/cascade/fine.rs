//! The fine network in its box, and the box that follows what it draws.

use burn::tensor::Device;
use medseg_transforms::BoxDhw;
use medseg_volume::Dhw;
use ndarray::{ArrayView3, Axis, s};

use super::config::{CascadeConfig, Growth};
use super::output::{CascadeOutput, FallbackReason};
use super::region::{reached_faces, voxels_of, widened};
use crate::error::InferenceError;
use crate::predictor::Predictor;
use crate::progress::Progress;

/// One case's second stage.
pub(super) struct FineStage<'a, F: ?Sized, P: ?Sized> {
    pub config: &'a CascadeConfig,
    pub image: &'a ArrayView3<'a, f32>,
    pub device: &'a Device,
    pub predictor: &'a mut F,
    pub progress: &'a mut P,
}

impl<F: Predictor + ?Sized, P: Progress + ?Sized> FineStage<'_, F, P> {
    /// Runs the fine network over the report's box and writes its labels there.
    pub fn draw(&mut self, output: &mut CascadeOutput) -> Result<(), InferenceError> {
        let (start, end) = (output.report.roi.start, output.report.roi.end());
        let part = s![start.d..end.d, start.h..end.h, start.w..end.w];
        let before = 1 + output.report.windows;
        let progress = &mut *self.progress;
        let mut windows = 0;
        self.config.window.predict_mask_into(
            &self.image.slice(part).insert_axis(Axis(0)),
            self.config.rule,
            output.mask.slice_mut(part),
            self.device,
            &mut *self.predictor,
            &mut |done: usize, total: usize| {
                windows = total;
                progress.report(before + done, before + total)
            },
        )?;
        output.report.windows += windows;
        Ok(())
    }

    /// Lets the box grow for as long as the mask reaches its faces; searches the whole image where that does not end, or
    /// where the mask is empty.
    pub fn follow(
        &mut self,
        growth: Growth,
        spacing: Dhw<f64>,
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
                let by = voxels_of(step_mm, spacing).map(|voxels| voxels.max(1));
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
