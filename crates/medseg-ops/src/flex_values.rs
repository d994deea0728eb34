//! The f32 values of Flex tensors: reading, overwriting and making them.

use burn::tensor::{DType, Shape};
use burn_flex::{FlexTensor, Layout};
use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty, Bytes};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;

use medseg_kernels::memory::Buffer;

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

/// A tensor of these values; its memory comes back when it is dropped.
pub(crate) fn tensor(values: Buffer, shape: Shape) -> FlexTensor {
    FlexTensor::new(bytes(values), Layout::contiguous(shape), DType::F32)
}

fn bytes(values: Buffer) -> Bytes {
    let len = size_of::<f32>() * values.len();
    // SAFETY: the buffer holds `values.len()` initialised values, so at least `len` initialised bytes.
    unsafe { Bytes::from_controller(Box::new(Memory(values)), len) }
}

/// A buffer as the memory of a tensor.
struct Memory(Buffer);

impl AllocationController for Memory {
    fn alloc_align(&self) -> usize {
        align_of::<f32>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Native
    }

    fn memory(&self, _policy: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let values: &[f32] = &self.0;
        // SAFETY: the values' own memory, borrowed as long as they are.
        Ok(unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) })
    }

    unsafe fn memory_mut(&mut self, _policy: AccessPolicy) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let values: &mut [f32] = &mut self.0;
        // SAFETY: the values' own memory, borrowed as long as they are; the caller promises to write initialised bytes
        // alone, and any bytes are an f32.
        Ok(unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size_of_val(values)) })
    }

    fn try_detach(&mut self) -> Option<NonNull<u8>> {
        let mut values = ManuallyDrop::new(self.0.detach()?);
        if values.len() == values.capacity() {
            return NonNull::new(values.as_mut_ptr().cast());
        }
        // A vector that the allocator knows under another size cannot be handed over.
        self.0 = ManuallyDrop::into_inner(values).into();
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_values_and_become_a_vector_without_a_copy() {
        for len in [3, 100_001] {
            let mut buffer = Buffer::new(len);
            buffer.iter_mut().enumerate().for_each(|(n, v)| *v = n as f32);
            let address = buffer.as_ptr();
            let bytes = bytes(buffer);
            assert_eq!(bytes.len(), 4 * len);
            assert!(bytes.chunks_exact(4).enumerate().all(|(n, b)| b == (n as f32).to_ne_bytes()));
            assert_eq!(&bytes.clone()[..], &bytes[..]);
            let values = bytes.try_into_vec::<f32>().expect("a vector");
            assert!(values.len() == len && values.as_ptr() == address);
        }
    }
}
