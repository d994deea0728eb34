//! Arrays that go to Python.

use ndarray::{Array3, Array4};
use numpy::{Element, PyArray3, PyArray4, PyArrayMethods, PyUntypedArray};
use pyo3::prelude::*;

/// `[depth, height, width]` as numpy's `[x, y, z]`: the same memory, in Fortran's order if it was in C's.
pub fn to_numpy<T: Element>(py: Python<'_>, array: Array3<T>) -> Bound<'_, PyUntypedArray> {
    PyArray3::from_owned_array(py, array.reversed_axes()).as_untyped().clone()
}

/// `[channel, depth, height, width]` as numpy's `[channel, x, y, z]`: the same memory.
pub fn channels_to_numpy<T: Element>(py: Python<'_>, array: Array4<T>) -> Bound<'_, PyUntypedArray> {
    PyArray4::from_owned_array(py, array.permuted_axes([0, 3, 2, 1])).as_untyped().clone()
}
