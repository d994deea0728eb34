//! Weights in the order the kernels read them.

use super::BLOCK;

/// Packs weights `[out, in, taps]` as [out block][in][tap][BLOCK], zeros where the last block has no channel.
pub(in super::super) fn pack(weights: &[f32], output: usize, input: usize, taps: usize) -> Vec<f32> {
    let mut packed = vec![0.0; output.div_ceil(BLOCK) * BLOCK * input * taps];
    for (out, of_out) in weights.chunks_exact(input * taps).enumerate() {
        let (block, lane) = (out / BLOCK, out % BLOCK);
        let to = &mut packed[block * BLOCK * input * taps..][..BLOCK * input * taps];
        for (slot, weight) in to.iter_mut().skip(lane).step_by(BLOCK).zip(of_out) {
            *slot = *weight;
        }
    }
    packed
}

/// Weights `[out, in, taps]` of a convolution as those `[in, out, taps]` of its input's gradient: channels exchanged, taps in
/// reverse order.
pub(in super::super) fn flip(weights: &[f32], output: usize, input: usize, taps: usize) -> Vec<f32> {
    let mut flipped = Vec::with_capacity(weights.len());
    for i in 0..input {
        for o in 0..output {
            flipped.extend(weights[(o * input + i) * taps..][..taps].iter().rev());
        }
    }
    flipped
}
