//! The convolution, and with transposed weights the gradient of its input.

use rayon::prelude::*;

use super::tile::Tile;
use crate::conv::gemm::{BLOCK, gemm};
use crate::conv::sink::Sink;
use crate::conv::source::Source;
use crate::conv::winograd::Pass;
use crate::isa::Isa;

/// Packs weights `[out_channels, in_channels]`, transposed for the input's gradient, as [block of channels written][channel
/// read][BLOCK]; zeros where the last block has no channel.
pub(crate) fn pointwise_weights(weights: &[f32], out_channels: usize, in_channels: usize, pass: Pass) -> Vec<f32> {
    assert_eq!(weights.len(), out_channels * in_channels, "weights");
    let (to, from) = pass.channels(out_channels, in_channels);
    let mut packed = vec![0.0; to.next_multiple_of(BLOCK) * from];
    for t in 0..to {
        for f in 0..from {
            let weight = match pass {
                Pass::Forward => weights[t * in_channels + f],
                Pass::InputGrad => weights[f * in_channels + t],
            };
            packed[(t / BLOCK * from + f) * BLOCK + t % BLOCK] = weight;
        }
    }
    packed
}

/// Convolves with weights of [`pointwise_weights`], and adds `more`, which has the output's channels; writes all of `out`.
///
/// # Panics
/// If the lengths do not agree.
pub(crate) fn pointwise(isa: Isa, x: &Source<'_>, weights: &[f32], more: Option<&Source<'_>>, out: &Sink<'_>) {
    let out_channels = out.channels();
    let of_block = x.channels() * BLOCK;
    assert_eq!(weights.len(), out_channels.div_ceil(BLOCK) * of_block, "packed weights");
    assert!(more.is_none_or(|more| (more.channels(), more.shape()) == (out_channels, x.shape())), "what is added");
    Tile::all(x.batch(), x.shape()).par_iter().for_each_init(Default::default, |(scratch, sums, rows), tile| {
        let (sums, rows): (&mut Vec<f32>, &mut Vec<f32>) = (sums, rows);
        let channels = tile.channels(x, scratch);
        let (count, first) = tile.voxels(x.shape());
        sums.resize(BLOCK * count, 0.0);
        for (block, weights) in weights.chunks_exact(of_block).enumerate() {
            let lanes = BLOCK.min(out_channels - block * BLOCK);
            let mut outs: Vec<&mut [f32]> = sums.chunks_exact_mut(count).take(lanes).collect();
            gemm(isa, &channels, weights, &mut outs, count);
            for (lane, values) in outs.iter_mut().enumerate() {
                if let Some(more) = more {
                    tile.add(more, block * BLOCK + lane, rows, values);
                }
                // SAFETY: tiles differ in sample, plane or rows, so no other task writes these voxels.
                unsafe { out.write(tile.sample, block * BLOCK + lane, first, values) };
            }
        }
        out.finish();
    });
}
