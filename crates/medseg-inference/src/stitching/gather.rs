//! Cuts windows out of the image.

use medseg_kernels::memory::prefer_large_pages;
use medseg_kernels::rows::copy;
use medseg_volume::Dhw;
use ndarray::{ArrayView4, s};
use rayon::prelude::*;

use crate::config::Padding;
use crate::plan::WindowPlan;

/// Copies windows of one image into batches, or all of it, padded where they reach outside it.
pub(super) struct Gatherer<'a> {
    image: ArrayView4<'a, f32>,
    plan: &'a WindowPlan,
    sources: Dhw<Vec<Option<usize>>>,
    outside: f32,
}

impl<'a> Gatherer<'a> {
    pub(super) fn new(image: ArrayView4<'a, f32>, plan: &'a WindowPlan, padding: Padding) -> Self {
        let (shape, padded, low) = (plan.shape(), plan.padded_shape(), plan.padding());
        let sources = Dhw {
            d: padding.sources(shape.d, low.d.0, padded.d),
            h: padding.sources(shape.h, low.h.0, padded.h),
            w: padding.sources(shape.w, low.w.0, padded.w),
        };
        Self { image, plan, sources, outside: padding.value() }
    }

    /// Channels of the image.
    pub(super) fn channels(&self) -> usize {
        self.image.dim().0
    }

    /// The windows of these numbers as `[slot, channel, depth, height, width]`, C order. Slots beyond them repeat the last one.
    /// The memory of `buffer` is used if it is about as large.
    pub(super) fn batch(&self, numbers: &[usize], slots: usize, buffer: Vec<f32>) -> Vec<f32> {
        let (channels, roi) = (self.channels(), self.plan.roi());
        let mut values = sized(buffer, slots * channels * roi.voxels());
        values.par_chunks_mut(roi.h * roi.w).enumerate().for_each(|(index, plane)| {
            let (slot, channel, z) = (index / (channels * roi.d), index / roi.d % channels, index % roi.d);
            let start = self.plan.start(numbers[slot.min(numbers.len() - 1)]);
            self.copy_plane(channel, Dhw { d: start.d + z, ..start }, roi.w, plane);
        });
        values
    }

    /// The padded image as `[channel, depth, height, width]`, C order.
    pub(super) fn volume(&self) -> Vec<f32> {
        let padded = self.plan.padded_shape();
        let mut values = vec![0.0; self.channels() * padded.voxels()];
        values.par_chunks_mut(padded.h * padded.w).enumerate().for_each(|(index, plane)| {
            let start = Dhw { d: index % padded.d, h: 0, w: 0 };
            self.copy_plane(index / padded.d, start, padded.w, plane);
        });
        values
    }

    /// Copies a part of plane `start.d` of the padded image, whose rows are `width` long, from `start` on.
    fn copy_plane(&self, channel: usize, start: Dhw<usize>, width: usize, plane: &mut [f32]) {
        let Some(depth) = self.sources.d[start.d] else { return plane.fill(self.outside) };
        let image = self.image.slice(s![channel, depth, .., ..]);
        let unpadded = self.plan.padding().w == (0, 0);
        for (y, row) in plane.chunks_exact_mut(width).enumerate() {
            let Some(height) = self.sources.h[start.h + y] else {
                row.fill(self.outside);
                continue;
            };
            let line = image.row(height);
            match line.to_slice() {
                Some(line) if unpadded => {
                    let next = self.sources.h.get(start.h + y + 1).copied().flatten();
                    let next = next.and_then(|next| image.row(next).to_slice());
                    copy(&line[start.w..][..width], next.map(|next| &next[start.w..][..width]), row);
                }
                _ => {
                    for (value, source) in row.iter_mut().zip(&self.sources.w[start.w..]) {
                        *value = source.map_or(self.outside, |x| line[x]);
                    }
                }
            }
        }
    }
}

/// A vector of `len` unspecified values, in the memory of `buffer` unless that would be wasteful.
fn sized(mut buffer: Vec<f32>, len: usize) -> Vec<f32> {
    if buffer.len() < len || buffer.capacity() / 2 > len {
        // Freed first; fresh zeros come from the system untouched, so the threads that fill them touch them first.
        drop(buffer);
        let mut values = vec![0.0; len];
        prefer_large_pages(&mut values);
        return values;
    }
    buffer.truncate(len);
    buffer
}
