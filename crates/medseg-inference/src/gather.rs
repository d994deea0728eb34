//! Cuts a batch of windows out of the image.

use medseg_volume::Dhw;
use ndarray::{ArrayView2, ArrayView4, s};
use rayon::prelude::*;

use crate::padding::Padding;
use crate::plan::WindowPlan;

/// Copies windows of one image into batches, padding where they reach outside it.
pub(crate) struct Gatherer<'a> {
    image: ArrayView4<'a, f32>,
    plan: &'a WindowPlan,
    sources: Dhw<Vec<Option<usize>>>,
    outside: f32,
}

impl<'a> Gatherer<'a> {
    pub(crate) fn new(image: ArrayView4<'a, f32>, plan: &'a WindowPlan, padding: Padding) -> Self {
        let (shape, padded, low) = (plan.shape(), plan.padded_shape(), plan.padding());
        let sources = Dhw {
            d: padding.sources(shape.d, low.d.0, padded.d),
            h: padding.sources(shape.h, low.h.0, padded.h),
            w: padding.sources(shape.w, low.w.0, padded.w),
        };
        Self { image, plan, sources, outside: padding.value() }
    }

    /// The windows of these numbers as `[slot, channel, depth, height, width]`, C order. Slots beyond them repeat the last one.
    /// The memory of `buffer` is used if it is about as large.
    pub(crate) fn batch(&self, numbers: &[usize], slots: usize, buffer: Vec<f32>) -> Vec<f32> {
        let (channels, roi) = (self.image.dim().0, self.plan.roi());
        let mut values = sized(buffer, slots * channels * roi.d * roi.h * roi.w);
        values.par_chunks_mut(roi.h * roi.w).enumerate().for_each(|(index, plane)| {
            let (slot, channel, z) = (index / (channels * roi.d), index / roi.d % channels, index % roi.d);
            let start = self.plan.start(numbers[slot.min(numbers.len() - 1)]);
            match self.sources.d[start.d + z] {
                Some(depth) => self.copy_plane(self.image.slice(s![channel, depth, .., ..]), start, plane),
                None => plane.fill(self.outside),
            }
        });
        values
    }

    fn copy_plane(&self, image: ArrayView2<f32>, start: Dhw<usize>, plane: &mut [f32]) {
        let roi = self.plan.roi();
        let unpadded = self.plan.padding().w == (0, 0);
        for (y, row) in plane.chunks_exact_mut(roi.w).enumerate() {
            let Some(height) = self.sources.h[start.h + y] else {
                row.fill(self.outside);
                continue;
            };
            let line = image.row(height);
            match line.to_slice() {
                Some(line) if unpadded => row.copy_from_slice(&line[start.w..start.w + roi.w]),
                _ => {
                    for (value, source) in row.iter_mut().zip(&self.sources.w[start.w..]) {
                        *value = source.map_or(self.outside, |x| line[x]);
                    }
                }
            }
        }
    }
}

/// A vector of `len` values, in the memory of `buffer` unless that would be wasteful. What the values are is open.
fn sized(mut buffer: Vec<f32>, len: usize) -> Vec<f32> {
    if buffer.len() < len || buffer.capacity() / 2 > len {
        // Freed first; fresh zeros come from the system untouched, so the threads that fill them touch them first.
        drop(buffer);
        return vec![0.0; len];
    }
    buffer.truncate(len);
    buffer
}
