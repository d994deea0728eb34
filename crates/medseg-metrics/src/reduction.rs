//! Averages over cases and classes, as MONAI reduces metrics.

use serde::{Deserialize, Serialize};

use crate::MetricsError;

/// Average or sum over a table of scores, one row a case and one column a class: MONAI's `MetricReduction`.
///
/// Scores that are NaN take no part. A mean over nothing is 0, not NaN, as in MONAI: look at the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricReduction {
    /// The table as it is, row by row.
    None,
    /// The mean over the classes of each case, then over the cases that have any score. One value.
    Mean,
    /// The sum of all scores. One value.
    Sum,
    /// The mean over the cases, for each class.
    MeanBatch,
    /// The sum over the cases, for each class.
    SumBatch,
    /// The mean over the classes, for each case.
    MeanChannel,
    /// The sum over the classes, for each case.
    SumChannel,
}

/// Result of a [`MetricReduction`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Reduced {
    /// The averaged or summed scores.
    pub values: Vec<f64>,
    /// Number of scores in each value (MONAI's `not_nans`); for [`MetricReduction::Mean`] the number of cases.
    pub counts: Vec<usize>,
}

/// Averages `scores[case][class]`.
///
/// ```
/// use medseg_metrics::{MetricReduction, reduce};
///
/// let scores = [vec![0.8, f64::NAN], vec![0.6, 0.4]];
/// let mean = reduce(&scores, MetricReduction::Mean)?;
/// assert!((mean.values[0] - 0.65).abs() < 1e-12); // (0.8 + (0.6 + 0.4) / 2) / 2
/// assert_eq!(reduce(&scores, MetricReduction::MeanBatch)?.counts, [2, 1]);
/// # Ok::<(), medseg_metrics::MetricsError>(())
/// ```
///
/// # Errors
/// [`MetricsError::RaggedScores`] if the rows differ in length.
pub fn reduce(scores: &[Vec<f64>], reduction: MetricReduction) -> Result<Reduced, MetricsError> {
    let classes = scores.first().map_or(0, Vec::len);
    if let Some(row) = scores.iter().position(|row| row.len() != classes) {
        return Err(MetricsError::RaggedScores { row, found: scores[row].len(), expected: classes });
    }
    let per_case = || scores.iter().map(|row| Tally::from_scores(row.iter().copied()));
    let per_class = || (0..classes).map(|class| Tally::from_scores(scores.iter().map(move |row| row[class])));
    let tallies: Vec<Tally> = match reduction {
        MetricReduction::None => {
            let values: Vec<f64> = scores.concat();
            let counts = values.iter().map(|v| usize::from(!v.is_nan())).collect();
            return Ok(Reduced { values, counts });
        }
        MetricReduction::Mean => {
            let cases = per_case().filter(|tally| tally.count > 0);
            vec![Tally::from_scores(cases.map(|tally| tally.mean()))]
        }
        MetricReduction::Sum => vec![Tally::from_scores(scores.iter().flatten().copied())],
        MetricReduction::MeanBatch | MetricReduction::SumBatch => per_class().collect(),
        MetricReduction::MeanChannel | MetricReduction::SumChannel => per_case().collect(),
    };
    let value = |tally: &Tally| match reduction {
        MetricReduction::Sum | MetricReduction::SumBatch | MetricReduction::SumChannel => tally.sum,
        _ => tally.mean(),
    };
    Ok(Reduced {
        values: tallies.iter().map(value).collect(),
        counts: tallies.iter().map(|tally| tally.count).collect(),
    })
}

/// Sum and number of the scores that are not NaN.
struct Tally {
    sum: f64,
    count: usize,
}

impl Tally {
    fn from_scores(scores: impl Iterator<Item = f64>) -> Self {
        scores
            .filter(|score| !score.is_nan())
            .fold(Self { sum: 0.0, count: 0 }, |tally, score| Self { sum: tally.sum + score, count: tally.count + 1 })
    }

    fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }
}
