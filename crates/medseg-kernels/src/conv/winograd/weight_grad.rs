//! The gradient of the weights: the same products, summed over the voxels.

use rayon::prelude::*;

use super::correlation::correlate;
use super::grad_rows;
use super::input::{self, Carried, Scratch};
use super::regions::{Cut, Region};
use super::{TAPS, Tile, axis};
use crate::conv::shared::SharedSlice;
use crate::conv::source::Source;
use crate::isa::Isa;
use crate::memory::Buffer;

/// Positions of a region from which reading and writing its sums takes little of the time.
const ENOUGH: usize = 512;
/// Bytes that the sums of all parts may take.
const PARTS_BYTES: usize = 16 << 20;
/// Most parts that the regions are summed in.
const MOST_PARTS: usize = 64;
/// Fewer parts than this are not worth their memory: the threads work on each region together.
const FEW_PARTS: usize = 8;
/// Regions summed in f32 before the sums are added up in f64.
const IN_SINGLE: usize = 16;

/// Gradient of the weights `[out_channels, in_channels, 3, 3, 3]` of a convolution of stride 1, from its input and its output's
/// gradient `[batch, out_channels, output shape]`.
///
/// Sums are in f32 within a few regions and in f64 over them; which sums belong together depends on the shapes alone.
///
/// # Panics
/// If the lengths do not agree, the kernel is larger than the padded input or the tile is not deep.
pub(crate) fn winograd_weight_grad(
    isa: Isa,
    tile: Tile,
    x: &Source<'_>,
    grad: &[f32],
    out_channels: usize,
    padding: [usize; 3],
) -> Vec<f32> {
    let isa = isa.narrowed(out_channels);
    let channels = x.channels();
    let cut = Cut::new(tile, x.shape(), padding, (channels + out_channels).div_ceil(2), ENOUGH);
    assert_eq!(grad.len(), x.batch() * out_channels * cut.output.iter().product::<usize>(), "gradient values");
    let work = Work { isa, cut, x, channels, grad, out_channels };
    let regions = cut.regions(x.batch());
    let parts = (PARTS_BYTES / (12 * work.sums_len())).min(MOST_PARTS).min(regions.len());
    if regions.len() <= IN_SINGLE {
        let mut sums = Buffer::new(work.sums_len());
        sums.fill(0.0);
        work.add(&regions, true, &mut sums);
        return work.weights::<f32>(&sums);
    }
    let sums = if parts < FEW_PARTS {
        work.sum(&regions, true)
    } else {
        let of = |part: usize| &regions[part * regions.len() / parts..(part + 1) * regions.len() / parts];
        let sums: Vec<_> = (0..parts).into_par_iter().map(|part| work.sum(of(part), false)).collect();
        sums.into_iter().reduce(added).expect("a part")
    };
    work.weights(&sums)
}

fn added(mut total: Vec<f64>, part: Vec<f64>) -> Vec<f64> {
    total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
    total
}

struct Work<'a> {
    isa: Isa,
    cut: Cut,
    x: &'a Source<'a>,
    channels: usize,
    grad: &'a [f32],
    out_channels: usize,
}

impl Work<'_> {
    /// Output channels of a block: a vector.
    fn block(&self) -> usize {
        self.isa.lanes()
    }

    fn blocks(&self) -> usize {
        self.out_channels.div_ceil(self.block())
    }

    /// Sums of one block and point: [channel][tap][block].
    fn point_len(&self) -> usize {
        self.channels * TAPS * self.block()
    }

    /// Products of rows a tile.
    fn points(&self) -> usize {
        self.cut.tile.points()
    }

    /// Sums of all: [block of output channels][point][channel][tap][block].
    fn sums_len(&self) -> usize {
        self.blocks() * self.points() * self.point_len()
    }

    /// Positions of a region: the flat ones, made even.
    fn positions(&self, of: &Region) -> usize {
        self.cut.rows(of).next_multiple_of(2)
    }

    /// Sums over some regions, by one thread or by all `together`.
    fn sum(&self, regions: &[Region], together: bool) -> Vec<f64> {
        let mut total = vec![0.0f64; self.sums_len()];
        let mut single = Buffer::new(self.sums_len());
        single.fill(0.0);
        for regions in regions.chunks(IN_SINGLE) {
            self.add(regions, together, &mut single);
            total.iter_mut().zip(&mut *single).for_each(|(total, sum)| *total += f64::from(std::mem::take(sum)));
        }
        total
    }

    /// Adds the sums over a few regions.
    fn add(&self, regions: &[Region], together: bool, sums: &mut [f32]) {
        let mut v = Buffer::new(self.cut.len(self.channels));
        let most = regions.iter().map(|of| self.positions(of)).max().unwrap_or(0);
        let mut g = Buffer::new(self.blocks() * self.points() * most * self.block());
        for of in regions {
            if together {
                self.region_together(of, &mut v, &mut g, sums);
            } else {
                self.region(of, &mut v, &mut g, sums);
            }
        }
    }

    fn region(&self, of: &Region, v: &mut [f32], g: &mut [f32], sums: &mut [f32]) {
        let positions = self.positions(of);
        let of_block = self.points() * positions * self.block();
        let g = &mut g[..self.blocks() * of_block];
        let (mut scratch, mut rows) = (Scratch::default(), Vec::new());
        let shared = SharedSlice::new(v);
        for c in 0..self.channels {
            // SAFETY: nobody else has the buffer.
            unsafe { self.input(of, c, &mut scratch, &shared) };
        }
        for (block, g) in g.chunks_exact_mut(of_block).enumerate() {
            self.grad_rows(of, block, &mut rows, g);
        }
        for (task, sums) in sums.chunks_exact_mut(self.point_len()).enumerate() {
            self.correlate(task, v, &g[task * positions * self.block()..][..positions * self.block()], sums);
        }
    }

    fn region_together(&self, of: &Region, v: &mut [f32], g: &mut [f32], sums: &mut [f32]) {
        let positions = self.positions(of);
        let of_block = self.points() * positions * self.block();
        let g = &mut g[..self.blocks() * of_block];
        let shared = SharedSlice::new(v);
        (0..self.channels).into_par_iter().for_each_init(Scratch::default, |scratch, c| {
            // SAFETY: each task has a channel of its own.
            unsafe { self.input(of, c, scratch, &shared) };
        });
        g.par_chunks_exact_mut(of_block)
            .enumerate()
            .for_each_init(Vec::new, |rows, (block, g)| self.grad_rows(of, block, rows, g));
        let (v, g) = (&*v, &*g);
        sums.par_chunks_exact_mut(self.point_len()).enumerate().for_each(|(task, sums)| {
            self.correlate(task, v, &g[task * positions * self.block()..][..positions * self.block()], sums);
        });
    }

    /// One channel of transformed input.
    ///
    /// # Safety
    /// No other task uses this channel of any point.
    unsafe fn input(&self, of: &Region, c: usize, scratch: &mut Scratch, v: &SharedSlice<'_>) {
        let (channel, point_len) = (self.x.channel(of.sample, c), self.cut.point_len(self.channels));
        // SAFETY: the caller's promise.
        unsafe {
            input::transform(self.isa, &self.cut, of, channel, &mut Carried::nothing(), scratch, v, c, point_len)
        };
    }

    fn grad_rows(&self, of: &Region, block: usize, scratch: &mut Vec<f32>, g: &mut [f32]) {
        let voxels: usize = self.cut.output.iter().product();
        let first = block * self.block();
        let count = self.block().min(self.out_channels - first);
        let channels =
            self.grad[(of.sample * self.out_channels + first) * voxels..][..count * voxels].chunks_exact(voxels);
        let channels: Vec<&[f32]> = channels.collect();
        grad_rows::transform(self.isa, &self.cut, of, &channels, self.positions(of), scratch, g);
    }

    /// Adds the products of one block and point.
    fn correlate(&self, task: usize, v: &[f32], g: &[f32], sums: &mut [f32]) {
        let v = &v[task % self.points() * self.cut.point_len(self.channels)..];
        correlate(self.isa, v, self.cut.row_len(), self.channels, g, sums);
    }

    /// Transforms the sums back to `[out_channels, channels, 27]`.
    fn weights<T: Copy + Into<f64> + Sync>(&self, sums: &[T]) -> Vec<f32> {
        match self.cut.tile.rows() {
            2 => self.weights_by::<4, T>(sums),
            _ => self.weights_by::<6, T>(sums),
        }
    }

    /// [`weights`](Self::weights) of a tile of N · N points.
    fn weights_by<const N: usize, T: Copy + Into<f64> + Sync>(&self, sums: &[T]) -> Vec<f32> {
        let (width, point_len) = (self.block(), self.point_len());
        let mut weights = vec![0.0; self.out_channels * self.channels * KERNEL];
        weights.par_chunks_mut(width * self.channels * KERNEL).enumerate().for_each(|(block, weights)| {
            let sums = &sums[block * N * N * point_len..][..N * N * point_len];
            for c in 0..self.channels {
                // Four output channels at a time, whose sums lie side by side.
                for (group, weights) in weights.chunks_mut(4 * self.channels * KERNEL).enumerate() {
                    let at = |point: usize, tap: usize| -> [f64; 4] {
                        let sums = &sums[point * point_len + (c * TAPS + tap) * width + 4 * group..][..4];
                        std::array::from_fn(|lane| sums[lane].into())
                    };
                    let kernels = kernels::<N>(at);
                    for (lane, weights) in weights.chunks_exact_mut(self.channels * KERNEL).enumerate() {
                        let to = &mut weights[c * KERNEL..][..KERNEL];
                        to.iter_mut().zip(&kernels).for_each(|(to, lanes)| *to = lanes[lane] as f32);
                    }
                }
            }
        });
        weights
    }
}

/// Taps of a kernel for one pair of channels.
const KERNEL: usize = Tile::DEEP_TWO.weights();

/// The gradients of four kernels from their sums by point and tap.
fn kernels<const N: usize>(sum: impl Fn(usize, usize) -> [f64; 4]) -> [[f64; 4]; KERNEL] {
    let mut kernels = [[0.0; 4]; KERNEL];
    for tap in 0..TAPS {
        let rows: [[[f64; 4]; 3]; N] =
            std::array::from_fn(|z| axis::weights_grad::<N, 4>(std::array::from_fn(|y| sum(z * N + y, tap))));
        for y in 0..3 {
            for (z, value) in axis::weights_grad::<N, 4>(rows.map(|row| row[y])).into_iter().enumerate() {
                kernels[(z * 3 + y) * 3 + tap] = value;
            }
        }
    }
    kernels
}
