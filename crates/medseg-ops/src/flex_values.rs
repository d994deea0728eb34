//! The f32 values of Flex tensors: reading, overwriting and making them.

use burn::backend::Bytes;
use burn::tensor::{DType, Shape};
use burn_flex::{FlexTensor, Layout};
use std::mem::MaybeUninit;

/// `x` itself if its values lie one after the other, else a copy where they do.
pub(crate) fn contiguous(x: FlexTensor) -> FlexTensor {
    if x.is_contiguous() { x } else { x.to_contiguous() }
}

/// All values of a contiguous tensor.
pub(crate) fn values(x: &FlexTensor) -> &[f32] {
    let (start, end) = x.layout().contiguous_offsets().expect("a contiguous tensor");
    // A view may cover only a part of its buffer.
    &x.storage::<f32>()[start..end]
}

/// All values of a contiguous tensor, to be overwritten, if no other tensor shares them.
pub(crate) fn values_mut(x: &mut FlexTensor) -> Option<&mut [f32]> {
    let (start, end) = x.layout().contiguous_offsets()?;
    Some(&mut x.try_storage_mut::<f32>()?[start..end])
}

/// A tensor of these values.
pub(crate) fn tensor(values: Vec<f32>, shape: Shape) -> FlexTensor {
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(shape), DType::F32)
}

/// `len` values, all written by `fill`; spares the pass that zeroes them first.
///
/// # Safety
/// `fill` must write every element.
pub(crate) unsafe fn filled(len: usize, fill: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let mut values = Vec::with_capacity(len);
    fill(&mut values.spare_capacity_mut()[..len]);
    // SAFETY: the capacity is at least `len`, and the caller promises that `fill` wrote every element.
    unsafe { values.set_len(len) };
    values
}
