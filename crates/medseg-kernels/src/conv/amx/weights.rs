//! Weights as tiles.

use rayon::prelude::*;

use super::layout::Steps;
use super::tiles::{SIDE, TILE};
use crate::conv::winograd::Pass;
use crate::conv::words;
use crate::memory::Aligned;

/// Weights in bf16, `[block of 16 channels written][step][tap along the width][16 channels][16 words]`.
///
/// A single channel read is divided in two: its nearest bf16 and what that lost. Both have the same weight.
#[derive(Debug)]
pub(crate) struct Weights {
    steps: Steps,
    written: usize,
    read: usize,
    tiles: Aligned,
}

/// Weights of some of the channels written.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a> {
    /// The first channel.
    pub first: usize,
    /// Number of channels.
    pub channels: usize,
    /// Their weights.
    pub weights: &'a [f32],
}

impl Weights {
    /// Packs weights `[out_channels, in_channels, kernel]` for a pass.
    pub fn new(weights: &[f32], out_channels: usize, in_channels: usize, kernel: [usize; 3], pass: Pass) -> Self {
        let taps: usize = kernel.iter().product();
        assert_eq!(weights.len(), out_channels * in_channels * taps, "weights");
        let (written, read) = pass.channels(out_channels, in_channels);
        let steps = Steps::new(kernel, read);
        let of_block = Self::of_block(steps);
        let mut tiles = Aligned::new(written.div_ceil(SIDE) * of_block);
        let place = |word: usize, tap: usize| {
            let [_, height, width] = kernel;
            let (step, row) = steps.place([tap / (height * width), tap / width % height], word);
            (step * width + tap % width) * TILE + row
        };
        tiles.par_chunks_mut(of_block).enumerate().for_each(|(block, packed)| {
            packed.fill(0.0);
            for word in 0..steps.words() {
                let places: Vec<usize> = (0..taps).map(|tap| place(word, tap)).collect();
                for lane in 0..SIDE.min(written - block * SIDE) {
                    let kernel = |read: usize| {
                        let written = block * SIDE + lane;
                        let (out, from) = if pass == Pass::Forward { (written, read) } else { (read, written) };
                        &weights[(out * in_channels + from) * taps..][..taps]
                    };
                    let even = kernel(2 * word);
                    let odd = if read == 1 { Some(even) } else { (2 * word + 1 < read).then(|| kernel(2 * word + 1)) };
                    let packed = &mut packed[lane * SIDE..];
                    for (tap, &place) in places.iter().enumerate() {
                        let tap = if pass == Pass::Forward { tap } else { taps - 1 - tap };
                        packed[place] = words::word(even[tap], odd.map_or(0.0, |odd| odd[tap]));
                    }
                }
            }
        });
        Self { steps, written, read, tiles }
    }

    /// Values of a block.
    fn of_block(steps: Steps) -> usize {
        steps.count() * steps.kernel()[2] * TILE
    }

    /// The order of the products.
    pub fn steps(&self) -> Steps {
        self.steps
    }

    /// Channels written and channels read.
    pub fn channels(&self) -> [usize; 2] {
        [self.written, self.read]
    }

    /// Bytes of all of them.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.tiles[..])
    }

    /// The channels written, in blocks.
    pub fn blocks(&self) -> Vec<Block<'_>> {
        let block = |(block, weights)| {
            let first = block * SIDE;
            Block { first, channels: SIDE.min(self.written - first), weights }
        };
        self.tiles.chunks(Self::of_block(self.steps)).enumerate().map(block).collect()
    }
}
