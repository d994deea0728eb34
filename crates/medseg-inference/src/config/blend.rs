//! Weights of a window's voxels where windows overlap.

use medseg_kernels::rows::RowWeights;
use medseg_volume::Dhw;
use ndarray::Array3;
use serde::{Deserialize, Serialize};

use crate::error::InferenceError;

/// Smallest weight of a Gaussian map relative to a centre of about 1, as MONAI's `compute_importance_map` has it: without a
/// floor, voxels that only a window's corner covers would be divided by almost nothing.
const GAUSSIAN_FLOOR: f32 = 1e-3;

/// Weights of a window's voxels in the average over overlapping windows.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Blend {
    /// Every voxel counts the same.
    #[default]
    Constant,
    /// Voxels near the window's centre count more:
    /// `w = Π_axis exp(-(i - (n - 1) / 2)² / (2 (sigma_scale · n)²))`, not normalised, then every weight below
    /// `max(min(w), 0.001)` raised to it (MONAI's `mode="gaussian"`).
    Gaussian {
        /// Standard deviation as a fraction of the window's size; 0.125 in MONAI and nnU-Net.
        sigma_scale: f64,
    },
}

impl Blend {
    /// Gaussian blending with MONAI's `sigma_scale` of 0.125.
    #[must_use]
    pub const fn gaussian() -> Self {
        Self::Gaussian { sigma_scale: 0.125 }
    }

    /// The map of weights of a window of `roi` voxels, indexed `[depth, height, width]`.
    ///
    /// ```
    /// use medseg_inference::Blend;
    /// use medseg_volume::Dhw;
    ///
    /// let map = Blend::gaussian().importance_map(Dhw { d: 9, h: 9, w: 9 })?;
    /// assert_eq!(map[[4, 4, 4]], 1.0);
    /// assert_eq!(map[[0, 0, 0]], 1e-3);
    /// # Ok::<(), medseg_inference::InferenceError>(())
    /// ```
    ///
    /// # Errors
    /// [`InferenceError::Parameter`] if `sigma_scale` is not a positive number.
    pub fn importance_map(&self, roi: Dhw<usize>) -> Result<Array3<f32>, InferenceError> {
        self.validate()?;
        let importance = Importance::new(*self, roi);
        Ok(Array3::from_shape_fn((roi.d, roi.h, roi.w), |(z, y, x)| {
            let row = importance.row(z, y);
            row.weight(row.factors[x])
        }))
    }

    /// Checks the parameters.
    pub(crate) fn validate(&self) -> Result<(), InferenceError> {
        match *self {
            Self::Gaussian { sigma_scale } if !(sigma_scale.is_finite() && sigma_scale > 0.0) => {
                Err(InferenceError::parameter("blend.sigma_scale", sigma_scale, "must be a positive number"))
            }
            _ => Ok(()),
        }
    }
}

/// The importance map of a window as one factor per axis and the floor: three short vectors instead of a volume.
pub(crate) struct Importance {
    factors: Dhw<Vec<f32>>,
    floor: f32,
}

impl Importance {
    pub(crate) fn new(blend: Blend, roi: Dhw<usize>) -> Self {
        match blend {
            Blend::Constant => Self { factors: roi.map(|n| vec![1.0; n]), floor: 1.0 },
            Blend::Gaussian { sigma_scale } => {
                let factors = roi.map(|n| gaussian_factors(n, sigma_scale));
                let least = |axis: &Vec<f32>| axis.iter().copied().fold(f32::INFINITY, f32::min);
                let smallest = least(&factors.d) * least(&factors.h) * least(&factors.w);
                Self { factors, floor: smallest.max(GAUSSIAN_FLOOR) }
            }
        }
    }

    /// The weights of row (`z`, `y`) of the window.
    pub(crate) fn row(&self, z: usize, y: usize) -> RowWeights<'_> {
        RowWeights { scale: self.factors.d[z] * self.factors.h[y], factors: &self.factors.w, floor: self.floor }
    }

    /// Adds the weights of row (`z`, `y`) of the window to sums.
    pub(crate) fn add_row_to(&self, z: usize, y: usize, sums: &mut [f32]) {
        let row = self.row(z, y);
        for (sum, factor) in sums.iter_mut().zip(row.factors) {
            *sum += row.weight(*factor);
        }
    }
}

/// One axis of the Gaussian, `n` voxels long.
fn gaussian_factors(n: usize, sigma_scale: f64) -> Vec<f32> {
    let centre = (n as f64 - 1.0) / 2.0;
    let sigma = sigma_scale * n as f64;
    (0..n).map(|i| (-(i as f64 - centre).powi(2) / (2.0 * sigma * sigma)).exp() as f32).collect()
}
