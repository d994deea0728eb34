//! Labels on another grid.

use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView3, Zip};
use serde::{Deserialize, Serialize};

use crate::{Interpolation, resize, resize_nearest, resize_nearest_exact};

/// Chooses the label of a voxel that lies between those of the old grid. No new value ever appears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelInterpolation {
    /// The voxel at the low corner, PyTorch's and MONAI's `nearest`: it shifts labels by up to half a voxel against the
    /// image. Where two geometries say how the grids lie, it is the same as [`NearestExact`](Self::NearestExact).
    Nearest,
    /// The voxel with the nearest centre, half-way the one at the higher index; PyTorch's `nearest-exact`.
    NearestExact,
    /// The label whose indicator (1 where the label is, 0 elsewhere), interpolated trilinearly, is largest; the lowest on
    /// a tie. Smooth where a coarse mask becomes a fine one.
    Linear,
}

impl LabelInterpolation {
    /// Resizes a label map to `to` voxels along `[depth, height, width]`; the volume's outer faces stay where they are.
    ///
    /// ```
    /// use medseg_transforms::LabelInterpolation;
    /// use medseg_volume::Dhw;
    ///
    /// let label = ndarray::array![[[0_u8, 0, 0, 7, 7, 7]]];
    /// let resized = |how: LabelInterpolation| how.resize(&label.view(), Dhw { d: 1, h: 1, w: 2 });
    /// assert_eq!(resized(LabelInterpolation::NearestExact), ndarray::array![[[0, 7]]]);
    /// assert_eq!(resized(LabelInterpolation::Linear), ndarray::array![[[0, 7]]]);
    /// ```
    #[must_use]
    pub fn resize(self, label: &ArrayView3<'_, u8>, to: Dhw<usize>) -> Array3<u8> {
        match self {
            Self::Nearest => resize_nearest(label, to),
            Self::NearestExact => resize_nearest_exact(label, to),
            Self::Linear => linear(label, to),
        }
    }
}

fn linear(label: &ArrayView3<'_, u8>, to: Dhw<usize>) -> Array3<u8> {
    let mut present = [false; 256];
    label.iter().for_each(|value| present[usize::from(*value)] = true);
    let mut labels = Array3::<u8>::zeros((to.d, to.h, to.w));
    let mut largest = Array3::<f32>::zeros(labels.dim());
    for value in (0..=255u8).filter(|value| present[usize::from(*value)]) {
        let indicator = label.mapv(|v| f32::from(u8::from(v == value)));
        let share = resize(&indicator.view(), to, Interpolation::Trilinear { align_corners: false });
        Zip::from(&mut labels).and(&mut largest).and(&share).par_for_each(|label, largest, share| {
            if share > largest {
                (*label, *largest) = (value, *share);
            }
        });
    }
    labels
}
