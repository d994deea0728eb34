//! The convolution out of its three steps.

use rayon::prelude::*;

use super::arithmetic::Arithmetic;
use super::input::{self, Scratch};
use super::product::products;
use super::regions::{Cut, Region};
use super::{BLOCK, TAPS, Tile, half, output, tiles};
use crate::conv::sink::Sink;
use crate::conv::source::Source;
use crate::isa::Isa;
use crate::memory::Buffer;

/// Fewer regions than this are worked on by several threads each.
const MANY: usize = 32;

/// Convolves with weights of [`transformed`](super::transformed) for the same arithmetic and tile; stride 1. Writes all of `out`.
///
/// # Panics
/// If the lengths do not agree or the kernel is larger than the padded input.
pub(crate) fn winograd(
    isa: Isa,
    arithmetic: Arithmetic,
    tile: Tile,
    x: &Source<'_>,
    weights: &[f32],
    padding: [usize; 3],
    out: &Sink<'_>,
) {
    let out_channels = out.channels();
    let rows = arithmetic.rows(x.channels());
    assert!(cfg!(test) || arithmetic.available(), "this processor has no instructions for {arithmetic:?}");
    let cut = Cut::new(tile, x.shape(), padding, rows);
    let of_point = arithmetic.weight_rows(x.channels()) * TAPS * BLOCK;
    assert_eq!(weights.len(), out_channels.div_ceil(BLOCK) * tile.points() * of_point, "weights");
    let regions = cut.regions(x.batch());
    let work = Work { isa, arithmetic, cut, x, rows, weights, of_point, out_channels, out };
    if regions.len() >= MANY {
        regions.par_iter().for_each_init(|| work.buffers(1), |buffers, of| work.alone(of, buffers));
    } else {
        let mut buffers = work.buffers(work.blocks());
        regions.iter().for_each(|of| work.together(of, &mut buffers));
    }
}

struct Work<'a> {
    isa: Isa,
    arithmetic: Arithmetic,
    cut: Cut,
    x: &'a Source<'a>,
    /// Rows of transformed input: channels, or pairs of them.
    rows: usize,
    weights: &'a [f32],
    /// Weights of one point and block.
    of_point: usize,
    out_channels: usize,
    out: &'a Sink<'a>,
}

/// Buffers of a region at work.
struct Buffers {
    input: Input,
    rows: Vec<f32>,
    /// Transformed input [row][point][flat stride].
    v: Buffer,
    /// Products [point][block][BLOCK][flat stride].
    m: Buffer,
}

/// Buffers of the input's transform.
#[derive(Default)]
struct Input {
    scratch: Scratch,
    pair: [Vec<f32>; 2],
}

impl Work<'_> {
    /// Blocks of output channels.
    fn blocks(&self) -> usize {
        self.out_channels.div_ceil(BLOCK)
    }

    /// Buffers for the products of so many blocks.
    fn buffers(&self, blocks: usize) -> Buffers {
        let v = Buffer::new(self.rows * self.cut.channel_len());
        let m = Buffer::new(self.cut.tile.points() * blocks * BLOCK * self.cut.flat_stride());
        Buffers { input: Input::default(), rows: Vec::new(), v, m }
    }

    /// One thread makes a region: input, products and output of one block of channels after the other stay in its cache.
    fn alone(&self, of: &Region, Buffers { input, rows, v, m }: &mut Buffers) {
        for (row, v) in v.chunks_exact_mut(self.cut.channel_len()).enumerate() {
            self.input_row(of, row, input, v);
        }
        let of_point = BLOCK * self.cut.flat_stride();
        for block in 0..self.blocks() {
            for (point, m) in m.chunks_exact_mut(of_point).enumerate() {
                self.products(of, v, block, point, m);
            }
            self.block_out(of, block, m, of_point, rows);
        }
    }

    /// All threads make a region, step by step; for the deep levels, whose weights are larger than the volume.
    fn together(&self, of: &Region, Buffers { v, m, .. }: &mut Buffers) {
        v.par_chunks_exact_mut(self.cut.channel_len()).enumerate().for_each_init(Input::default, |input, (row, v)| {
            self.input_row(of, row, input, v);
        });
        let v = &**v;
        let blocks = self.blocks();
        let of_point = BLOCK * self.cut.flat_stride();
        m.par_chunks_exact_mut(of_point).enumerate().for_each(|(task, m)| {
            self.products(of, v, task % blocks, task / blocks, m);
        });
        (0..blocks).into_par_iter().for_each_init(Vec::new, |rows, block| {
            self.block_out(of, block, &m[block * of_point..], blocks * of_point, rows);
        });
    }

    /// One row of transformed input.
    fn input_row(&self, of: &Region, row: usize, Input { scratch, pair }: &mut Input, v: &mut [f32]) {
        match self.arithmetic {
            Arithmetic::F32 => self.transform(of, row, scratch, v),
            Arithmetic::Bf16 | Arithmetic::Bf16Tiles => {
                for (n, values) in pair.iter_mut().enumerate() {
                    values.resize(self.cut.channel_len(), 0.0);
                    if 2 * row + n < self.x.channels() {
                        self.transform(of, 2 * row + n, scratch, values);
                    } else {
                        values.fill(0.0);
                    }
                }
                half::pack(&pair[0], &pair[1], v);
            }
        }
    }

    fn transform(&self, of: &Region, c: usize, scratch: &mut Scratch, v: &mut [f32]) {
        let next = (c + 1 < self.x.channels()).then(|| self.x.channel(of.sample, c + 1));
        input::transform(self.isa, &self.cut, of, self.x.channel(of.sample, c), next, scratch, v);
    }

    /// The products of one point with one block of output channels: `m` [BLOCK][flat stride].
    fn products(&self, of: &Region, v: &[f32], block: usize, point: usize, m: &mut [f32]) {
        let m_stride = self.cut.flat_stride();
        let weights = &self.weights[(block * self.cut.tile.points() + point) * self.of_point..][..self.of_point];
        let (v, v_stride) = (&v[point * m_stride..], self.cut.channel_len());
        let (rows, flat) = (self.rows, self.cut.flat(of));
        if self.arithmetic == Arithmetic::Bf16Tiles {
            return tiles::Product { v, v_stride, rows, weights, flat, m_stride }.write(m);
        }
        let lanes = BLOCK.min(self.out_channels - block * BLOCK);
        products(self.isa, self.arithmetic, v, v_stride, weights, flat, m, m_stride, lanes);
    }

    /// Writes the channels of a block; `m` [POINTS][BLOCK][flat stride] with `point_stride` between the points.
    fn block_out(&self, of: &Region, block: usize, m: &[f32], point_stride: usize, rows: &mut Vec<f32>) {
        for lane in 0..BLOCK.min(self.out_channels - block * BLOCK) {
            let m = &m[lane * self.cut.flat_stride()..];
            output::transform(self.isa, &self.cut, of, m, point_stride, rows, block * BLOCK + lane, self.out);
        }
    }
}
