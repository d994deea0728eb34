//! Statistics of one score over many cases.

use serde::{Deserialize, Serialize};

use crate::quantile::quantile;

/// Statistics of one score over many cases; NaN scores are left out and counted.
///
/// ```
/// use medseg_metrics::Summary;
///
/// let summary = Summary::from_values(&[0.9, f64::NAN, 0.7, 0.8]);
/// assert_eq!((summary.count, summary.missing), (3, 1));
/// assert!((summary.mean - 0.8).abs() < 1e-12);
/// assert!((summary.std - 0.1).abs() < 1e-12);
/// assert_eq!(summary.median, 0.8);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Summary {
    /// Scores that took part.
    pub count: usize,
    /// Scores that were NaN.
    pub missing: usize,
    /// Arithmetic mean; NaN without scores.
    #[serde(with = "crate::nan_as_null")]
    pub mean: f64,
    /// Median, the mean of the middle two for an even count; NaN without scores.
    #[serde(with = "crate::nan_as_null")]
    pub median: f64,
    /// Sample standard deviation (divisor `count - 1`); NaN for fewer than two scores.
    #[serde(with = "crate::nan_as_null")]
    pub std: f64,
    /// Smallest score; NaN without scores.
    #[serde(with = "crate::nan_as_null")]
    pub min: f64,
    /// Largest score; NaN without scores.
    #[serde(with = "crate::nan_as_null")]
    pub max: f64,
}

impl Summary {
    /// Summarises the scores of all cases.
    #[must_use]
    pub fn from_values(values: &[f64]) -> Self {
        let mut present: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
        let count = present.len();
        let mean = present.iter().sum::<f64>() / count as f64;
        let squares: f64 = present.iter().map(|v| (v - mean).powi(2)).sum();
        Self {
            count,
            missing: values.len() - count,
            mean,
            median: quantile(&mut present, 0.5),
            std: if count < 2 { f64::NAN } else { (squares / (count - 1) as f64).sqrt() },
            min: present.iter().copied().fold(f64::NAN, f64::min),
            max: present.iter().copied().fold(f64::NAN, f64::max),
        }
    }
}

/// The mean of the values that are not NaN; NaN if there is none.
#[must_use]
pub fn mean_ignoring_nan(values: &[f64]) -> f64 {
    Summary::from_values(values).mean
}

/// The median of the values that are not NaN; NaN if there is none.
#[must_use]
pub fn median_ignoring_nan(values: &[f64]) -> f64 {
    Summary::from_values(values).median
}

/// The sample standard deviation of the values that are not NaN; NaN if there are fewer than two.
#[must_use]
pub fn std_ignoring_nan(values: &[f64]) -> f64 {
    Summary::from_values(values).std
}
