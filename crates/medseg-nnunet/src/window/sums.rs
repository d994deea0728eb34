//! Arithmetic of the sums over windows.

use half::f16;

use crate::half_rows::{OVERFLOW, narrow, widen};

/// A number format of sums.
pub(super) trait Sum: Copy + Default + Send + Sync {
    /// Adds `values · weights` to a row; returns true if all sums are finite. Product and sum are rounded to f32 first.
    fn add(row: &mut [Self], values: &[f32], weights: &[f32], scratch: &mut [f32]) -> bool;

    /// Adds weights to a row.
    fn add_weights(row: &mut [Self], weights: &[f32], scratch: &mut [f32]);

    /// Divides a row of sums by the weights, rounded to f16; returns true if all are finite.
    fn divide(sums: &[Self], weights: &[Self], logits: &mut [f16], scratch: &mut [f32], more: &mut [f32]) -> bool;
}

fn add_products(sums: &mut [f32], values: &[f32], weights: &[f32], limit: f32) -> bool {
    let mut finite = true;
    for ((sum, value), weight) in sums.iter_mut().zip(values).zip(weights) {
        *sum += value * weight;
        finite &= sum.abs() < limit;
    }
    finite
}

fn divide(sums: &mut [f32], weights: &[f32], logits: &mut [f16]) -> bool {
    let mut finite = true;
    for (sum, weight) in sums.iter_mut().zip(weights) {
        *sum /= weight;
        finite &= sum.abs() < OVERFLOW;
    }
    narrow(sums, logits);
    finite
}

impl Sum for f16 {
    fn add(row: &mut [Self], values: &[f32], weights: &[f32], scratch: &mut [f32]) -> bool {
        widen(row, scratch);
        let finite = add_products(scratch, values, weights, OVERFLOW);
        narrow(scratch, row);
        finite
    }

    fn add_weights(row: &mut [Self], weights: &[f32], scratch: &mut [f32]) {
        widen(row, scratch);
        for (sum, weight) in scratch.iter_mut().zip(weights) {
            *sum += weight;
        }
        narrow(scratch, row);
    }

    fn divide(sums: &[Self], weights: &[Self], logits: &mut [f16], scratch: &mut [f32], more: &mut [f32]) -> bool {
        widen(sums, scratch);
        widen(weights, more);
        divide(scratch, more, logits)
    }
}

impl Sum for f32 {
    fn add(row: &mut [Self], values: &[f32], weights: &[f32], _scratch: &mut [f32]) -> bool {
        add_products(row, values, weights, f32::INFINITY)
    }

    fn add_weights(row: &mut [Self], weights: &[f32], _scratch: &mut [f32]) {
        for (sum, weight) in row.iter_mut().zip(weights) {
            *sum += weight;
        }
    }

    fn divide(sums: &[Self], weights: &[Self], logits: &mut [f16], scratch: &mut [f32], _more: &mut [f32]) -> bool {
        scratch.copy_from_slice(sums);
        divide(scratch, weights, logits)
    }
}
