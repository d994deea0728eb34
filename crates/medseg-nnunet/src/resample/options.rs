//! Choices of the plans' resampling functions.

/// A resampling function for images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resampling {
    /// `resample_data_or_seg_to_shape`: scikit-image's `resize` in f64.
    Spline {
        /// Order of the spline: 0, 1 or 3.
        order: u8,
        /// Order along the axis that is resampled apart: 0, 1 or 3.
        order_z: u8,
        /// The plans' `force_separate_z`.
        force_separate: Option<bool>,
    },
    /// `resample_torch_fornnunet`: PyTorch's linear interpolation in f32.
    Torch {
        /// The plans' `force_separate_z`.
        force_separate: Option<bool>,
    },
    /// `no_resampling_hack`: the image as it is.
    None,
}

impl Default for Resampling {
    /// nnU-Net's default for images: order 3, nearest along a separate axis, which the spacings decide on.
    fn default() -> Self {
        Self::Spline { order: 3, order_z: 0, force_separate: None }
    }
}

/// A resampling function for label maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelResampling {
    /// `resample_data_or_seg_to_shape`: one 0/1 mask a label, by scikit-image's `resize` in f64.
    Spline {
        /// Order of the spline: 0 or 1. The order along a separate axis is 0.
        order: u8,
        /// The plans' `force_separate_z`.
        force_separate: Option<bool>,
        /// The choice among labels.
        rule: LabelResizeRule,
    },
    /// `resample_torch_fornnunet`: one 0/1 mask a label, by PyTorch's linear interpolation in f32.
    Torch {
        /// The plans' `force_separate_z`.
        force_separate: Option<bool>,
        /// The plans' `memefficient_seg_resampling`: the highest label whose mask is above 0.5, instead of the largest mask.
        memory_efficient: bool,
    },
    /// `no_resampling_hack`: the label map as it is.
    None,
}

impl Default for LabelResampling {
    /// nnU-Net's default for label maps: order 1, by the newest rule.
    fn default() -> Self {
        Self::Spline { order: 1, force_separate: None, rule: LabelResizeRule::default() }
    }
}

/// The label of a voxel by the resampled masks of all labels, as versions of batchgenerators differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LabelResizeRule {
    /// batchgenerators 0.25.5: the label whose mask is largest. Of equal ones that of the nearest voxel, or else the lowest.
    #[default]
    Largest,
    /// Earlier versions: the highest label whose mask is at least 0.5, or else 0.
    AtLeastHalf,
}
