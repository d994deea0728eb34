//! Shapes from the network's grid to the image's.

use serde::{Deserialize, Serialize};

use super::ExportError;

/// Resampling of logits from the network's grid to the cropped image's; nothing is done where the shapes are equal.
///
/// `separate` is the axis that is resampled apart, by nearest neighbour: see [`separate_axis`](crate::separate_axis).
/// Its spacings are those of the network first, and then those of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogitResampling {
    /// `resample_data_or_seg_to_shape` of order 1: linear in f64, rounded to f16.
    ///
    /// nnU-Net also clips to the channel's smallest and largest logit. That changes nothing: a mean of f16 values exceeds
    /// them by rounding in f64 alone, which f16 takes back.
    Linear {
        /// Axis resampled apart.
        separate: Option<usize>,
    },
    /// `resample_torch_fornnunet`: linear in f32, not rounded to f16.
    ///
    /// Equal to PyTorch's CPU kernels to the last bit, except in planes whose new height and width add up to at most 128:
    /// with a separate axis, PyTorch has another kernel for those, whose logits differ by about 1e-7 of their value.
    Torch {
        /// Axis resampled apart.
        separate: Option<usize>,
    },
    /// `no_resampling_hack`: shapes must be equal.
    Identity,
}

/// Shapes and places between the network's grid and the image's. All axes are in the network's order, in voxels.
///
/// ```
/// use medseg_nnunet::export::{ExportGeometry, LogitResampling};
///
/// let geometry = ExportGeometry {
///     network: [10, 20, 20],
///     cropped: [8, 30, 30],
///     full: [9, 40, 36],
///     start: [1, 2, 3],
///     transpose_backward: [1, 0, 2],
///     resampling: LogitResampling::Linear { separate: Some(0) },
/// };
/// assert_eq!(geometry.output_shape(), [40, 9, 36]);
/// geometry.validate()?;
/// # Ok::<(), medseg_nnunet::export::ExportError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportGeometry {
    /// Shape of the logits.
    pub network: [usize; 3],
    /// Shape of the image after the crop, before resampling.
    pub cropped: [usize; 3],
    /// Shape of the image before the crop.
    pub full: [usize; 3],
    /// First voxel of the crop.
    pub start: [usize; 3],
    /// Axis of the network's order for each axis of the image; the plans' `transpose_backward`.
    pub transpose_backward: [usize; 3],
    /// Resampling of the logits.
    pub resampling: LogitResampling,
}

impl ExportGeometry {
    /// Checks that box and shapes agree.
    ///
    /// # Errors
    /// [`ExportError::Geometry`] names the value.
    pub fn validate(&self) -> Result<(), ExportError> {
        let wrong = |what, found: String, expected| Err(ExportError::Geometry { what, found, expected });
        let shapes = [("network", self.network), ("cropped", self.cropped), ("full", self.full)];
        for (what, shape) in shapes {
            let voxels = shape.into_iter().try_fold(1_usize, usize::checked_mul);
            if !voxels.is_some_and(|voxels| voxels > 0 && voxels < 1 << 48) {
                return wrong(what, format!("{shape:?}"), "must have between 1 and 2^48 voxels");
            }
        }
        let inside = |axis: usize| {
            let end = self.start[axis].checked_add(self.cropped[axis]);
            end.is_some_and(|end| end <= self.full[axis])
        };
        if !(0..3).all(inside) {
            return wrong("start", format!("{:?}", self.start), "must place the crop inside the image");
        }
        if !(0..3).all(|axis| self.transpose_backward.contains(&axis)) {
            return wrong("transpose_backward", format!("{:?}", self.transpose_backward), "must hold 0, 1 and 2");
        }
        match self.resampling {
            LogitResampling::Linear { separate: Some(axis) } | LogitResampling::Torch { separate: Some(axis) }
                if axis > 2 =>
            {
                wrong("separate", axis.to_string(), "must be an axis from 0 to 2")
            }
            LogitResampling::Identity if self.network != self.cropped => {
                wrong("network", format!("{:?}", self.network), "must be the cropped shape, for there is no resampling")
            }
            _ => Ok(()),
        }
    }

    /// Shape of the mask, in the image's order of axes.
    #[must_use]
    pub fn output_shape(&self) -> [usize; 3] {
        self.transpose_backward.map(|axis| self.full.get(axis).copied().unwrap_or(0))
    }

    /// Axis of the image for each axis of the network's order.
    pub(super) fn forward(&self) -> [usize; 3] {
        let mut forward = [0; 3];
        for (image, network) in self.transpose_backward.into_iter().enumerate() {
            forward[network] = image;
        }
        forward
    }
}
