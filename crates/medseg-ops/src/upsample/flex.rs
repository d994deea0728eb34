//! Trilinear enlargement on the Flex device: planes of channels in parallel.

use super::axis::Axis;
use super::extension::{UpsampleBackend, UpsampleGradBackend};
use super::planes::{Enlarger, Gatherer};
use crate::flex_values::{contiguous, tensor, values};
use crate::recycled::Buffer;
use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Shape;
use rayon::prelude::*;

/// Output planes that one task makes; it repeats at most two input planes of work of its neighbours.
const PLANES_PER_TASK: usize = 32;

impl UpsampleBackend for Flex {
    fn upsample_trilinear2x(x: FloatTensor<Self>, align_corners: bool) -> FloatTensor<Self> {
        let x = contiguous(x);
        let [batch, channels, depth, height, width] = x.layout().shape().dims();
        let axes = [depth, height, width].map(|side| Axis::new(side, align_corners));
        let (voxels, plane) = (depth * height * width, 4 * height * width);
        let mut out = Buffer::new(batch * channels * 8 * voxels);
        let sources = values(&x).par_chunks(voxels);
        out.par_chunks_mut(8 * voxels).zip(sources).for_each(|(out, channel)| {
            out.par_chunks_mut(PLANES_PER_TASK * plane).enumerate().for_each(|(task, out)| {
                let mut enlarger = Enlarger::new(&axes, channel);
                for (number, out) in out.chunks_mut(plane).enumerate() {
                    enlarger.plane(task * PLANES_PER_TASK + number, out);
                }
            });
        });
        tensor(out, Shape::new([batch, channels, 2 * depth, 2 * height, 2 * width]))
    }
}

impl UpsampleGradBackend for Flex {
    fn upsample_trilinear2x_grad(grad: FloatTensor<Self>, align_corners: bool) -> FloatTensor<Self> {
        let grad = contiguous(grad);
        let [batch, channels, sides @ ..] = grad.layout().shape().dims::<5>();
        let [depth, height, width] = sides.map(|side| side / 2);
        let mut out = Buffer::new(batch * channels * depth * height * width);
        gather_enlargement(values(&grad), sides, align_corners, &mut out);
        tensor(out, Shape::new([batch, channels, depth, height, width]))
    }
}

/// Writes the gradient of what was enlarged to these sides: an eighth as many values, of any number of channels.
pub(crate) fn gather_enlargement(grad: &[f32], sides: [usize; 3], align_corners: bool, out: &mut [f32]) {
    let [depth, height, width] = sides.map(|side| side / 2);
    let axes = [depth, height, width].map(|side| Axis::new(side, align_corners));
    let (voxels, plane) = (depth * height * width, height * width);
    out.par_chunks_mut(voxels).zip(grad.par_chunks(8 * voxels)).for_each(|(out, channel)| {
        out.par_chunks_mut(PLANES_PER_TASK * plane).enumerate().for_each(|(task, out)| {
            let mut gatherer = Gatherer::new(&axes, channel);
            for (number, out) in out.chunks_mut(plane).enumerate() {
                gatherer.plane(task * PLANES_PER_TASK + number, out);
            }
        });
    });
}
