//! Histogram equalisation.

use ndarray::{ArrayBase, Data, DataMut, Dimension};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::statistics::extremes;
use super::voxels;
use crate::TransformError;

/// MONAI's `HistogramNormalize`: every intensity becomes the share of voxels that are darker, scaled to [min, max].
///
/// The intensities between the lowest and the highest voxel are divided into `num_bins` bins of equal width; the
/// cumulative counts, scaled so that the first bin's becomes `min` and the last one's `max`, hold at the bins' centres,
/// with straight lines between them.
///
/// It differs from MONAI in three places: an image of integers is treated as any other one (MONAI makes a bin for every
/// integer if scikit-image is installed), voxels that are not finite are left out of the histogram (MONAI fails), and
/// counts are added in f64 (MONAI rounds them to f32, which shows above 16 million voxels).
///
/// ```
/// use medseg_transforms::HistogramNormalize;
///
/// let mut image = ndarray::array![[[0.0, 1.0, 1.0, 8.0]]];
/// HistogramNormalize { num_bins: 8, min: 0.0, max: 1.0 }.apply(&mut image)?;
/// // One of the bins' counts [1, 2, 0, 0, 0, 0, 0, 1] is below the second bin's, whose centre is 1.5.
/// assert_eq!(image[[0, 0, 0]], 0.0);
/// assert!((image[[0, 0, 1]] - 1.0 / 3.0).abs() < 1e-6 && image[[0, 0, 3]] == 1.0);
/// # Ok::<(), medseg_transforms::TransformError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistogramNormalize {
    /// Bins between the lowest and the highest voxel; MONAI's default is 256.
    pub num_bins: usize,
    /// Result of voxels at and below the first bin's centre.
    pub min: f32,
    /// Result of voxels at and above the last bin's centre.
    pub max: f32,
}

impl Default for HistogramNormalize {
    /// 256 bins, to [0, 255].
    fn default() -> Self {
        Self { num_bins: 256, min: 0.0, max: 255.0 }
    }
}

impl HistogramNormalize {
    /// Refuses fewer than two or more than 2^24 bins, and ends that are not finite.
    ///
    /// # Errors
    /// [`TransformError::Parameter`] naming the parameter.
    pub fn validate(&self) -> Result<(), TransformError> {
        let refused = |parameter, value, reason| Err(TransformError::Parameter { parameter, value, reason });
        if !(2..=1 << 24).contains(&self.num_bins) {
            return refused("num_bins", self.num_bins.to_string(), "must be between 2 and 2^24");
        }
        if !(self.min.is_finite() && self.max.is_finite()) {
            return refused("min,max", format!("{},{}", self.min, self.max), "must be finite");
        }
        Ok(())
    }

    /// Equalises in place. NaN stays NaN; an image without a finite voxel stays as it is.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn apply<S: DataMut<Elem = f32>, D: Dimension>(
        &self,
        image: &mut ArrayBase<S, D>,
    ) -> Result<(), TransformError> {
        self.validate()?;
        let curve = voxels::read(image, |values| Curve::of(values, self));
        if let Some(curve) = curve {
            voxels::map(image, |v| curve.at(v));
        }
        Ok(())
    }

    /// Equalises the whole image by the histogram of the voxels where the mask is not 0.
    ///
    /// # Errors
    /// As [`validate`](Self::validate), for a mask of another shape, and for one without a finite voxel.
    pub fn apply_masked<S, M, D>(
        &self,
        image: &mut ArrayBase<S, D>,
        mask: &ArrayBase<M, D>,
    ) -> Result<(), TransformError>
    where
        S: DataMut<Elem = f32>,
        M: Data<Elem = u8>,
        D: Dimension,
    {
        self.validate()?;
        let refused = |reason| {
            let value = format!("of {:?} voxels", mask.shape());
            Err(TransformError::Parameter { parameter: "mask", value, reason })
        };
        if mask.shape() != image.shape() {
            return refused("must have the image's shape");
        }
        let chosen: Vec<f32> = image.iter().zip(mask).filter(|(_, m)| **m != 0).map(|(v, _)| *v).collect();
        let Some(curve) = Curve::of(&chosen, self) else { return refused("has no finite voxel of the image in it") };
        voxels::map(image, |v| curve.at(v));
        Ok(())
    }
}

/// The rising line that intensities are looked up in.
struct Curve {
    /// Lower end of the first bin.
    low: f64,
    bins_per_unit: f64,
    /// Values at the bins' centres.
    values: Vec<f64>,
}

impl Curve {
    fn of(values: &[f32], settings: &HistogramNormalize) -> Option<Self> {
        let (mut low, mut high) = extremes(values)?;
        if low == high {
            // As numpy does: one unit around the only value, or as little as f32 can hold there.
            (low, high) =
                ((low - 0.5).min(low.next_down()).max(f32::MIN), (high + 0.5).max(high.next_up()).min(f32::MAX));
        }
        let bins = settings.num_bins;
        let counts = histogram(values, &edges(low, high, bins));
        let cumulative = counts.iter().scan(0u64, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        let cumulative: Vec<f64> = cumulative.map(|sum| sum as f64).collect();
        let (first, last) = (cumulative[0], cumulative[bins - 1]);
        let (min, max) = (f64::from(settings.min), f64::from(settings.max));
        // A histogram whose voxels all lie in the first bin has nothing to scale; f32 has no room for the others then.
        let scale = if last > first { (max - min) / (last - first) } else { 0.0 };
        let values = cumulative.into_iter().map(|sum| min + (sum - first) * scale).collect();
        Some(Self { low: f64::from(low), bins_per_unit: bins as f64 / (f64::from(high) - f64::from(low)), values })
    }

    fn at(&self, value: f32) -> f32 {
        if value.is_nan() {
            return value;
        }
        let last = self.values.len() - 1;
        let place = ((f64::from(value) - self.low) * self.bins_per_unit - 0.5).clamp(0.0, last as f64);
        let below = (place as usize).min(last - 1);
        let [a, b] = [self.values[below], self.values[below + 1]];
        (a + (place - below as f64) * (b - a)) as f32
    }
}

/// Ends of bins of equal width in f32, as numpy computes them for f32 images.
fn edges(low: f32, high: f32, bins: usize) -> Vec<f32> {
    let step = (high - low) / bins as f32;
    // The range of f32 itself can be too wide for f32.
    let wide = (f64::from(high) - f64::from(low)) / bins as f64;
    let at = |n: usize| match step.is_finite() {
        true => n as f32 * step + low,
        false => (n as f64 * wide + f64::from(low)) as f32,
    };
    let mut edges: Vec<f32> = (0..bins).map(at).collect();
    edges.push(high);
    edges
}

/// Finite values in each bin; a value on an edge counts above it, on the last edge in the last bin.
fn histogram(values: &[f32], edges: &[f32]) -> Vec<u64> {
    let bins = edges.len() - 1;
    let (low, high) = (edges[0], edges[bins]);
    let scale = bins as f64 / (f64::from(high) - f64::from(low));
    let of_chunk = |chunk: &[f32]| {
        let mut counts = vec![0u64; bins];
        for &v in chunk.iter().filter(|v| v.is_finite()) {
            let guess = (((f64::from(v) - f64::from(low)) * scale) as usize).min(bins - 1);
            // The edges are rounded, so the bin may be the one before or after.
            let bin = if v < edges[guess] {
                guess.saturating_sub(1)
            } else if v >= edges[guess + 1] {
                (guess + 1).min(bins - 1)
            } else {
                guess
            };
            counts[bin] += 1;
        }
        counts
    };
    let add = |mut a: Vec<u64>, b: Vec<u64>| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        a
    };
    let chunk = values.len().div_ceil(4 * rayon::current_num_threads()).max(1 << 16);
    values.par_chunks(chunk).map(of_chunk).reduce(|| vec![0; bins], add)
}
