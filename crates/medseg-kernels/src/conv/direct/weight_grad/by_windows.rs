//! Vectors of weights, with copies of the window of every position, multiplied with single values of the gradient.

use std::ops::Range;

use super::{Sums, Way};
use crate::conv::direct::geometry::Geometry;
use crate::conv::direct::layout::{Layout, Scratch};
use crate::conv::direct::product::{BLOCK, Places, Product, Vector};
use crate::conv::direct::region::{Region, region_size};
use crate::conv::source::Source;
use crate::isa::{Isa, vectorised};
use crate::memory::Buffer;

/// Weights of an output channel that are summed together.
const WEIGHTS: usize = 512;
/// Values of the windows of a region.
const CACHED: usize = 1 << 17;
/// Most positions of a region.
const POSITIONS: usize = 1024;
/// Most values that a short row of a window is copied with.
const COPIED: usize = 8;

pub(super) struct ByWindows<'a> {
    isa: Isa,
    x: &'a Source<'a>,
    grad: &'a [f32],
    geometry: &'a Geometry,
    out_channels: usize,
    /// Planes and rows of a region.
    size: [usize; 2],
    regions: Vec<Region>,
}

impl<'a> ByWindows<'a> {
    pub fn new(isa: Isa, x: &'a Source<'a>, grad: &'a [f32], geometry: &'a Geometry, out_channels: usize) -> Self {
        let weights = (x.channels() * geometry.taps()).min(WEIGHTS.max(geometry.taps()));
        let most = (CACHED / (weights + COPIED)).min(POSITIONS);
        let size = region_size(geometry.output, most, [0; 2], [1; 2], None);
        let regions = Region::all(x.batch(), geometry.output, size);
        Self { isa, x, grad, geometry, out_channels, size, regions }
    }

    /// Weights of so many channels, filled up to whole vectors.
    fn padded(&self, channels: usize) -> usize {
        (channels * self.geometry.taps() + COPIED).next_multiple_of(self.isa.lanes())
    }

    /// The layout of what all windows of a region meet: padded, with a stride of 1.
    fn met(&self) -> Layout {
        let Geometry { input, kernel, stride, padding, output } = *self.geometry;
        let met = [self.size[0], self.size[1], output[2]];
        let met: [usize; 3] = std::array::from_fn(|a| (met[a] - 1) * stride[a] + kernel[a]);
        let geometry = Geometry { input, kernel: [1; 3], stride: [1; 3], padding, output: met };
        Layout::of_box(self.isa, &geometry)
    }
}

impl Way for ByWindows<'_> {
    fn regions(&self) -> usize {
        self.regions.len()
    }

    fn channels_at_once(&self) -> usize {
        (WEIGHTS / self.geometry.taps()).max(1)
    }

    fn sum(&self, channels: Range<usize>, regions: Range<usize>) -> Sums {
        let (layout, padded, of_pair) = (self.met(), self.padded(channels.len()), self.geometry.taps());
        let mut sums = Sums::new(self.out_channels * padded);
        let mut values = vec![0.0; layout.channel_len()];
        let mut windows = Buffer::new(self.size[0] * self.size[1] * self.geometry.output[2] * padded);
        let mut scratch = Scratch::default();
        let lanes = self.isa.lanes();
        let vectors: Vec<Vector> =
            (0..channels.len() * of_pair).step_by(lanes).map(|at| Vector { from: at, to: at }).collect();
        let voxels: usize = self.geometry.output.iter().product();
        let mut taps = (None, Vec::new());
        for region in &self.regions[regions] {
            let output = self.geometry.output;
            let count = region.positions(output[2]);
            let Geometry { kernel, stride, .. } = *self.geometry;
            let met = Region {
                sample: region.sample,
                first: std::array::from_fn(|a| region.first[a] * stride[a]),
                size: std::array::from_fn(|a| (region.size[a] - 1) * stride[a] + kernel[a]),
            };
            let window = Window { geometry: self.geometry, region, extent: layout.extent(), padded };
            for (n, c) in channels.clone().enumerate() {
                layout.fill(self.x.channel(region.sample, c), None, &met, &mut scratch, &mut values);
                copy_windows(&window, &values, &mut windows[n * of_pair..]);
            }
            let first = region.planes(output).next().unwrap_or(0);
            if taps.0 != Some(region.size) {
                let of_plane = |at: usize| at - first..at - first + region.size[1] * output[2];
                let voxels = region.planes(output).flat_map(of_plane).enumerate();
                let places = voxels.map(|(n, at)| Places { value: n * padded, weight: at });
                taps = (Some(region.size), places.collect());
            }
            let (sums, add) = sums.single(count);
            for (block, sums) in sums.chunks_mut(BLOCK * padded).enumerate() {
                let channel = region.sample * self.out_channels + block * BLOCK;
                let product = Product {
                    values: &windows,
                    weights: &self.grad[channel * voxels + first..],
                    channels: 1,
                    step: Places::default(),
                    lane: voxels,
                    taps: &taps.1,
                    vectors: &vectors,
                    add,
                };
                let mut outs: Vec<&mut [f32]> = sums.chunks_exact_mut(padded).collect();
                product.write(self.isa, &mut outs);
            }
        }
        sums
    }

    fn weights(&self, channels: &Range<usize>, sums: &Sums, out_channel: usize, to: &mut [f32]) {
        let first = out_channel * self.padded(channels.len());
        sums.write(first, 1, to);
    }
}

/// The windows of a region's positions.
struct Window<'a> {
    geometry: &'a Geometry,
    region: &'a Region,
    /// Planes, rows and values of a row of what they meet.
    extent: [usize; 3],
    /// From one position's window to the next.
    padded: usize,
}

vectorised! {
    /// Copies one channel of the window of every position. Short rows take a few values with them, in the place of what is
    /// copied next or of nothing.
    fn copy_windows(window: &Window<'_>, from: &[f32], to: &mut [f32]) {
        let Window { geometry: Geometry { kernel, stride, output, .. }, region, extent, padded } = *window;
        let mut at = 0;
        for (z, y) in (0..region.size[0]).flat_map(|z| (0..region.size[1]).map(move |y| (z, y))) {
            let from = &from[(z * stride[0] * extent[1] + y * stride[1]) * extent[2]..];
            let mut run = at;
            for (kz, ky) in (0..kernel[0]).flat_map(|kz| (0..kernel[1]).map(move |ky| (kz, ky))) {
                let from = &from[(kz * extent[1] + ky) * extent[2]..];
                let windows = to[run..].chunks_mut(padded).take(output[2]).enumerate();
                match kernel[2] {
                    1 => windows.for_each(|(x, to)| to[0] = from[x * stride[2]]),
                    2..=4 => windows.for_each(|(x, to)| to[..4].copy_from_slice(&from[x * stride[2]..][..4])),
                    5..=COPIED => {
                        windows.for_each(|(x, to)| to[..COPIED].copy_from_slice(&from[x * stride[2]..][..COPIED]));
                    }
                    width => windows.for_each(|(x, to)| to[..width].copy_from_slice(&from[x * stride[2]..][..width])),
                }
                run += kernel[2];
            }
            at += output[2] * padded;
        }
    }
}
