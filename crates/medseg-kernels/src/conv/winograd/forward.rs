//! The convolution out of its three steps.

use rayon::prelude::*;

use super::input::{self, Carried, Scratch};
use super::product::products;
use super::regions::{Cut, Region, Vectors};
use super::{BLOCK, TAPS, Tile, output};
use crate::conv::shared::SharedSlice;
use crate::conv::sink::Sink;
use crate::conv::source::Source;
use crate::conv::{Arithmetic, words};
use crate::isa::{Isa, WIDEST};
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
    let cut = Cut::new(tile, x.shape(), padding, rows, tile.enough());
    let of_point = arithmetic.rows(x.channels()) * TAPS * BLOCK;
    assert_eq!(weights.len(), out_channels.div_ceil(BLOCK) * tile.points() * of_point, "weights");
    let regions = cut.regions(x.batch());
    let work = Work { isa, arithmetic, cut, x, rows, weights, of_point, out_channels, out };
    if regions.len() >= MANY {
        let runs = runs(&regions, 4 * rayon::current_num_threads());
        runs.par_iter().for_each_init(|| work.buffers(1), |buffers, run| work.run(run, buffers));
    } else {
        let mut buffers = work.buffers(work.blocks());
        regions.iter().for_each(|of| work.together(of, &mut buffers));
    }
}

/// Regions that follow each other along the height, in `wanted` runs or more where there are as many regions.
fn runs(regions: &[Region], wanted: usize) -> Vec<&[Region]> {
    let columns: Vec<_> = regions.chunk_by(|a, b| a.first[1] < b.first[1]).collect();
    let parts = wanted.div_ceil(columns.len());
    columns.into_iter().flat_map(|column| column.chunks(column.len().div_ceil(parts))).collect()
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
    /// Transformed input [point][row][values].
    v: Buffer,
    /// Sums of products [point][block][BLOCK][values].
    m: Buffer,
}

/// Buffers of the input's transform.
#[derive(Default)]
struct Input {
    scratch: Scratch,
    pair: [Vec<f32>; 2],
    /// Rows of every channel that the next region reads too, if regions follow each other.
    carried: Vec<f32>,
    from_above: bool,
}

impl Work<'_> {
    /// Blocks of output channels.
    fn blocks(&self) -> usize {
        self.out_channels.div_ceil(BLOCK)
    }

    /// Values from one point of transformed input to the next.
    fn point_len(&self) -> usize {
        self.cut.point_len(self.rows)
    }

    /// The vectors that cover a region; tiles cover all its rows as one.
    fn vectors(&self, of: &Region) -> Vectors {
        match self.arithmetic {
            Arithmetic::Bf16 | Arithmetic::Bf16Tiles => self.cut.vectors(of, WIDEST),
            Arithmetic::F32 => self.cut.vectors(of, self.isa.lanes()),
        }
    }

    /// Buffers for the products of so many blocks.
    fn buffers(&self, blocks: usize) -> Buffers {
        let v = Buffer::new(self.cut.len(self.rows));
        let m = Buffer::new(self.cut.tile.points() * blocks * self.block_len());
        Buffers { input: Input::default(), rows: Vec::new(), v, m }
    }

    /// Values of the sums of one point and block.
    fn block_len(&self) -> usize {
        BLOCK * self.cut.sums_len()
    }

    /// One thread makes regions that follow each other along the height.
    fn run(&self, regions: &[Region], buffers: &mut Buffers) {
        let len = if regions.len() > 1 { self.x.channels() * input::carried_len(&self.cut) } else { 0 };
        buffers.input.carried.resize(len, 0.0);
        for (n, of) in regions.iter().enumerate() {
            buffers.input.from_above = n > 0;
            self.alone(of, buffers);
        }
    }

    /// One thread makes a region: input, products and output of one block of channels after the other stay in its cache.
    fn alone(&self, of: &Region, Buffers { input, rows, v, m }: &mut Buffers) {
        let shared = SharedSlice::new(v);
        for row in 0..self.rows {
            // SAFETY: nobody else has the buffer.
            unsafe { self.input_row(of, row, input, &shared) };
        }
        for block in 0..self.blocks() {
            for (point, m) in m.chunks_exact_mut(self.block_len()).enumerate() {
                self.products(of, v, block, point, m);
            }
            self.block_out(of, block, m, self.block_len(), rows);
        }
    }

    /// All threads make a region, step by step; for the deep levels, whose weights are larger than the volume.
    fn together(&self, of: &Region, Buffers { v, m, .. }: &mut Buffers) {
        let shared = SharedSlice::new(v);
        (0..self.rows).into_par_iter().for_each_init(Input::default, |input, row| {
            // SAFETY: each task has a row of its own.
            unsafe { self.input_row(of, row, input, &shared) };
        });
        let v = &**v;
        let blocks = self.blocks();
        m.par_chunks_exact_mut(self.block_len()).enumerate().for_each(|(task, m)| {
            self.products(of, v, task % blocks, task / blocks, m);
        });
        (0..blocks).into_par_iter().for_each_init(Vec::new, |rows, block| {
            self.block_out(of, block, &m[block * self.block_len()..], blocks * self.block_len(), rows);
        });
    }

    /// One row of transformed input.
    ///
    /// # Safety
    /// No other task uses this row of any point.
    unsafe fn input_row(&self, of: &Region, row: usize, input: &mut Input, v: &SharedSlice<'_>) {
        let Input { scratch, pair, carried, from_above } = input;
        let len = carried.len() / self.x.channels();
        let mut transform = |c: usize, v: &SharedSlice<'_>, row: usize, point_len: usize| {
            let channel = self.x.channel(of.sample, c);
            let mut carried = Carried::new(&mut carried[c * len..][..len], *from_above);
            // SAFETY: the row is the caller's, or lies in a buffer of this task's own.
            unsafe { input::transform(self.isa, &self.cut, of, channel, &mut carried, scratch, v, row, point_len) };
        };
        if self.arithmetic == Arithmetic::F32 {
            return transform(row, v, row, self.point_len());
        }
        let (row_len, points) = (self.cut.row_len(), self.cut.tile.points());
        for (n, values) in pair.iter_mut().enumerate() {
            values.resize(points * row_len, 0.0);
            if 2 * row + n < self.x.channels() {
                transform(2 * row + n, &SharedSlice::new(values), 0, row_len);
            } else {
                values.fill(0.0);
            }
        }
        for (point, (even, odd)) in pair[0].chunks_exact(row_len).zip(pair[1].chunks_exact(row_len)).enumerate() {
            // SAFETY: the row is the caller's.
            let words = unsafe { v.part(point * self.point_len() + row * row_len, row_len) };
            words::pack(even, odd, words);
        }
    }

    /// The products of one point with one block of output channels: `m` [BLOCK][values].
    fn products(&self, of: &Region, v: &[f32], block: usize, point: usize, m: &mut [f32]) {
        let m_stride = self.cut.sums_len();
        let weights = &self.weights[(block * self.cut.tile.points() + point) * self.of_point..][..self.of_point];
        let (v, v_stride) = (&v[point * self.point_len()..], self.cut.row_len());
        let lanes = BLOCK.min(self.out_channels - block * BLOCK);
        products(self.isa, self.arithmetic, v, v_stride, weights, self.vectors(of), m, m_stride, lanes);
    }

    /// Writes the channels of a block; `m` [point][BLOCK][values] with `point_stride` between the points.
    fn block_out(&self, of: &Region, block: usize, m: &[f32], point_stride: usize, rows: &mut Vec<f32>) {
        let vectors = self.vectors(of);
        for lane in 0..BLOCK.min(self.out_channels - block * BLOCK) {
            let m = &m[lane * self.cut.sums_len()..];
            output::transform(self.isa, &self.cut, of, vectors, m, point_stride, rows, block * BLOCK + lane, self.out);
        }
    }
}
