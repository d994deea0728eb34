//! The gradient of the weights, by the same products: positions take the place of channels and taps.
//!
//! Either vectors hold output channels and each value of the input is multiplied with all of them, or vectors hold weights
//! of one output channel, for which the window of every position is copied. The first suits large maps, the second few
//! positions or few input channels.

mod by_channels;
mod by_windows;
mod sums;

use std::ops::Range;

use rayon::prelude::*;

use super::geometry::Geometry;
use super::product::BLOCK;
use crate::conv::shared::SharedSlice;
use crate::conv::source::Source;
use crate::isa::Isa;
use by_channels::ByChannels;
use by_windows::ByWindows;
use sums::{IN_SINGLE, Sums};

/// Most parts that the regions are summed in.
const MOST_PARTS: usize = 16;
/// Bytes that the sums of all parts may take.
const PARTS_BYTES: usize = 64 << 20;

/// Gradient of the weights `[out_channels, channels, kernel]`, from the input and its output's gradient
/// `[batch, out_channels, output shape]`. Sums over some thousand positions are in f32, beyond those in f64.
///
/// # Panics
/// If the lengths do not agree.
pub(crate) fn weight_grad(
    isa: Isa,
    x: &Source<'_>,
    grad: &[f32],
    geometry: &Geometry,
    out_channels: usize,
) -> Vec<f32> {
    let (channels, taps) = (x.channels(), geometry.taps());
    let positions = x.batch() * geometry.output.iter().product::<usize>();
    assert_eq!(grad.len(), positions * out_channels, "gradient values");
    // Rows of all windows of a position are copied, or the values of its gradient. Windows apart would copy what none reads.
    let rows = channels * geometry.kernel[0] * geometry.kernel[1];
    let apart = (0..3).any(|axis| geometry.kernel[axis] < geometry.stride[axis]);
    let few = channels < BLOCK / 2 || 2 * rows <= out_channels;
    let work: &dyn Way = if !apart && (positions <= IN_SINGLE || few) {
        &ByWindows::new(isa, x, grad, geometry, out_channels)
    } else {
        &ByChannels::new(isa, x, grad, geometry, out_channels)
    };
    let bytes = out_channels * channels * taps * (size_of::<f32>() + size_of::<f64>());
    // Of the shapes alone, for sums that are the same for any number of threads.
    let parts = MOST_PARTS.min(PARTS_BYTES / bytes).min(positions / IN_SINGLE).min(work.regions()).max(1);
    let at_once = work.channels_at_once().min(channels.div_ceil((4 * rayon::current_num_threads()).div_ceil(parts)));
    let mut weights = vec![0.0; out_channels * channels * taps];
    let shared = SharedSlice::new(&mut weights);
    (0..channels.div_ceil(at_once)).into_par_iter().for_each(|range| {
        let range = range * at_once..channels.min((range + 1) * at_once);
        let of = |part: usize| part * work.regions() / parts..(part + 1) * work.regions() / parts;
        let sums: Vec<Sums> = (0..parts).into_par_iter().map(|part| work.sum(range.clone(), of(part))).collect();
        let sums = sums.into_iter().reduce(Sums::added).expect("a part");
        for o in 0..out_channels {
            // SAFETY: ranges of channels do not overlap, so no other task writes these weights.
            let to = unsafe { shared.part((o * channels + range.start) * taps, range.len() * taps) };
            work.weights(&range, &sums, o, to);
        }
    });
    weights
}

/// A way to sum the gradients.
trait Way: Sync {
    /// Regions of the batch.
    fn regions(&self) -> usize;

    /// Input channels whose sums stay in the cache.
    fn channels_at_once(&self) -> usize;

    /// Sums of some input channels over some regions, in an order of their own.
    fn sum(&self, channels: Range<usize>, regions: Range<usize>) -> Sums;

    /// Takes the weights `[channels, kernel]` of one output channel out of the sums.
    fn weights(&self, channels: &Range<usize>, sums: &Sums, out_channel: usize, to: &mut [f32]);
}
