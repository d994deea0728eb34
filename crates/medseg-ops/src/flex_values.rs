//! The f32 values of Flex tensors: reading, overwriting and making them.

use burn::tensor::{DType, Shape};
use burn_flex::{FlexTensor, Layout};
use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty, Bytes};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;

use medseg_kernels::memory::Buffer;

use crate::known_sums::{self, KnownSums};

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

/// The sums of every channel of every sample, `rows` in number, of a contiguous tensor, if a convolution has added them up
/// and nobody has changed the values since.
pub(crate) fn known_sums(x: &FlexTensor, rows: usize) -> Option<Vec<[f64; 2]>> {
    known_sums::of(values(x)).filter(|sums| sums.len() == rows)
}

/// A tensor of these values; its memory comes back when it is dropped.
pub(crate) fn tensor(values: Buffer, shape: Shape) -> FlexTensor {
    FlexTensor::new(bytes(values, None), Layout::contiguous(shape), DType::F32)
}

/// [`tensor`], with the sums of every channel of every sample that a convolution has added up.
pub(crate) fn tensor_with_sums(values: Buffer, shape: Shape, sums: Option<Vec<[f64; 2]>>) -> FlexTensor {
    FlexTensor::new(bytes(values, sums), Layout::contiguous(shape), DType::F32)
}

fn bytes(values: Buffer, sums: Option<Vec<[f64; 2]>>) -> Bytes {
    let len = size_of::<f32>() * values.len();
    let sums = sums.map(|sums| KnownSums::new(&values, sums));
    // SAFETY: the buffer holds `values.len()` initialised values, so at least `len` initialised bytes.
    unsafe { Bytes::from_controller(Box::new(Memory { sums, values }), len) }
}

/// A buffer as the memory of a tensor.
struct Memory {
    /// Sums over the values, until somebody may change them. First, so that it is dropped before the values: their place may
    /// be another tensor's at once.
    sums: Option<KnownSums>,
    values: Buffer,
}

impl AllocationController for Memory {
    fn alloc_align(&self) -> usize {
        align_of::<f32>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Native
    }

    fn memory(&self, _policy: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let values: &[f32] = &self.values;
        // SAFETY: the values' own memory, borrowed as long as they are.
        Ok(unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) })
    }

    unsafe fn memory_mut(&mut self, _policy: AccessPolicy) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        self.sums = None;
        let values: &mut [f32] = &mut self.values;
        // SAFETY: the values' own memory, borrowed as long as they are; the caller promises to write initialised bytes
        // alone, and any bytes are an f32.
        Ok(unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size_of_val(values)) })
    }

    fn try_detach(&mut self) -> Option<NonNull<u8>> {
        self.sums = None;
        let mut values = ManuallyDrop::new(self.values.detach()?);
        if values.len() == values.capacity() {
            return NonNull::new(values.as_mut_ptr().cast());
        }
        // A vector that the allocator knows under another size cannot be handed over.
        self.values = ManuallyDrop::into_inner(values).into();
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_values_and_become_a_vector() {
        for len in [3, 100_001] {
            let mut buffer = Buffer::new(len);
            buffer.iter_mut().enumerate().for_each(|(n, v)| *v = n as f32);
            let bytes = bytes(buffer, None);
            assert_eq!(bytes.len(), 4 * len);
            assert!(bytes.chunks_exact(4).enumerate().all(|(n, b)| b == (n as f32).to_ne_bytes()));
            assert_eq!(&bytes.clone()[..], &bytes[..]);
            let values = bytes.try_into_vec::<f32>().unwrap_or_else(|bytes| {
                let (values, _) = bytes.as_chunks::<4>();
                values.iter().map(|value| f32::from_ne_bytes(*value)).collect()
            });
            assert!(values.len() == len && values.iter().enumerate().all(|(n, value)| *value == n as f32));
        }
    }

    #[test]
    fn sums_are_known_until_values_may_change() {
        let shape = Shape::new([1, 2, 1, 1, 20_000]);
        let sums = vec![[1.0, 2.0], [3.0, 4.0]];
        let new = || tensor_with_sums(Buffer::new(40_000), shape.clone(), Some(sums.clone()));
        let x = new();
        assert_eq!(known_sums(&x, 2), Some(sums.clone()));
        assert_eq!(known_sums(&x.clone(), 2), Some(sums.clone()));
        assert_eq!(known_sums(&x, 4), None, "another division into channels");
        let mut changed = x;
        assert!(values_mut(&mut changed).is_some());
        assert_eq!(known_sums(&changed, 2), None);
        let address = { values(&new()).as_ptr() };
        let other = tensor(Buffer::new(40_000), shape.clone());
        assert!(values(&other).as_ptr() != address || known_sums(&other, 2).is_none(), "of memory that was given back");
    }

    #[test]
    fn sums_are_never_those_of_a_tensor_that_was_there_before() {
        let shape = Shape::new([1, 1, 1, 1, 20_000]);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let shape = &shape;
                scope.spawn(move || {
                    for round in 0..20_000 {
                        let own = vec![[f64::from(thread), f64::from(round)]];
                        let sums = (round % 2 == 0).then(|| own.clone());
                        let x = tensor_with_sums(Buffer::new(20_000), shape.clone(), sums.clone());
                        // Its entry may be lost to another thread's, but is never another tensor's.
                        let known = known_sums(&x, 1);
                        assert!(known.is_none() || known == sums, "{known:?} and not {sums:?}");
                    }
                });
            }
        });
    }
}
