//! Normalisation of a channel.

use medseg_nnunet::Normalization;
use ndarray::{Array3, ArrayViewMut3};

use super::rule::{Rule, Rules};

const LEAST_DEVIATION: f32 = 1e-8;

/// Normalises the cropped channel of an image as the plans say.
pub fn normalize(mut channel: ArrayViewMut3<'_, f32>, region: &Array3<bool>, scheme: &Normalization, rules: Rules) {
    match *scheme {
        Normalization::Ct { lower, upper, mean, std } => {
            let (mean, std) = (mean as f32, (std as f32).max(LEAST_DEVIATION));
            channel.mapv_inplace(|value| (value.clamp(lower as f32, upper as f32) - mean) / std);
        }
        Normalization::ZScore { masked: true } => {
            let whole = !rules.hold(Rule::MaskedStatistics);
            let chosen = |inside: bool| whole || inside;
            let values: Vec<f32> =
                channel.iter().zip(region).filter(|(_, inside)| chosen(**inside)).map(|(value, _)| *value).collect();
            let count = values.len() as f64;
            let mean = (f64::from(pairwise_sum(&values)) / count) as f32;
            let squares: Vec<f32> = values.iter().map(|value| (value - mean) * (value - mean)).collect();
            let count = if rules.hold(Rule::PopulationDeviation) { count } else { count - 1.0 };
            let deviation = ((f64::from(pairwise_sum(&squares)) / count) as f32).sqrt().max(LEAST_DEVIATION);
            for (value, inside) in channel.iter_mut().zip(region) {
                if chosen(*inside) {
                    *value = (*value - mean) / deviation;
                }
            }
        }
        ref other => panic!("no fixture has {other:?}"),
    }
}

/// The sum in the order of NumPy: halves of a multiple of 8 values, and in blocks of at most 128 every eighth value.
fn pairwise_sum(values: &[f32]) -> f32 {
    if values.len() < 8 {
        return values.iter().fold(0.0, |sum, value| sum + value);
    }
    if values.len() > 128 {
        let (left, right) = values.split_at(values.len() / 2 / 8 * 8);
        return pairwise_sum(left) + pairwise_sum(right);
    }
    let whole = values.len() / 8 * 8;
    let every_eighth = |first: usize| {
        let mut terms = values[first..whole].iter().step_by(8).copied();
        let start = terms.next().unwrap_or_default();
        terms.fold(start, |sum, value| sum + value)
    };
    let [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7].map(every_eighth);
    let eights = ((a + b) + (c + d)) + ((e + f) + (g + h));
    values[whole..].iter().fold(eights, |sum, value| sum + value)
}
