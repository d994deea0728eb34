//! The f32 values of Flex tensors: reading, overwriting and making them.

use burn::tensor::{DType, Shape};
use burn_flex::{FlexTensor, Layout};

use crate::recycled::Buffer;

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
pub(crate) fn tensor(values: Buffer, shape: Shape) -> FlexTensor {
    FlexTensor::new(values.into_bytes(), Layout::contiguous(shape), DType::F32)
}
