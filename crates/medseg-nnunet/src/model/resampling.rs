//! The plans' resampling functions as this crate's.

use crate::ResamplingFunction;
use crate::resample::{LabelResampling, LabelResizeRule, Resampling};

pub(super) fn image_resampling(plans: ResamplingFunction) -> Resampling {
    match plans {
        ResamplingFunction::Spline { order, order_z, separate_z, .. } => {
            Resampling::Spline { order, order_z, force_separate: separate_z }
        }
        ResamplingFunction::Torch { separate_z, .. } => Resampling::Torch { force_separate: separate_z },
        ResamplingFunction::None => Resampling::None,
    }
}

pub(super) fn label_resampling(plans: ResamplingFunction) -> LabelResampling {
    match plans {
        ResamplingFunction::Spline { order, separate_z, .. } => {
            LabelResampling::Spline { order, force_separate: separate_z, rule: LabelResizeRule::default() }
        }
        ResamplingFunction::Torch { separate_z, memory_efficient, .. } => {
            LabelResampling::Torch { force_separate: separate_z, memory_efficient }
        }
        ResamplingFunction::None => LabelResampling::None,
    }
}
