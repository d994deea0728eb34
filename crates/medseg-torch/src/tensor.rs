//! A tensor that lies in a file.

use std::sync::Arc;

use crate::container::Container;
use crate::element::{ByteOrder, Element};
use crate::{TorchError, TorchProblem};

/// Axes that a tensor may have. Those of a network have at most five.
pub(crate) const MOST_AXES: usize = 8;
/// A tensor's values may lie this many times as far apart as without gaps.
const MOST_SPREAD: u64 = 16;

/// A tensor in a file, whose values are read when asked for.
#[derive(Clone, Debug)]
pub struct StoredTensor {
    pub(super) container: Arc<Container>,
    pub(super) key: String,
    pub(super) shape: Vec<usize>,
    /// Distance of neighbours along each axis, in values.
    pub(super) strides: Vec<usize>,
    /// Key of the storage.
    pub(super) storage: String,
    /// First byte of the first value, in the storage.
    pub(super) start: u64,
    /// Values from the first to the last, with those between that are not the tensor's.
    pub(super) extent: u64,
    pub(super) element: Element,
    pub(super) order: ByteOrder,
}

impl StoredTensor {
    /// Shape, in PyTorch's order: (out, in, kernel) of a convolution, (in, out, kernel) of a transposed one.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Key of the tensor, as it was asked for.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Type of the numbers in the file.
    #[must_use]
    pub fn element(&self) -> &Element {
        &self.element
    }

    /// True for the same values. They are read only if the tensors do not share their storage.
    ///
    /// # Errors
    /// As [`values`](Self::values).
    pub fn is_same(&self, other: &Self) -> Result<bool, TorchError> {
        if Arc::ptr_eq(&self.container, &other.container) && self.place() == other.place() {
            return Ok(true);
        }
        if self.shape != other.shape {
            return Ok(false);
        }
        let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        Ok(bits(self.values()?) == bits(other.values()?))
    }

    /// Reads the values as f32, in row-major order of the shape. Numbers of 16 bits become f32 exactly, those of 64 are
    /// rounded.
    ///
    /// # Errors
    /// If the file cannot be read, its bytes are not those that were written, or the numbers' type is not read.
    pub fn values(&self) -> Result<Vec<f32>, TorchError> {
        if self.shape.contains(&0) {
            return Ok(Vec::new());
        }
        let bytes = self.container.read(&self.storage, self.start, self.extent * self.element.bytes())?;
        let stored = self.element.decode(&bytes, self.order).ok_or_else(|| {
            let element = self.element.to_string();
            self.container.source().error(TorchProblem::Element { key: self.key.clone(), element })
        })?;
        drop(bytes);
        if self.is_contiguous() {
            return Ok(stored);
        }
        let mut values = Vec::with_capacity(self.shape.iter().product());
        let mut index = vec![0; self.shape.len()];
        let mut position = 0;
        loop {
            values.push(stored.get(position).copied().unwrap_or(f32::NAN));
            let mut axis = self.shape.len();
            loop {
                if axis == 0 {
                    return Ok(values);
                }
                axis -= 1;
                index[axis] += 1;
                position += self.strides[axis];
                if index[axis] < self.shape[axis] {
                    break;
                }
                position -= self.shape[axis] * self.strides[axis];
                index[axis] = 0;
            }
        }
    }

    fn place(&self) -> (&str, u64, &[usize], &[usize], &Element) {
        (&self.storage, self.start, &self.shape, &self.strides, &self.element)
    }

    fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(size, stride)| {
            let fits = *size == 1 || *stride == expected;
            expected *= size;
            fits
        })
    }
}

/// Values from the first to the last of a tensor without empty axes; or the reason why it is not read.
pub(crate) fn extent(shape: &[usize], strides: &[usize], available: u64) -> Result<u64, &'static str> {
    let mut extent = 1_u64;
    let mut count = 1_u64;
    for (size, stride) in shape.iter().zip(strides) {
        let (size, stride) = (*size as u64, *stride as u64);
        let reach = (size - 1).checked_mul(stride).and_then(|reach| extent.checked_add(reach));
        extent = reach.ok_or("its sizes overflow")?;
        count = count.checked_mul(size).ok_or("its sizes overflow")?;
    }
    if extent > available {
        return Err("it reaches past the end of its storage");
    }
    if count > extent {
        return Err("it repeats values of its storage");
    }
    if extent / MOST_SPREAD > count {
        return Err("its values lie too far apart in its storage");
    }
    Ok(extent)
}
