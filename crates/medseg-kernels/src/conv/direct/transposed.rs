//! The transposed convolution, which is the gradient of a convolution's input.
//!
//! Positions of the result with one remainder by the stride along each axis are a phase: they share their taps, and meet
//! consecutive values of what is spread. The phases along the width are computed one after the other and written together.

use rayon::prelude::*;

use super::geometry::Geometry;
use super::layout::{Layout, Scratch};
use super::product::{BLOCK, Places, Product, Vector};
use super::region::Region;
use super::threads::{many, ranges};
use crate::conv::sink::Sink;
use crate::conv::source::Source;
use crate::isa::{Isa, WIDEST, vectorised};
use crate::memory::Buffer;

/// Regions up to which weights are not packed once for all, but in the cache of the thread that uses them next.
const FEW: usize = 3;
/// Positions of such a region from which that is worth it: fewer are multiplied with weights as they lie.
const WORTH_PACKING: usize = 128;

/// Spreads `x` `[batch, from, output]` over the convolution's input positions with weights `[from, to, kernel]`; writes
/// all of `out` `[batch, to, input]`.
///
/// # Panics
/// If the lengths do not agree.
pub(crate) fn transposed(isa: Isa, x: &Source<'_>, geometry: &Geometry, weights: &[f32], out: &Sink<'_>) {
    let (channels, out_channels) = (x.channels(), out.channels());
    assert_eq!(weights.len(), channels * out_channels * geometry.taps(), "weights");
    assert_eq!((x.shape(), out.voxels()), (geometry.output, geometry.input.iter().product()), "shapes");
    let axes = [0, 1, 2].map(|axis| Axis::new(geometry, axis));
    // What the positions of all phases meet is what a window of stride 1 does.
    let met = Geometry {
        input: geometry.output,
        kernel: axes.each_ref().map(|axis| axis.reach),
        stride: [1; 3],
        padding: axes.each_ref().map(|axis| axis.padding),
        output: std::array::from_fn(|a| geometry.input[a].div_ceil(geometry.stride[a])),
    };
    let written = out_channels * geometry.taps().div_ceil(met.taps());
    let layout = Layout::new(isa, &met, x.batch(), channels, written, true);
    let regions = Region::all(x.batch(), met.output, layout.size);
    let phases = phases(&axes, geometry, &layout);
    let work = Work { isa, x, geometry, positions: met.output, layout, phases, weights, out };
    let blocks = work.blocks();
    let mut packed = None;
    if many(regions.len()) || regions.len() > FEW {
        let mut weights = Buffer::new(blocks * work.block_len());
        weights.par_chunks_exact_mut(work.block_len()).enumerate().for_each(|(block, to)| work.pack(block, to));
        packed = Some(weights);
    }
    let packed = packed.as_deref();
    if many(regions.len()) {
        regions.par_iter().for_each_init(
            || (Scratch::default(), Buffer::new(channels * work.layout.channel_len()), Vec::new()),
            |(scratch, v, sums), region| {
                for (c, v) in v.chunks_exact_mut(work.layout.channel_len()).enumerate() {
                    let next = (c + 1 < channels).then(|| x.channel(region.sample, c + 1));
                    work.layout.fill(x.channel(region.sample, c), next, region, scratch, v);
                }
                for block in 0..blocks {
                    let packed = packed.map(|packed| &packed[block * work.block_len()..]);
                    work.block(region, v, block, packed, sums);
                }
            },
        );
    } else {
        let mut v = Buffer::new(channels * work.layout.channel_len());
        regions.iter().for_each(|region| work.together(region, &mut v, packed));
    }
}

/// The phases along an axis.
struct Axis {
    /// The taps that the positions `first + j · stride` of each phase meet, and where: output `j + offset - padding`.
    phases: Vec<Vec<(usize, usize)>>,
    /// One more than the largest offset.
    reach: usize,
    padding: usize,
}

impl Axis {
    fn new(geometry: &Geometry, axis: usize) -> Self {
        let (kernel, stride, padding) = (geometry.kernel[axis], geometry.stride[axis], geometry.padding[axis]);
        let of = |first: usize| -> Vec<(usize, isize)> {
            let met = (0..kernel).filter(|tap| (first + padding) % stride == tap % stride);
            // Exact: the difference is a multiple of the stride.
            met.map(|tap| (tap, ((first + padding) as isize - tap as isize) / stride as isize)).collect()
        };
        let phases: Vec<_> = (0..stride.min(geometry.input[axis])).map(of).collect();
        let offsets = || phases.iter().flatten().map(|(_, offset)| *offset);
        let before = offsets().min().unwrap_or(0).min(0);
        let reach = (offsets().max().unwrap_or(0).max(0) - before) as usize + 1;
        let from_start = |(tap, offset): &(usize, isize)| (*tap, (offset - before) as usize);
        let phases = phases.iter().map(|taps| taps.iter().map(from_start).collect()).collect();
        Self { phases, reach, padding: before.unsigned_abs() }
    }
}

/// The phases along the width that one along depth and height has.
struct Phases {
    /// First plane and row.
    first: [usize; 2],
    columns: Vec<Phase>,
}

/// Positions that share their taps.
struct Phase {
    /// The taps' numbers.
    taps: Vec<usize>,
    /// The taps among the values, and among the packed weights of one channel.
    places: Vec<Places>,
    /// The taps among the values, and among the weights of a pair of channels.
    unpacked: Vec<Places>,
    /// Packed weights of a block of channels before this phase's, as a number of taps.
    before: usize,
}

fn phases([planes, rows, columns]: &[Axis; 3], geometry: &Geometry, layout: &Layout) -> Vec<Phases> {
    let [_, height, width] = geometry.kernel;
    let mut before = 0;
    let mut column = |z: &[(usize, usize)], y: &[(usize, usize)], x: &[(usize, usize)]| {
        let (mut taps, mut places) = (Vec::new(), Vec::new());
        for (tz, dz) in z {
            for (ty, dy) in y {
                for (tx, dx) in x {
                    places.push(Places { value: layout.place([*dz, *dy, *dx]), weight: taps.len() * BLOCK });
                    taps.push((tz * height + ty) * width + tx);
                }
            }
        }
        before += taps.len();
        let unpacked = taps.iter().zip(&places).map(|(tap, place)| Places { weight: *tap, ..*place }).collect();
        Phase { before: before - taps.len(), taps, places, unpacked }
    };
    let mut phases = Vec::new();
    for (pz, z) in planes.phases.iter().enumerate() {
        for (py, y) in rows.phases.iter().enumerate() {
            let columns = columns.phases.iter().map(|x| column(z, y, x)).collect();
            phases.push(Phases { first: [pz, py], columns });
        }
    }
    phases
}

/// The place of a tap among the packed weights of a block.
struct PackedTap {
    tap: usize,
    /// Of the first channel read.
    to: usize,
    /// From one channel read to the next.
    step: usize,
}

struct Work<'a> {
    isa: Isa,
    x: &'a Source<'a>,
    geometry: &'a Geometry,
    /// Positions of a phase, and one more where the phases differ.
    positions: [usize; 3],
    layout: Layout,
    phases: Vec<Phases>,
    weights: &'a [f32],
    out: &'a Sink<'a>,
}

impl Work<'_> {
    /// All threads make a region: what is spread channel by channel, then the result block by block.
    fn together(&self, region: &Region, v: &mut [f32], packed: Option<&[f32]>) {
        v.par_chunks_exact_mut(self.layout.channel_len())
            .enumerate()
            .for_each_init(Scratch::default, |scratch, (c, v)| {
                self.layout.fill(self.x.channel(region.sample, c), None, region, scratch, v)
            });
        let v = &*v;
        let pack = packed.is_none() && region.positions(self.positions[2]) >= WORTH_PACKING;
        ranges(self.blocks()).into_par_iter().for_each_init(
            || (vec![0.0; if pack { self.block_len() } else { 0 }], Vec::new()),
            |(own, sums), blocks| {
                for block in blocks {
                    if pack {
                        self.pack(block, own);
                        self.block(region, v, block, Some(own), sums);
                    } else {
                        let packed = packed.map(|packed| &packed[block * self.block_len()..]);
                        self.block(region, v, block, packed, sums);
                    }
                }
            },
        );
    }

    /// Blocks of channels that are written.
    fn blocks(&self) -> usize {
        self.out.channels().div_ceil(BLOCK)
    }

    /// Packed weights of a block of channels: [phase][channel read][tap of the phase][BLOCK].
    fn block_len(&self) -> usize {
        self.x.channels() * self.geometry.taps() * BLOCK
    }

    /// Packs the weights of a block of channels.
    fn pack(&self, block: usize, to: &mut [f32]) {
        let (channels, of_pair, out_channels) = (self.x.channels(), self.geometry.taps(), self.out.channels());
        let lanes = BLOCK.min(out_channels - block * BLOCK);
        let from = &self.weights[block * BLOCK * of_pair..];
        let mut taps = Vec::new();
        for phase in self.phases.iter().flat_map(|phases| &phases.columns) {
            for (n, tap) in phase.taps.iter().enumerate() {
                let to = (channels * phase.before + n) * BLOCK;
                taps.push(PackedTap { tap: *tap, to, step: phase.taps.len() * BLOCK });
            }
        }
        pack_taps(from, [channels, out_channels * of_pair, of_pair, lanes], &taps, to);
    }

    /// Writes a block of channels of all phases, with its packed weights or those that lie unpacked.
    fn block(&self, region: &Region, v: &[f32], block: usize, packed: Option<&[f32]>, sums: &mut Vec<f32>) {
        let count = region.positions(self.positions[2]);
        let (channels, padded) = (self.x.channels(), count.next_multiple_of(WIDEST));
        let vectors: &[Vector] = &self.layout.vectors(region);
        let (lanes, of_pair) = (BLOCK.min(self.out.channels() - block * BLOCK), self.geometry.taps());
        let columns = self.geometry.stride[2].min(self.geometry.input[2]);
        sums.resize(columns * BLOCK * padded, 0.0);
        for phases in &self.phases {
            for (phase, sums) in phases.columns.iter().zip(sums.chunks_exact_mut(BLOCK * padded)) {
                let value = self.layout.channel_len();
                let product = match packed {
                    Some(packed) => Product {
                        values: v,
                        weights: &packed[channels * phase.before * BLOCK..],
                        channels,
                        step: Places { value, weight: phase.taps.len() * BLOCK },
                        lane: 1,
                        taps: &phase.places,
                        vectors,
                        add: false,
                    },
                    None => Product {
                        values: v,
                        weights: &self.weights[block * BLOCK * of_pair..],
                        channels,
                        step: Places { value, weight: self.out.channels() * of_pair },
                        lane: of_pair,
                        taps: &phase.unpacked,
                        vectors,
                        add: false,
                    },
                };
                let mut outs: Vec<&mut [f32]> = sums.chunks_exact_mut(padded).take(lanes).collect();
                product.write(self.isa, &mut outs);
            }
            for lane in 0..lanes {
                self.spread(region, phases.first, block * BLOCK + lane, &sums[lane * padded..], BLOCK * padded);
            }
        }
    }

    /// Writes the rows of one channel to their places; `sums` holds the phases along the width, `step` values apart.
    fn spread(&self, region: &Region, first: [usize; 2], channel: usize, sums: &[f32], step: usize) {
        let (Geometry { input: [depth, height, width], stride, .. }, positions) = (*self.geometry, self.positions[2]);
        for row in 0..region.size[0] * region.size[1] {
            let at = [row / region.size[1], row % region.size[1]];
            let [z, y]: [usize; 2] = std::array::from_fn(|a| (region.first[a] + at[a]) * stride[a] + first[a]);
            if z >= depth || y >= height {
                continue;
            }
            // SAFETY: tasks differ in sample, row or channel, so no other one writes this row.
            let to = unsafe { self.out.part(region.sample, channel, (z * height + y) * width, width) };
            interleave(&sums[row * positions..], step, stride[2], to);
        }
    }
}

vectorised! {
    /// Packs weights `[channel][lane][tap]`, `step` apart from one channel to the next, for BLOCK lanes side by side.
    fn pack_taps(from: &[f32], sizes: [usize; 4], taps: &[PackedTap], to: &mut [f32]) {
        let [channels, step, of_pair, lanes] = sizes;
        for c in 0..channels {
            let from = &from[c * step..][..lanes * of_pair];
            for PackedTap { tap, to: at, step } in taps {
                let to: &mut [f32] = &mut to[at + c * step..][..BLOCK];
                if lanes == BLOCK {
                    let packed: [f32; BLOCK] = std::array::from_fn(|lane| from[lane * of_pair + tap]);
                    to.copy_from_slice(&packed);
                } else {
                    to.iter_mut().zip(from.chunks_exact(of_pair)).for_each(|(to, from)| *to = from[*tap]);
                }
            }
        }
    }

    /// Writes a row out of the rows of its phases, which begin `step` values apart.
    fn interleave(rows: &[f32], step: usize, stride: usize, to: &mut [f32]) {
        match stride {
            1 => to.copy_from_slice(&rows[..to.len()]),
            2 if to.len() > 1 => {
                let (even, odd) = (&rows[..to.len().div_ceil(2)], &rows[step..][..to.len() / 2]);
                if to.len() % 2 == 1 {
                    to[to.len() - 1] = even[even.len() - 1];
                }
                for ((to, even), odd) in to.chunks_exact_mut(2).zip(even).zip(odd) {
                    to[0] = *even;
                    to[1] = *odd;
                }
            }
            _ => {
                for (x, to) in to.iter_mut().enumerate() {
                    *to = rows[x % stride * step + x / stride];
                }
            }
        }
    }
}
