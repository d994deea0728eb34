//! Smooth random displacements.

use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView3, ArrayViewMut3, Axis, Zip, parallel::prelude::*};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::gather::gather_displaced;
use super::pending::Sampled;
use super::{BorderMode, Kernel, VoxelMap};
use crate::TransformError;

/// Displacements as MONAI's `Rand3DElastic` makes them: uniform noise in [-1, 1) for every voxel and axis, smoothed by a
/// Gaussian that is cut at three standard deviations and not brought back to the noise's range, times a magnitude.
///
/// The seed stands for the noise, so that a draw takes a few bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elastic {
    /// The Gaussian's standard deviation in voxels.
    pub sigma: f64,
    /// Factor of the smoothed noise, in voxels. Smoothing leaves noise of about 0.09 / sigma^1.5, so a
    /// magnitude of 100 to 300 at a sigma of 5 to 8 moves voxels by some of them.
    pub magnitude: f64,
    /// Of the noise.
    pub seed: u64,
}

impl Elastic {
    pub(crate) fn validate(&self) -> Result<(), TransformError> {
        if !(self.sigma > 0.0 && self.sigma <= 1e4) {
            return Err(TransformError::parameter("sigma", self.sigma, "must be above 0 and at most 10000 voxels"));
        }
        if !self.magnitude.is_finite() {
            return Err(TransformError::parameter("magnitude", self.magnitude, "must be a number of voxels"));
        }
        Ok(())
    }

    /// The displacements along depth, height and width of every voxel of a grid, in voxels.
    #[must_use]
    pub fn displacements(&self, shape: Dhw<usize>) -> [Array3<f32>; 3] {
        let noise = |axis: u64| {
            let mut noise = Array3::<f32>::zeros((shape.d, shape.h, shape.w));
            noise.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(|(z, mut plane)| {
                let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
                rng.set_stream(3 * z as u64 + axis);
                // 24 random bits: every multiple of 2^-23 in [-1, 1).
                plane.iter_mut().for_each(|v| *v = (rng.next_u32() >> 8) as f32 * 2f32.powi(-23) - 1.0);
            });
            noise
        };
        [0, 1, 2].map(|axis| smoothed_offsets(noise(axis), self.sigma, self.magnitude))
    }
}

/// Moves a volume's voxels by given displacements: the result at a voxel is the image at the voxel plus its displacement
/// (along depth, height and width, in voxels).
///
/// # Panics
/// If a displacement's shape is not the image's, or with [`Kernel::Area`].
#[must_use]
pub fn deform(
    image: &ArrayView3<'_, f32>,
    displacements: &[Array3<f32>; 3],
    kernel: Kernel,
    padding: BorderMode,
) -> Array3<f32> {
    assert!(displacements.iter().all(|d| d.dim() == image.dim()), "displacements and image differ in shape");
    assert_ne!(kernel, Kernel::Area, "displacements have no areas");
    let sampled = Sampled { kernel, padding, before: VoxelMap::IDENTITY, elastic: None, after: VoxelMap::IDENTITY };
    let (images, _) = gather_displaced(&[image.view()], None, &sampled, Some(displacements), image.dim().into());
    images.into_iter().next().unwrap_or_default()
}

/// Smooths one component of a field of offsets and multiplies it: the arithmetic of MONAI's `Rand3DElastic` with offsets
/// given. What lies outside counts as 0.
#[must_use]
pub fn smoothed_offsets(offsets: Array3<f32>, sigma: f64, magnitude: f64) -> Array3<f32> {
    let kernel = erf_kernel(sigma);
    let last: Vec<f32> = kernel.iter().map(|w| (f64::from(*w) * magnitude) as f32).collect();
    let mut field = offsets.as_standard_layout().into_owned();
    field.axis_iter_mut(Axis(0)).into_par_iter().for_each_init(Vec::new, |buffer: &mut Vec<f32>, mut plane| {
        let width = plane.ncols();
        let tail = kernel.len() / 2;
        buffer.resize(width + 2 * tail, 0.0);
        for mut row in plane.outer_iter_mut() {
            let Some(row) = row.as_slice_mut() else { continue };
            buffer[tail..tail + width].copy_from_slice(row);
            row.fill(0.0);
            for (k, weight) in kernel.iter().enumerate() {
                row.iter_mut().zip(&buffer[k..]).for_each(|(out, v)| *out += weight * v);
            }
        }
    });
    let mut across = Array3::zeros(field.dim());
    across.axis_iter_mut(Axis(0)).into_par_iter().zip(field.axis_iter(Axis(0))).for_each(|(mut out, plane)| {
        add_neighbours(out.view_mut().insert_axis(Axis(1)), plane.insert_axis(Axis(1)), &kernel);
    });
    let (depth, height, _) = field.dim();
    // The last axis in bands of rows, so that what a band needs stays in the cache.
    let bands: Vec<_> = field.axis_chunks_iter_mut(Axis(1), height.div_ceil(16).max(1)).collect();
    let parts: Vec<_> = across.axis_chunks_iter(Axis(1), height.div_ceil(16).max(1)).collect();
    bands.into_par_iter().zip(parts).for_each(|(mut out, part)| {
        out.fill(0.0);
        add_neighbours(out, part, &last);
    });
    debug_assert_eq!(depth, field.dim().0);
    field
}

/// Adds to each slice along the first axis the weighted sum of its neighbours.
fn add_neighbours(mut out: ArrayViewMut3<'_, f32>, from: ArrayView3<'_, f32>, kernel: &[f32]) {
    let (tail, slices) = (kernel.len() / 2, from.dim().0);
    for (z, mut sum) in out.outer_iter_mut().enumerate() {
        for near in z.saturating_sub(tail)..(z + tail + 1).min(slices) {
            let weight = kernel[near + tail - z];
            Zip::from(sum.rows_mut()).and(from.index_axis(Axis(0), near).rows()).for_each(|mut sum, row| {
                if let (Some(sum), Some(row)) = (sum.as_slice_mut(), row.to_slice()) {
                    sum.iter_mut().zip(row).for_each(|(s, v)| *s += weight * v);
                }
            });
        }
    }
}

/// The Gaussian's mass on each voxel up to three standard deviations (rounded) from the middle; not renormalised.
fn erf_kernel(sigma: f64) -> Vec<f32> {
    let tail = ((3.0 * sigma).max(0.5) + 0.5) as i64;
    let scale = std::f64::consts::FRAC_1_SQRT_2 / sigma;
    (-tail..=tail)
        .map(|x| x as f64)
        .map(|x| (0.5 * (libm::erf(scale * (x + 0.5)) - libm::erf(scale * (x - 0.5)))).max(0.0) as f32)
        .collect()
}
