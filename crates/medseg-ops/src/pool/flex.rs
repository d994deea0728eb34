//! Max-pooling on the Flex device: planes of channels in parallel.

use super::Window;
use super::extension::{IndexedPoolBackend, PoolBackend};
use super::rows::PlanePool;
use super::scatter::Scatter;
use crate::flex_values::{contiguous, tensor, values};
use crate::recycled::Buffer;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Bytes, Flex};
use burn::tensor::{DType, Shape};
use burn_flex::{FlexTensor, Layout};
use rayon::prelude::*;

/// Output planes that one task makes; it repeats at most `kernel - 1` planes of work of its neighbour.
const PLANES_PER_TASK: usize = 16;

impl PoolBackend for Flex {
    fn max_pool3d(x: FloatTensor<Self>, window: Window) -> FloatTensor<Self> {
        let x = contiguous(x);
        let Sides { channels, input: [depth, height, width], output } = Sides::new(&x, window);
        let [_, _, out_depth, out_height, out_width] = output;
        let (plane, source) = (out_height * out_width, values(&x));
        let mut out = Buffer::new(channels * out_depth * plane);
        out.par_chunks_mut(out_depth * plane).zip(source.par_chunks(depth * height * width)).for_each(
            |(out, channel)| {
                out.par_chunks_mut(PLANES_PER_TASK * plane).enumerate().for_each(|(task, out)| {
                    let mut pool = PlanePool::<false>::new(channel, [depth, height, width], window);
                    for (number, best) in out.chunks_mut(plane).enumerate() {
                        pool.plane(task * PLANES_PER_TASK + number, best, &mut []);
                    }
                });
            },
        );
        tensor(out, Shape::new(output))
    }
}

impl IndexedPoolBackend for Flex {
    fn max_pool3d_indexed(x: FloatTensor<Self>, window: Window) -> (FloatTensor<Self>, IntTensor<Self>) {
        let x = contiguous(x);
        let Sides { channels, input: [depth, height, width], output } = Sides::new(&x, window);
        let [_, _, out_depth, out_height, out_width] = output;
        let (plane, source) = (out_height * out_width, values(&x));
        let mut out = Buffer::new(channels * out_depth * plane);
        let mut index = vec![0u8; out.len()];
        (out.par_chunks_mut(out_depth * plane), index.par_chunks_mut(out_depth * plane))
            .into_par_iter()
            .zip(source.par_chunks(depth * height * width))
            .for_each(|((out, index), channel)| {
                (out.par_chunks_mut(PLANES_PER_TASK * plane), index.par_chunks_mut(PLANES_PER_TASK * plane))
                    .into_par_iter()
                    .enumerate()
                    .for_each(|(task, (out, index))| {
                        let mut pool = PlanePool::<true>::new(channel, [depth, height, width], window);
                        for (number, (best, at)) in out.chunks_mut(plane).zip(index.chunks_mut(plane)).enumerate() {
                            pool.plane(task * PLANES_PER_TASK + number, best, at);
                        }
                    });
            });
        let index = FlexTensor::new(Bytes::from_elems(index), Layout::contiguous(Shape::new(output)), DType::U8);
        (tensor(out, Shape::new(output)), index)
    }

    fn max_pool3d_grad(
        grad: FloatTensor<Self>,
        index: IntTensor<Self>,
        input: Shape,
        window: Window,
    ) -> FloatTensor<Self> {
        let grad = contiguous(grad);
        let [batch, channels, sides @ ..] = input.dims::<5>();
        let [_, _, out_sides @ ..] = grad.layout().shape().dims::<5>();
        let voxels: usize = sides.iter().product();
        let out_voxels: usize = out_sides.iter().product();
        let mut out = Buffer::new(batch * channels * voxels);
        // Made by `max_pool3d_indexed`, so contiguous and alone in its buffer.
        let index = index.storage::<u8>();
        out.fill(0.0);
        out.par_chunks_mut(voxels)
            .zip(values(&grad).par_chunks(out_voxels).zip(index.par_chunks(out_voxels)))
            .for_each(|(out, (grad, index))| Scatter { window, grad, index, out_sides, sides }.run(out));
        tensor(out, input)
    }
}

/// Shapes of a pooling operation.
struct Sides {
    /// Channels of all samples.
    channels: usize,
    input: [usize; 3],
    output: [usize; 5],
}

impl Sides {
    fn new(x: &FlexTensor, window: Window) -> Self {
        let [batch, channels, depth, height, width] = x.layout().shape().dims();
        let input = [depth, height, width];
        let [out_depth, out_height, out_width] = input.map(|side| window.count(side));
        Self { channels: batch * channels, input, output: [batch, channels, out_depth, out_height, out_width] }
    }
}
