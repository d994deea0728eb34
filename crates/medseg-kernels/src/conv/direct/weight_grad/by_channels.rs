//! Vectors of output channels, multiplied with single values of the input.

use std::ops::Range;

use super::{Sums, Way};
use crate::conv::direct::geometry::Geometry;
use crate::conv::direct::layout::{Layout, Scratch};
use crate::conv::direct::product::{BLOCK, Places, Product, Vector};
use crate::conv::direct::region::Region;
use crate::conv::source::Source;
use crate::isa::{Isa, vectorised};

/// Positions of a region.
const POSITIONS: usize = 256;
/// Values of a region's input that are held together.
const CACHED: usize = 3 << 16;

pub(super) struct ByChannels<'a> {
    isa: Isa,
    x: &'a Source<'a>,
    grad: &'a [f32],
    geometry: &'a Geometry,
    out_channels: usize,
    /// Output channels, filled up to whole vectors.
    padded: usize,
    layout: Layout,
    regions: Vec<Region>,
    vectors: Vec<Vector>,
}

impl<'a> ByChannels<'a> {
    pub fn new(isa: Isa, x: &'a Source<'a>, grad: &'a [f32], geometry: &'a Geometry, out_channels: usize) -> Self {
        let isa = isa.narrowed(out_channels);
        let layout = Layout::uncopied(isa, geometry, POSITIONS);
        let regions = Region::all(x.batch(), geometry.output, layout.size);
        let padded = out_channels.next_multiple_of(isa.lanes());
        let vectors = (0..padded).step_by(isa.lanes()).map(|at| Vector { from: at, to: at }).collect();
        Self { isa, x, grad, geometry, out_channels, padded, layout, regions, vectors }
    }

    /// Stores the gradient of a region as [position][padded].
    fn gradient(&self, region: &Region, to: &mut Vec<f32>) {
        let voxels = self.geometry.output.iter().product::<usize>();
        let width = self.geometry.output[2];
        to.resize(region.positions(width) * self.padded, 0.0);
        let of_sample = &self.grad[region.sample * self.out_channels * voxels..][..self.out_channels * voxels];
        let of_plane = to.chunks_exact_mut(region.size[1] * width * self.padded);
        for (at, to) in region.planes(self.geometry.output).zip(of_plane) {
            transpose(of_sample, voxels, at, self.padded, to);
        }
    }
}

impl Way for ByChannels<'_> {
    fn regions(&self) -> usize {
        self.regions.len()
    }

    fn channels_at_once(&self) -> usize {
        (CACHED / self.layout.channel_len() / BLOCK * BLOCK).max(BLOCK)
    }

    fn sum(&self, channels: Range<usize>, regions: Range<usize>) -> Sums {
        let (len, padded, places) = (self.layout.channel_len(), self.padded, self.geometry.places());
        let mut sums = Sums::new(places.len() * channels.len() * padded);
        let (mut v, mut gradient) = (vec![0.0; channels.len() * len], Vec::new());
        let mut scratch = Scratch::default();
        for region in &self.regions[regions] {
            self.gradient(region, &mut gradient);
            for (c, v) in channels.clone().zip(v.chunks_exact_mut(len)) {
                let next = (c + 1 < channels.end).then(|| self.x.channel(region.sample, c + 1));
                self.layout.fill(self.x.channel(region.sample, c), next, region, &mut scratch, v);
            }
            let positions = self.layout.region_positions(region).enumerate();
            let taps: Vec<Places> = positions.map(|(n, at)| Places { value: n * padded, weight: at }).collect();
            let (sums, add) = sums.single(taps.len());
            for (place, sums) in places.iter().zip(sums.chunks_exact_mut(channels.len() * padded)) {
                for (block, sums) in sums.chunks_mut(BLOCK * padded).enumerate() {
                    let product = Product {
                        values: &gradient,
                        weights: &v[block * BLOCK * len + self.layout.place(*place)..],
                        channels: 1,
                        step: Places::default(),
                        lane: len,
                        taps: &taps,
                        vectors: &self.vectors,
                        add,
                    };
                    let mut outs: Vec<&mut [f32]> = sums.chunks_exact_mut(padded).collect();
                    product.write(self.isa, &mut outs);
                }
            }
        }
        sums
    }

    fn weights(&self, channels: &Range<usize>, sums: &Sums, out_channel: usize, to: &mut [f32]) {
        let of_tap = channels.len() * self.padded;
        for (c, to) in to.chunks_exact_mut(self.geometry.taps()).enumerate() {
            sums.write(c * self.padded + out_channel, of_tap, to);
        }
    }
}

vectorised! {
    /// Stores channels `[voxels]` from voxel `at` as [position][padded]; the values beyond the channels stay as they are.
    fn transpose(channels: &[f32], voxels: usize, at: usize, padded: usize, to: &mut [f32]) {
        const SIDE: usize = 16;
        let count = channels.len() / voxels;
        let positions = to.len() / padded;
        for first in (0..count).step_by(SIDE) {
            let lanes = SIDE.min(count - first);
            let from = &channels[first * voxels + at..];
            if lanes < SIDE {
                for (n, to) in to.chunks_exact_mut(padded).enumerate() {
                    for (lane, to) in to[first..first + lanes].iter_mut().enumerate() {
                        *to = from[lane * voxels + n];
                    }
                }
                continue;
            }
            for (n, to) in to.chunks_exact_mut(padded).enumerate().take(positions) {
                let to: &mut [f32; SIDE] = (&mut to[first..first + SIDE]).try_into().expect("its length");
                *to = std::array::from_fn(|lane| from[lane * voxels + n]);
            }
        }
    }
}
