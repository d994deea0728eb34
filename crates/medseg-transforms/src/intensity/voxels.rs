//! The voxels of any array as one slice.

use ndarray::{ArrayBase, Data, DataMut, Dimension};
use rayon::prelude::*;

/// Voxels that one thread works on at a time. Sums are made within blocks and then over them in order, so the number of
/// threads does not show in them.
pub(super) const BLOCK: usize = 1 << 15;

/// Reads the voxels in the order in which they lie in memory, without a copy if they lie together.
pub(super) fn read<S, D, R>(image: &ArrayBase<S, D>, work: impl FnOnce(&[f32]) -> R) -> R
where
    S: Data<Elem = f32>,
    D: Dimension,
{
    match image.as_slice_memory_order() {
        Some(values) => work(values),
        None => work(&image.iter().copied().collect::<Vec<_>>()),
    }
}

/// Changes the voxels in the order in which they lie in memory, without a copy if they lie together.
pub(super) fn change<S, D, R>(image: &mut ArrayBase<S, D>, work: impl FnOnce(&mut [f32]) -> R) -> R
where
    S: DataMut<Elem = f32>,
    D: Dimension,
{
    if let Some(values) = image.as_slice_memory_order_mut() {
        return work(values);
    }
    let mut copy: Vec<f32> = image.iter().copied().collect();
    let result = work(&mut copy);
    image.iter_mut().zip(copy).for_each(|(to, from)| *to = from);
    result
}

/// Replaces every voxel, on all threads.
pub(super) fn map<S, D>(image: &mut ArrayBase<S, D>, to: impl Fn(f32) -> f32 + Sync + Send)
where
    S: DataMut<Elem = f32>,
    D: Dimension,
{
    change(image, |values| values.par_chunks_mut(BLOCK).for_each(|block| block.iter_mut().for_each(|v| *v = to(*v))));
}

/// `value` cut off at both ends; NaN stays NaN, where `max` and `min` would give an end.
pub(super) fn clamp(value: f32, low: f32, high: f32) -> f32 {
    let raised = if value < low { low } else { value };
    if raised > high { high } else { raised }
}
