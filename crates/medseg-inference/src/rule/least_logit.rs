//! The threshold of a probability as one of logits.

use crate::probabilities::sigmoid;

/// The smallest f32 whose sigmoid, rounded to f32, reaches `threshold`: `x >= least_logit(t)` is `sigmoid(x) >= t` without an
/// exponential for every voxel, and the same decision bit by bit, also where the sigmoid rounds to the threshold itself.
/// NaN (which no logit reaches) if there is none.
pub(super) fn least_logit(threshold: f32) -> f32 {
    if sigmoid(f32::INFINITY) < threshold {
        return f32::NAN;
    }
    let (mut below, mut at_least) = (order(f32::NEG_INFINITY) - 1, order(f32::INFINITY));
    while at_least - below > 1 {
        let middle = below + (at_least - below) / 2;
        if sigmoid(from_order(middle)) >= threshold { at_least = middle } else { below = middle }
    }
    from_order(at_least)
}

/// A number that grows with the float: neighbouring floats are neighbouring numbers, -0 and 0 one number.
fn order(value: f32) -> i64 {
    let bits = i64::from(value.to_bits() & 0x7fff_ffff);
    if value.is_sign_negative() { -bits } else { bits }
}

fn from_order(order: i64) -> f32 {
    let magnitude = f32::from_bits(order.unsigned_abs() as u32);
    if order < 0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::{from_order, least_logit, order};
    use crate::probabilities::sigmoid;

    #[test]
    fn the_least_logit_decides_as_the_sigmoid_does() {
        for threshold in [0.0, 1e-30, 0.01, 0.3, 0.5, 0.7, 0.999, 1.0] {
            let least = least_logit(threshold);
            for x in -4000..4000 {
                let x = x as f32 / 100.0;
                assert_eq!(sigmoid(x) >= threshold, x >= least, "threshold {threshold}, logit {x}");
            }
            for step in -2000..2000 {
                let x =
                    from_order(order(least).saturating_add(step).clamp(order(f32::NEG_INFINITY), order(f32::INFINITY)));
                assert_eq!(sigmoid(x) >= threshold, x >= least, "threshold {threshold}, logit {x:e}");
            }
        }
    }

    #[test]
    fn logits_whose_sigmoid_rounds_to_one_half_are_foreground() {
        let least = least_logit(0.5);
        assert!(least < 0.0 && least > -1e-6, "{least:e}");
    }
}
