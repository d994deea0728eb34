//! Percentiles, and transforms that cut off or scale at them.

use ndarray::{ArrayBase, Data, DataMut, Dimension};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{ScaleIntensityRange, voxels};
use crate::TransformError;

/// Percentiles of the finite voxels, linear between order statistics (the default of numpy and MONAI); nothing if no
/// voxel is finite. Exact, by counting: the image is neither copied nor sorted. Percents are brought into [0, 100].
///
/// ```
/// let image = ndarray::array![[[4.0, 1.0], [f32::NAN, 2.0]]];
/// assert_eq!(medseg_transforms::percentiles(&image, &[0.0, 50.0, 75.0]), Some(vec![1.0, 2.0, 3.0]));
/// ```
#[must_use]
pub fn percentiles<S, D>(image: &ArrayBase<S, D>, percents: &[f64]) -> Option<Vec<f64>>
where
    S: Data<Elem = f32>,
    D: Dimension,
{
    voxels::read(image, |values| {
        let order = OrderStatistics::new(values);
        let last = order.count.checked_sub(1)?;
        let at: Vec<f64> = percents.iter().map(|percent| percent.clamp(0.0, 100.0) / 100.0 * last as f64).collect();
        let ranks: Vec<u64> = at.iter().flat_map(|at| [at.floor() as u64, at.ceil() as u64]).collect();
        let found = order.at(values, &ranks);
        let between = |(at, pair): (&f64, &[f32])| {
            let [low, high] = [pair[0], pair[1]].map(f64::from);
            low + at.fract() * (high - low)
        };
        Some(at.iter().zip(found.chunks_exact(2)).map(between).collect())
    })
}

/// Values by their rank, found by counting: first how many have each upper half of their ordered bits, then, among
/// those with the halves that matter, how many have each lower half.
struct OrderStatistics {
    /// Finite values.
    count: u64,
    /// Finite values with each upper half.
    upper: Vec<u64>,
}

const HALVES: usize = 1 << 16;
/// Values that one thread counts before it adds its table to the sum.
const CHUNK: usize = 1 << 22;

impl OrderStatistics {
    fn new(values: &[f32]) -> Self {
        let upper = counted(values, |table: &mut [u32], v| {
            if v.is_finite() {
                table[(ordered(v) >> 16) as usize] += 1;
            }
        });
        Self { count: upper.iter().sum(), upper }
    }

    /// The values of these ranks, which are below `count`.
    fn at(&self, values: &[f32], ranks: &[u64]) -> Vec<f32> {
        let places: Vec<(usize, u64)> = ranks.iter().map(|rank| place(&self.upper, *rank)).collect();
        let mut wanted: Vec<usize> = places.iter().map(|(half, _)| *half).collect();
        wanted.sort_unstable();
        wanted.dedup();
        // One table of lower halves for each upper half that matters.
        let mut table_of = vec![usize::MAX; HALVES];
        wanted.iter().enumerate().for_each(|(n, half)| table_of[*half] = n);
        let lower = counted_in(values, wanted.len() * HALVES, |tables: &mut [u32], v| {
            let bits = ordered(v);
            let table = table_of[(bits >> 16) as usize];
            if table != usize::MAX {
                tables[table * HALVES + (bits & 0xffff) as usize] += 1;
            }
        });
        let value = |(half, rank): &(usize, u64)| {
            let (low, _) = place(&lower[table_of[*half] * HALVES..][..HALVES], *rank);
            disordered((*half as u32) << 16 | low as u32)
        };
        places.iter().map(value).collect()
    }
}

/// The entry in which a rank falls, and the rank within it.
fn place(counts: &[u64], rank: u64) -> (usize, u64) {
    let mut left = rank;
    for (at, count) in counts.iter().enumerate() {
        if left < *count {
            return (at, left);
        }
        left -= count;
    }
    // Not for ranks below the sum of the counts.
    (counts.len() - 1, 0)
}

fn counted(values: &[f32], count: impl Fn(&mut [u32], f32) + Sync) -> Vec<u64> {
    counted_in(values, HALVES, count)
}

/// A table of counts over all values; each thread counts chunks in a table of its own.
fn counted_in(values: &[f32], size: usize, count: impl Fn(&mut [u32], f32) + Sync) -> Vec<u64> {
    let of_chunk = |chunk: &[f32]| {
        let mut table = vec![0u32; size];
        chunk.iter().for_each(|v| count(&mut table, *v));
        table
    };
    let add = |mut sums: Vec<u64>, table: Vec<u32>| {
        sums.iter_mut().zip(table).for_each(|(sum, count)| *sum += u64::from(count));
        sums
    };
    let both = |mut a: Vec<u64>, b: Vec<u64>| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        a
    };
    values.par_chunks(CHUNK).map(of_chunk).fold(|| vec![0u64; size], add).reduce(|| vec![0u64; size], both)
}

/// The bits of a value such that the order of numbers is that of the bits (IEEE 754's total order).
fn ordered(value: f32) -> u32 {
    let bits = value.to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

fn disordered(bits: u32) -> f32 {
    f32::from_bits(if bits >> 31 == 1 { bits & !(1 << 31) } else { !bits })
}

/// MONAI's `ClipIntensityPercentiles` with hard edges: cuts off what lies outside two percentiles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipIntensityPercentiles {
    /// Lower percentile, in percent; without it nothing is cut off below.
    pub lower: Option<f64>,
    /// Upper percentile, in percent; without it nothing is cut off above.
    pub upper: Option<f64>,
}

impl ClipIntensityPercentiles {
    /// Refuses percentiles outside [0, 100] or in the wrong order.
    ///
    /// # Errors
    /// [`TransformError::Parameter`] naming them.
    pub fn validate(&self) -> Result<(), TransformError> {
        validate(self.lower.unwrap_or(0.0), self.upper.unwrap_or(100.0))
    }

    /// Clips in place. NaN stays NaN, infinities are clipped where there is an end. An image without a finite voxel
    /// stays as it is.
    pub fn apply<S: DataMut<Elem = f32>, D: Dimension>(&self, image: &mut ArrayBase<S, D>) {
        let percents = [self.lower.unwrap_or(0.0), self.upper.unwrap_or(100.0)];
        let Some(ends) = percentiles(image, &percents) else { return };
        let low = self.lower.map_or(f32::NEG_INFINITY, |_| ends[0] as f32);
        let high = self.upper.map_or(f32::INFINITY, |_| ends[1] as f32);
        voxels::map(image, |v| voxels::clamp(v, low, high));
    }
}

/// MONAI's `ScaleIntensityRangePercentiles`: two percentiles of the image become `b_min` and `b_max`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaleIntensityRangePercentiles {
    /// Becomes `b_min`, in percent.
    pub lower: f64,
    /// Becomes `b_max`, in percent.
    pub upper: f64,
    /// Lower end of the result; without both ends the result is [0, 1].
    pub b_min: Option<f32>,
    /// Upper end of the result.
    pub b_max: Option<f32>,
    /// Cut values outside [b_min, b_max] off, as far as the ends are given.
    pub clip: bool,
}

impl ScaleIntensityRangePercentiles {
    /// Refuses percentiles outside [0, 100] or in the wrong order.
    ///
    /// # Errors
    /// [`TransformError::Parameter`] naming them.
    pub fn validate(&self) -> Result<(), TransformError> {
        validate(self.lower, self.upper)
    }

    /// Scales in place; an image without a finite voxel stays as it is. Percentiles that coincide make what
    /// [`ScaleIntensityRange`] makes of an empty range, as in MONAI.
    pub fn apply<S: DataMut<Elem = f32>, D: Dimension>(&self, image: &mut ArrayBase<S, D>) {
        let Some(ends) = percentiles(image, &[self.lower, self.upper]) else { return };
        let [a_min, a_max] = [ends[0] as f32, ends[1] as f32];
        ScaleIntensityRange { a_min, a_max, b_min: self.b_min, b_max: self.b_max, clip: self.clip }.apply(image);
    }
}

fn validate(lower: f64, upper: f64) -> Result<(), TransformError> {
    if (0.0..=100.0).contains(&lower) && (lower..=100.0).contains(&upper) {
        return Ok(());
    }
    let reason = "must be between 0 and 100, the lower one first";
    Err(TransformError::Parameter { parameter: "percentiles", value: format!("{lower},{upper}"), reason })
}
