//! The difference between two methods on the same cases.

use serde::{Deserialize, Serialize};

use crate::{MetricsError, Summary, bootstrap_ci95};

/// The difference between two methods on the same cases.
///
/// ```
/// use medseg_metrics::PairedDifference;
///
/// let (ours, theirs) = ([0.92, 0.90, 0.95, 0.88], [0.90, 0.89, 0.94, f64::NAN]);
/// let difference = PairedDifference::new(&ours, &theirs, 2000, 1)?;
/// assert_eq!((difference.summary.count, difference.summary.missing), (3, 1));
/// assert!((difference.summary.mean - 0.04 / 3.0).abs() < 1e-12);
/// let (low, _high) = difference.ci95.expect("finite differences");
/// assert!(low > 0.0); // ours is better beyond what the choice of cases explains
/// # Ok::<(), medseg_metrics::MetricsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PairedDifference {
    /// Statistics of `a - b`, case by case; `missing` counts the cases that one of the two has no score for, and those
    /// where both are infinite.
    pub summary: Summary,
    /// 95 % bootstrap interval of the mean difference, from cases drawn in pairs: an interval without 0 says that the
    /// methods differ. `None` without a finite difference, as [`bootstrap_ci95`].
    pub ci95: Option<(f64, f64)>,
}

impl PairedDifference {
    /// Compares the scores of methods `a` and `b` on the same cases in the same order; positive means that `a` is larger.
    ///
    /// `resamples` and `seed` are those of [`bootstrap_ci95`].
    ///
    /// # Errors
    /// [`MetricsError::UnpairedScores`] if the lengths differ.
    pub fn new(a: &[f64], b: &[f64], resamples: usize, seed: u64) -> Result<Self, MetricsError> {
        if a.len() != b.len() {
            return Err(MetricsError::UnpairedScores { a: a.len(), b: b.len() });
        }
        let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
        Ok(Self { summary: Summary::from_values(&differences), ci95: bootstrap_ci95(&differences, resamples, seed) })
    }
}
