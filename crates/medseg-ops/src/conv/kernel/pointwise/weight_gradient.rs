//! The gradient of the weights.

use rayon::prelude::*;

use super::tile::Tile;
use crate::conv::kernel::lanes::{Lanes, Path, on_path};
use crate::conv::kernel::source::{Part, Read, Source};

/// Output channels and input channels whose products are summed together.
const OUTPUTS: usize = 4;
const INPUTS: usize = 3;
/// Most parts that the tiles are summed in.
const MOST_PARTS: usize = 64;
/// With fewer parts than this the threads work on each tile together.
const FEW_PARTS: usize = 8;

/// Gradient of the weights `[output, input]` of a 1×1×1 convolution, from its input and its output's gradient
/// `[batch, output, voxels]`. Sums over a tile are in f32, over the tiles in f64.
///
/// # Panics
/// If the lengths do not agree.
pub(in super::super::super) fn pointwise_weight_gradient(
    path: Path,
    x: &Source<'_>,
    gradient: &[f32],
    output: usize,
) -> Vec<f32> {
    let parts = [Part { values: gradient, channels: output, read: Read::Plain }];
    let g = Source::new(x.batch, x.sides, &parts);
    let tiles = Tile::all(x.batch, x.sides);
    let parts = MOST_PARTS.min(tiles.len());
    let sums = if parts < FEW_PARTS {
        sum(path, x, &g, &tiles, true)
    } else {
        let of = |part: usize| &tiles[part * tiles.len() / parts..(part + 1) * tiles.len() / parts];
        let sums: Vec<_> = (0..parts).into_par_iter().map(|part| sum(path, x, &g, of(part), false)).collect();
        let add = |mut total: Vec<f64>, part: Vec<f64>| {
            total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
            total
        };
        sums.into_iter().reduce(add).expect("a part")
    };
    sums.into_iter().map(|sum| sum as f32).collect()
}

/// Sums over some tiles `[output, input]`, by one thread or by all `together`.
fn sum(path: Path, x: &Source<'_>, g: &Source<'_>, tiles: &[Tile], together: bool) -> Vec<f64> {
    let (input, output) = (x.channels(), g.channels());
    let mut sums = vec![0.0f64; output * input];
    let (mut x_scratch, mut g_scratch) = (Vec::new(), Vec::new());
    for tile in tiles {
        let (x, g) = (tile.channels(x, &mut x_scratch), tile.channels(g, &mut g_scratch));
        let block = |(block, sums): (usize, &mut [f64])| {
            let outs = rows(&g, block * OUTPUTS);
            for first in (0..input).step_by(INPUTS) {
                let products = dots(path, rows::<INPUTS>(&x, first), outs);
                for (o, sums) in sums.chunks_exact_mut(input).enumerate() {
                    for (sum, products) in sums[first..].iter_mut().zip(products) {
                        *sum += f64::from(products[o]);
                    }
                }
            }
        };
        if together {
            sums.par_chunks_mut(OUTPUTS * input).enumerate().for_each(block);
        } else {
            sums.chunks_mut(OUTPUTS * input).enumerate().for_each(block);
        }
    }
    sums
}

/// N channels from `first`; the last one again for those beyond, whose sums are thrown away.
fn rows<'a, const N: usize>(channels: &[&'a [f32]], first: usize) -> [&'a [f32]; N] {
    std::array::from_fn(|n| channels[(first + n).min(channels.len() - 1)])
}

/// Sums of the products of each of `x` with each of `g`.
fn dots(path: Path, x: [&[f32]; INPUTS], g: [&[f32]; OUTPUTS]) -> [[f32; OUTPUTS]; INPUTS] {
    let count = x[0].len();
    assert!(x.iter().chain(&g).all(|row| row.len() == count));
    let mut sums = [[0.0; OUTPUTS]; INPUTS];
    let to = &mut sums;
    on_path!(path, dotted(x: [&[f32]; INPUTS], g: [&[f32]; OUTPUTS], count: usize, to: &mut [[f32; OUTPUTS]; INPUTS]));
    sums
}

/// # Safety
/// Every row has `count` values; the processor has V's instructions.
#[inline(always)]
unsafe fn dotted<V: Lanes>(x: [&[f32]; INPUTS], g: [&[f32]; OUTPUTS], count: usize, to: &mut [[f32; OUTPUTS]; INPUTS]) {
    // SAFETY: vectors are read where they lie wholly below `count`; the rest is read value by value.
    unsafe {
        let mut sums = [[V::zero(); OUTPUTS]; INPUTS];
        let mut at = 0;
        while at + V::WIDTH <= count {
            let gradients = g.map(|g| V::load(g.as_ptr().add(at)));
            for (x, sums) in x.iter().zip(&mut sums) {
                let x = V::load(x.as_ptr().add(at));
                for (sum, gradient) in sums.iter_mut().zip(gradients) {
                    *sum = sum.add_product(gradient, x);
                }
            }
            at += V::WIDTH;
        }
        for (i, sums) in sums.iter().enumerate() {
            for (o, sum) in sums.iter().enumerate() {
                let rest: f32 = x[i][at..count].iter().zip(&g[o][at..count]).map(|(x, g)| x * g).sum();
                to[i][o] = sum.sum() + rest;
            }
        }
    }
}
