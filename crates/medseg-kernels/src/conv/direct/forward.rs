//! The convolution.

use std::ops::Range;

use rayon::prelude::*;

use super::geometry::Geometry;
use super::layout::{Layout, Scratch};
use super::product::{BLOCK, Places, Product};
use super::region::Region;
use super::threads::{many, ranges};
use crate::conv::sink::Sink;
use crate::conv::source::Source;
use crate::isa::{Isa, WIDEST};
use crate::memory::Buffer;

/// Convolves `x` with weights `[out_channels, channels, kernel]`; writes all of `out`.
///
/// # Panics
/// If the lengths do not agree.
pub(crate) fn direct(isa: Isa, x: &Source<'_>, geometry: &Geometry, weights: &[f32], out: &Sink<'_>) {
    let (channels, out_channels) = (x.channels(), out.channels());
    assert_eq!(weights.len(), out_channels * channels * geometry.taps(), "weights");
    let layout = Layout::new(isa, geometry, x.batch(), channels, out_channels, false);
    let taps = layout.taps();
    let regions = Region::all(x.batch(), geometry.output, layout.size);
    let at_once = layout.channels_at_once(channels);
    let work = Work { isa, x, geometry, layout, taps, at_once, weights, out };
    if many(regions.len()) {
        regions.par_iter().for_each_init(|| work.buffers(), |buffers, region| work.alone(region, buffers));
    } else {
        let mut v = Buffer::new(channels * work.layout.channel_len());
        regions.iter().for_each(|region| work.together(region, &mut v));
    }
}

struct Work<'a> {
    isa: Isa,
    x: &'a Source<'a>,
    geometry: &'a Geometry,
    layout: Layout,
    taps: Vec<Places>,
    /// Channels whose values are held together.
    at_once: usize,
    weights: &'a [f32],
    out: &'a Sink<'a>,
}

/// Buffers of a region at work.
struct Buffers {
    scratch: Scratch,
    /// Input of the channels at work.
    v: Buffer,
    sums: Vec<f32>,
}

impl Work<'_> {
    fn buffers(&self) -> Buffers {
        let v = Buffer::new(self.at_once * self.layout.channel_len());
        Buffers { scratch: Scratch::default(), v, sums: Vec::new() }
    }

    fn blocks(&self) -> Range<usize> {
        0..self.out.channels().div_ceil(BLOCK)
    }

    /// Groups of channels whose values are held together.
    fn groups(&self) -> impl Iterator<Item = Range<usize>> {
        let channels = self.x.channels();
        (0..channels).step_by(self.at_once).map(move |first| first..channels.min(first + self.at_once))
    }

    /// One thread makes a region.
    fn alone(&self, region: &Region, Buffers { scratch, v, sums }: &mut Buffers) {
        let len = self.layout.channel_len();
        for group in self.groups() {
            for (c, v) in group.clone().zip(v.chunks_exact_mut(len)) {
                let next = (c + 1 < self.x.channels()).then(|| self.x.channel(region.sample, c + 1));
                self.layout.fill(self.x.channel(region.sample, c), next, region, scratch, v);
            }
            self.multiply(region, v, group, self.blocks(), sums);
        }
    }

    /// All threads make a region: its input channel by channel, then its output block by block.
    fn together(&self, region: &Region, v: &mut [f32]) {
        let len = self.layout.channel_len();
        v.par_chunks_exact_mut(len).enumerate().for_each_init(Scratch::default, |scratch, (c, v)| {
            self.layout.fill(self.x.channel(region.sample, c), None, region, scratch, v);
        });
        let v = &*v;
        ranges(self.blocks().len()).into_par_iter().for_each_init(Vec::new, |sums, blocks| {
            for group in self.groups() {
                self.multiply(region, &v[group.start * len..], group, blocks.clone(), sums);
            }
        });
    }

    /// Adds the products of a group of channels to the output of some blocks.
    fn multiply(&self, region: &Region, v: &[f32], group: Range<usize>, blocks: Range<usize>, sums: &mut Vec<f32>) {
        let (output, taps) = (self.geometry.output, self.geometry.taps());
        let (count, of_output) = (region.positions(output[2]), self.x.channels() * taps);
        let padded = count.next_multiple_of(WIDEST);
        let in_place = self.layout.vectors_in_place(region);
        let vectors = in_place.clone().unwrap_or_else(|| self.layout.vectors(region));
        let product = Product {
            values: v,
            weights: &[],
            channels: group.len(),
            step: Places { value: self.layout.channel_len(), weight: taps },
            lane: of_output,
            taps: &self.taps,
            vectors: &vectors,
            add: group.start > 0,
        };
        if in_place.is_none() {
            sums.resize(blocks.len() * BLOCK * padded, 0.0);
        }
        for (n, block) in blocks.enumerate() {
            let channels = block * BLOCK..self.out.channels().min((block + 1) * BLOCK);
            let weights = &self.weights[channels.start * of_output + group.start * taps..];
            let product = Product { weights, ..product };
            if in_place.is_some() {
                let outs: Vec<*mut f32> = channels.clone().map(|o| self.out.channel(region.sample, o)).collect();
                // SAFETY: tasks differ in sample, rows or channels, so no other one writes these voxels.
                unsafe { product.write_to(self.isa, &outs, self.out.voxels()) };
                let done = channels.filter(|_| group.end == self.x.channels());
                for (o, at) in done.flat_map(|o| region.planes(output).map(move |at| (o, at))) {
                    // SAFETY: as above.
                    unsafe { self.out.add_up(region.sample, o, at, region.size[1] * output[2]) };
                }
                continue;
            }
            let sums = &mut sums[n * BLOCK * padded..][..channels.len() * padded];
            let mut outs: Vec<&mut [f32]> = sums.chunks_exact_mut(padded).collect();
            product.write(self.isa, &mut outs);
            if group.end < self.x.channels() {
                continue;
            }
            let len = region.size[1] * output[2];
            for (o, sums) in channels.zip(outs) {
                for (at, sums) in region.planes(output).zip(sums.chunks_exact(len)) {
                    // SAFETY: as above.
                    unsafe { self.out.write(region.sample, o, at, sums) };
                }
            }
        }
        self.out.finish();
    }
}
