//! Sums of products of rows with rows.

use rayon::prelude::*;

use crate::isa::{Isa, Lanes, on_isa};

/// Output channels and input channels whose products are summed together.
const OUTPUTS: usize = 4;
const INPUTS: usize = 3;

/// Adds the sum of the products of every row of `x` with every row of `g` to `sums` [g][x]: in f32 within the rows, in
/// f64 beyond; by one thread or by all `together`.
pub(crate) fn add_dots(isa: Isa, x: &[&[f32]], g: &[&[f32]], sums: &mut [f64], together: bool) {
    assert_eq!(sums.len(), x.len() * g.len(), "sums");
    let block = |(block, sums): (usize, &mut [f64])| {
        let outs = rows(g, block * OUTPUTS);
        for first in (0..x.len()).step_by(INPUTS) {
            let products = dots(isa, rows::<INPUTS>(x, first), outs);
            for (o, sums) in sums.chunks_exact_mut(x.len()).enumerate() {
                for (sum, products) in sums[first..].iter_mut().zip(products) {
                    *sum += f64::from(products[o]);
                }
            }
        }
    };
    if together {
        sums.par_chunks_mut(OUTPUTS * x.len()).enumerate().for_each(block);
    } else {
        sums.chunks_mut(OUTPUTS * x.len()).enumerate().for_each(block);
    }
}

/// N channels from `first`; the last one again for those beyond, whose sums are thrown away.
fn rows<'a, const N: usize>(channels: &[&'a [f32]], first: usize) -> [&'a [f32]; N] {
    std::array::from_fn(|n| channels[(first + n).min(channels.len() - 1)])
}

/// Sums of the products of each of `x` with each of `g`.
fn dots(isa: Isa, x: [&[f32]; INPUTS], g: [&[f32]; OUTPUTS]) -> [[f32; OUTPUTS]; INPUTS] {
    let count = x[0].len();
    assert!(x.iter().chain(&g).all(|row| row.len() == count));
    let mut sums = [[0.0; OUTPUTS]; INPUTS];
    let to = &mut sums;
    on_isa!(isa, dotted(x: [&[f32]; INPUTS], g: [&[f32]; OUTPUTS], count: usize, to: &mut [[f32; OUTPUTS]; INPUTS]));
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
