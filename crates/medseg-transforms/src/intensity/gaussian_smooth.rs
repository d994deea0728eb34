//! Gaussian blur.

use medseg_volume::Dhw;
use ndarray::{Array3, ArrayBase, ArrayView3, Axis, DataMut, Ix3};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::TransformError;
use crate::one_or_three::one_or_three;

/// Values outside the volume when it is blurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlurBorder {
    /// Zeros, as in MONAI: borders of images whose background is not 0 darken, and the kernel's truncated tails are
    /// missing from its sum.
    Zero,
    /// The volume mirrored at its border voxels' centres (PyTorch's `reflect`), with a kernel whose sum is 1: a constant
    /// image stays what it is.
    #[default]
    Mirror,
}

/// A Gaussian blur along each axis, MONAI's `GaussianSmooth` where the border is [`BlurBorder::Zero`].
///
/// The kernel holds the Gaussian's integral over each voxel (by the error function) and ends after 4 σ.
///
/// ```
/// use medseg_transforms::{BlurBorder, GaussianSmooth};
/// use medseg_volume::Dhw;
///
/// let in_plane: GaussianSmooth = serde_json::from_str(r#"{"sigma": [0.0, 1.5, 1.5]}"#)?;
/// assert_eq!(in_plane.sigma, Dhw { d: 0.0, h: 1.5, w: 1.5 });
/// let all_axes: GaussianSmooth = serde_json::from_str(r#"{"sigma": 1.5, "border": "zero"}"#)?;
/// assert_eq!(all_axes, GaussianSmooth { sigma: Dhw::splat(1.5), border: BlurBorder::Zero });
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaussianSmooth {
    /// Standard deviations in voxels, along `[depth, height, width]`; 0 leaves an axis alone. A file may give one number for
    /// all axes.
    #[serde(deserialize_with = "one_or_three")]
    pub sigma: Dhw<f64>,
    /// Values outside the volume.
    #[serde(default)]
    pub border: BlurBorder,
}

impl GaussianSmooth {
    /// Widest blur; its kernel has 4096 voxels on either side.
    pub const MAX_SIGMA: f64 = 1024.0;

    /// Refuses standard deviations below 0 and above [`MAX_SIGMA`](Self::MAX_SIGMA).
    ///
    /// # Errors
    /// [`TransformError::Parameter`] naming `sigma`.
    pub fn validate(&self) -> Result<(), TransformError> {
        if self.sigma.to_array().iter().all(|sigma| (0.0..=Self::MAX_SIGMA).contains(sigma)) {
            return Ok(());
        }
        Err(TransformError::parameter("sigma", self.sigma, "must be between 0 and 1024 voxels"))
    }

    /// Blurs in place. NaN and infinities spread as far as the kernel reaches.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn apply<S: DataMut<Elem = f32>>(&self, image: &mut ArrayBase<S, Ix3>) -> Result<(), TransformError> {
        self.validate()?;
        if image.is_empty() || self.sigma == Dhw::splat(0.0) {
            return Ok(());
        }
        let kernels = self.sigma.map(|sigma| kernel(sigma, self.border));
        let blurred = {
            let source = image.as_standard_layout();
            blur(&source.view(), &kernels, self.border)
        };
        image.assign(&blurred);
        Ok(())
    }
}

/// Weights from the middle outwards; the middle alone for 0.
fn kernel(sigma: f64, border: BlurBorder) -> Vec<f32> {
    if sigma == 0.0 {
        return vec![1.0];
    }
    let reach = ((4.0 * sigma).max(0.5) + 0.5) as usize;
    let scale = std::f64::consts::FRAC_1_SQRT_2 / sigma;
    let integral = |n: usize| 0.5 * (libm::erf(scale * (n as f64 + 0.5)) - libm::erf(scale * (n as f64 - 0.5)));
    let half: Vec<f64> = (0..=reach).map(integral).collect();
    let sum = match border {
        BlurBorder::Zero => 1.0,
        BlurBorder::Mirror => half[0] + 2.0 * half[1..].iter().sum::<f64>(),
    };
    half.into_iter().map(|weight| (weight / sum) as f32).collect()
}

/// The place in `0..length` that a place outside shows.
fn inside(at: isize, length: usize, border: BlurBorder) -> Option<usize> {
    if (0..length as isize).contains(&at) {
        return Some(at as usize);
    }
    match border {
        BlurBorder::Zero => None,
        BlurBorder::Mirror if length == 1 => Some(0),
        BlurBorder::Mirror => {
            let period = 2 * (length as isize - 1);
            let folded = at.rem_euclid(period);
            Some(folded.min(period - folded) as usize)
        }
    }
}

/// The voxels along one axis that the result at `at` is made of, with their weights.
fn taps(at: usize, length: usize, kernel: &[f32], border: BlurBorder) -> impl Iterator<Item = (usize, f32)> {
    let reach = kernel.len() as isize - 1;
    (-reach..=reach).filter_map(move |step| {
        let place = inside(at as isize + step, length, border)?;
        Some((place, kernel[step.unsigned_abs()]))
    })
}

/// One pass: a thread makes a plane by summing planes of the source, then its rows, then along them.
fn blur(source: &ArrayView3<'_, f32>, kernels: &Dhw<Vec<f32>>, border: BlurBorder) -> Array3<f32> {
    let (d, h, w) = source.dim();
    let mut out = Array3::zeros((d, h, w));
    let reach = kernels.w.len() - 1;
    let scratch = || (vec![0.0f32; h * w], vec![0.0f32; w + 2 * reach]);
    out.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each_init(scratch, |(plane, row), (z, mut to)| {
        plane.fill(0.0);
        for (from, weight) in taps(z, d, &kernels.d, border) {
            add_weighted(plane, source.index_axis(Axis(0), from).as_slice().unwrap_or_default(), weight);
        }
        for (y, mut to) in to.outer_iter_mut().enumerate() {
            let middle = &mut row[reach..reach + w];
            middle.fill(0.0);
            for (from, weight) in taps(y, h, &kernels.h, border) {
                add_weighted(middle, &plane[from * w..][..w], weight);
            }
            along_row(row, to.as_slice_mut().unwrap_or_default(), &kernels.w, border);
        }
    });
    out
}

fn add_weighted(sums: &mut [f32], values: &[f32], weight: f32) {
    sums.iter_mut().zip(values).for_each(|(sum, v)| *sum += weight * v);
}

/// `row` has room for the kernel's reach on both sides of its values.
fn along_row(row: &mut [f32], to: &mut [f32], kernel: &[f32], border: BlurBorder) {
    let (reach, length) = (kernel.len() - 1, to.len());
    for n in 0..reach {
        let before = inside(n as isize - reach as isize, length, border);
        row[n] = before.map_or(0.0, |at| row[reach + at]);
        let after = inside((length + n) as isize, length, border);
        row[reach + length + n] = after.map_or(0.0, |at| row[reach + at]);
    }
    to.iter_mut().zip(&row[reach..]).for_each(|(to, v)| *to = kernel[0] * v);
    for (n, &weight) in kernel.iter().enumerate().skip(1) {
        let (left, right) = (&row[reach - n..], &row[reach + n..]);
        to.iter_mut().zip(left.iter().zip(right)).for_each(|(to, (a, b))| *to += weight * (a + b));
    }
}
