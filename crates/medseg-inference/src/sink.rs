//! What becomes of finished planes: averaged logits, or labels.

use std::ops::Range;

use medseg_volume::Dhw;
use ndarray::{Array4, ArrayViewMut3, Axis, parallel::prelude::*, s};

use crate::error::InferenceError;
use crate::rule::{MaskRule, Reducer};
use crate::stitch::{FinishedPlane, PlaneSink};

/// Keeps the logits.
pub(crate) struct LogitSink {
    shape: Dhw<usize>,
    logits: Array4<f32>,
}

impl LogitSink {
    pub(crate) fn new(shape: Dhw<usize>) -> Self {
        Self { shape, logits: Array4::zeros((0, 0, 0, 0)) }
    }

    /// `[class, depth, height, width]`.
    pub(crate) fn into_logits(self) -> Array4<f32> {
        self.logits
    }
}

impl PlaneSink for LogitSink {
    fn open(&mut self, channels: usize) -> Result<(), InferenceError> {
        let Dhw { d, h, w } = self.shape;
        let len = [d, h, w].into_iter().try_fold(channels, usize::checked_mul);
        if len.is_none_or(|len| len > isize::MAX as usize / size_of::<f32>()) {
            return Err(InferenceError::TooLarge { channels, shape: self.shape });
        }
        self.logits = Array4::zeros((channels, d, h, w));
        Ok(())
    }

    fn accept<'p>(&mut self, depths: Range<usize>, plane: impl Fn(usize) -> FinishedPlane<'p> + Sync) {
        let width = self.shape.w;
        let mut slab = self.logits.slice_mut(s![.., depths.clone(), .., ..]);
        slab.axis_iter_mut(Axis(1)).into_par_iter().enumerate().for_each(|(index, mut classes)| {
            let plane = plane(depths.start + index);
            let mut row = vec![0.0; width];
            for (channel, mut class) in classes.axis_iter_mut(Axis(0)).enumerate() {
                for (height, mut to) in class.rows_mut().into_iter().enumerate() {
                    plane.logits(channel, height, &mut row);
                    to.iter_mut().zip(&row).for_each(|(to, from)| *to = *from);
                }
            }
        });
    }
}

/// Keeps labels only, written straight into the caller's array.
pub(crate) struct MaskSink<'a> {
    mask: ArrayViewMut3<'a, u8>,
    rule: MaskRule,
    open: Option<(Reducer, usize)>,
}

impl<'a> MaskSink<'a> {
    pub(crate) fn new(mask: ArrayViewMut3<'a, u8>, rule: MaskRule) -> Self {
        Self { mask, rule, open: None }
    }
}

impl PlaneSink for MaskSink<'_> {
    fn open(&mut self, channels: usize) -> Result<(), InferenceError> {
        self.open = Some((Reducer::new(self.rule, channels)?, channels));
        Ok(())
    }

    fn accept<'p>(&mut self, depths: Range<usize>, plane: impl Fn(usize) -> FinishedPlane<'p> + Sync) {
        let Some((reducer, channels)) = self.open else { return };
        let width = self.mask.dim().2;
        let mut slab = self.mask.slice_mut(s![depths.clone(), .., ..]);
        slab.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(|(index, mut labels)| {
            let plane = plane(depths.start + index);
            let mut row = reducer.row(width);
            for (height, mut to) in labels.rows_mut().into_iter().enumerate() {
                row.clear();
                for channel in 0..channels {
                    plane.logits(channel, height, &mut row.logits);
                    row.take_channel(channel);
                }
                to.iter_mut().zip(&row.labels).for_each(|(to, from)| *to = *from);
            }
        });
    }
}
