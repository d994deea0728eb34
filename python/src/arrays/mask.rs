//! Masks and label maps from Python: any whole numbers or truth values, as `u8`.

use std::collections::BTreeSet;

use medseg_volume::c_order;
use ndarray::{Array3, ArrayView3};
use numpy::{PyArray3, PyArrayMethods, PyReadonlyArray3, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;

use super::input::{as_numpy, check_ndim, tuple};
use crate::compute::check_memory;
use crate::errors::{bad_type, bad_value};

/// A mask or label map; its own axes.
pub enum Mask<'py> {
    /// An array of Python.
    Borrowed(PyReadonlyArray3<'py, u8>),
    /// A copy.
    Owned(Array3<u8>),
}

/// Calls a generic function with an array of whole numbers as a view of three axes.
macro_rules! with_whole_numbers {
    ($array:expr, $name:expr, |$view:ident| $call:expr) => {
        with_whole_numbers!(@ $array, $name, |$view| $call, u8, i8, u16, i16, u32, i32, u64, i64)
    };
    (@ $array:expr, $name:expr, |$view:ident| $call:expr, $($number:ty),*) => {{
        let array = $array;
        $(if let Ok(typed) = array.cast::<PyArray3<$number>>() {
            let borrowed = typed.try_readonly()?;
            let $view = borrowed.as_array();
            $call
        } else)* {
            let dtype = array.dtype();
            return Err(bad_type(format!("{}: a mask is of truth values or whole numbers, not of {dtype}", $name)));
        }
    }};
}

/// A checked array of three axes.
fn whole<'py>(object: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyUntypedArray>> {
    let array = as_numpy(object, name)?;
    check_ndim(&array, name, &[3])?;
    check_memory(name, array.len() as u128)?;
    Ok(array)
}

impl<'py> Mask<'py> {
    /// The foreground: every value but 0, or one value.
    pub fn of(object: &Bound<'py, PyAny>, name: &str, label: Option<i64>) -> PyResult<Self> {
        let array = whole(object, name)?;
        let Some(label) = label else {
            if let Ok(bytes) = array.cast::<PyArray3<u8>>() {
                return Ok(Self::Borrowed(bytes.try_readonly()?));
            }
            return Ok(Self::Owned(with_whole_numbers!(&array, name, |view| view.map(|value| u8::from(*value != 0)))));
        };
        Ok(Self::Owned(with_whole_numbers!(&array, name, |view| equal_to(view, label))))
    }

    /// A label map whose values must be from 0 to 255.
    pub fn labels(object: &Bound<'py, PyAny>, name: &str) -> PyResult<Self> {
        let array = whole(object, name)?;
        if let Ok(bytes) = array.cast::<PyArray3<u8>>() {
            return Ok(Self::Borrowed(bytes.try_readonly()?));
        }
        Ok(Self::Owned(with_whole_numbers!(&array, name, |view| u8_labels(view, name)?)))
    }

    /// The mask's own axes x, y, z.
    pub fn view(&self) -> ArrayView3<'_, u8> {
        match self {
            Self::Borrowed(array) => array.as_array(),
            Self::Owned(array) => array.view(),
        }
    }

    /// True if it lies in memory with x fastest, as files have it.
    pub fn is_fortran(&self) -> bool {
        let view = self.view();
        view.reversed_axes().is_standard_layout()
    }
}

/// Which voxels have a value.
fn equal_to<T: Copy + PartialEq + TryFrom<i64>>(view: ArrayView3<'_, T>, label: i64) -> Array3<u8> {
    match T::try_from(label) {
        Ok(label) => view.map(|value| u8::from(*value == label)),
        Err(_) => Array3::zeros(view.raw_dim()),
    }
}

/// Values from 0 to 255.
pub fn u8_labels<T: Copy + TryInto<u8> + Into<i128>>(view: ArrayView3<'_, T>, name: &str) -> PyResult<Array3<u8>> {
    if let Some(value) = view.iter().find(|value| (**value).try_into().is_err()) {
        let value: i128 = (*value).into();
        return Err(bad_value(format!("{name}: label {value} is not from 0 to 255")));
    }
    Ok(view.map(|value| (*value).try_into().unwrap_or_default()))
}

/// Label values that are scored, and their numbers from 1.
pub struct Labels(Vec<i64>);

impl Labels {
    /// These values, or all above 0 in any of the arrays.
    pub fn new(wanted: Option<Vec<i64>>, arrays: &[(&Bound<'_, PyAny>, &str)]) -> PyResult<Self> {
        /// As many as a byte can number.
        const MOST: usize = 255;
        let values = match wanted {
            Some(values) => values,
            None => {
                let mut found = BTreeSet::new();
                for (object, name) in arrays {
                    let array = whole(object, name)?;
                    with_whole_numbers!(&array, name, |view| distinct(view, name, &mut found)?);
                    if found.len() > MOST {
                        break;
                    }
                }
                found.into_iter().collect()
            }
        };
        if values.contains(&0) {
            return Err(bad_value("labels: 0 is the background and has no scores"));
        }
        if let Some(twice) = values.iter().enumerate().find(|(at, value)| values[..*at].contains(value)) {
            return Err(bad_value(format!("labels: {} is named twice", twice.1)));
        }
        if values.len() > MOST {
            return Err(bad_value(format!("labels: more than {MOST} values; name those to score")));
        }
        Ok(Self(values))
    }

    /// The values.
    pub fn values(&self) -> &[i64] {
        &self.0
    }

    /// An array with each value's number in its place, 0 for all others.
    pub fn numbered<'py>(&self, object: &Bound<'py, PyAny>, name: &str) -> PyResult<Mask<'py>> {
        let array = whole(object, name)?;
        Ok(Mask::Owned(with_whole_numbers!(&array, name, |view| self.numbers(view))))
    }

    fn numbers<T: Copy + PartialEq + Into<i128>>(&self, view: ArrayView3<'_, T>) -> Array3<u8> {
        let number = |value: T| {
            let value: i128 = value.into();
            let at = self.0.iter().position(|label| i128::from(*label) == value);
            at.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or(0)
        };
        // Neighbours are mostly equal.
        let mut last: Option<(T, u8)> = None;
        view.map(|value| match last {
            Some((same, number)) if same == *value => number,
            _ => {
                let number = number(*value);
                last = Some((*value, number));
                number
            }
        })
    }
}

fn distinct<T: Copy + PartialEq + Into<i128>>(
    view: ArrayView3<'_, T>,
    name: &str,
    found: &mut BTreeSet<i64>,
) -> PyResult<()> {
    let mut last = None;
    for value in view {
        if last == Some(*value) {
            continue;
        }
        last = Some(*value);
        let value: i128 = (*value).into();
        if value > 0 {
            let refused = || bad_value(format!("{name}: label {value} is too large"));
            found.insert(i64::try_from(value).map_err(|_| refused())?);
        }
    }
    Ok(())
}

/// A label map in the smallest of `uint8`, `uint16` and `int32` that has its values.
pub enum CompactLabels {
    U8(Array3<u8>),
    U16(Array3<u16>),
    I32(Array3<i32>),
}

/// A label map `[depth, height, width]` in C order, in the smallest type that has its values.
pub fn compact_labels(object: &Bound<'_, PyAny>, name: &str) -> PyResult<CompactLabels> {
    let array = whole(object, name)?;
    with_whole_numbers!(&array, name, |view| compact(view, name))
}

fn compact<T: Copy + Ord + Into<i128>>(view: ArrayView3<'_, T>, name: &str) -> PyResult<CompactLabels> {
    let first = *view.first().ok_or_else(|| bad_value(format!("{name}: no voxels")))?;
    let (low, high) = view.fold((first, first), |(low, high), value| (low.min(*value), high.max(*value)));
    let (low, high): (i128, i128) = (low.into(), high.into());
    if low >= 0 && high <= 255 {
        return Ok(CompactLabels::U8(reversed(view, |value| value.into() as u8)));
    }
    if low >= 0 && high <= 65535 {
        return Ok(CompactLabels::U16(reversed(view, |value| value.into() as u16)));
    }
    if let (Ok(_), Ok(_)) = (i32::try_from(low), i32::try_from(high)) {
        return Ok(CompactLabels::I32(reversed(view, |value| value.into() as i32)));
    }
    let value = if i32::try_from(low).is_err() { low } else { high };
    Err(bad_value(format!("{name}: label {value} is none that int32 holds")))
}

/// The values as `[depth, height, width]` in C order.
fn reversed<T: Copy, U: Clone>(view: ArrayView3<'_, T>, to: impl Fn(T) -> U) -> Array3<U> {
    c_order(view.reversed_axes(), |value| to(*value))
}

/// Refuses two arrays of different shapes.
pub fn check_same_shape(a: (&Mask<'_>, &str), b: (&Mask<'_>, &str)) -> PyResult<()> {
    let (of_a, of_b) = (a.0.view(), b.0.view());
    if of_a.shape() == of_b.shape() {
        return Ok(());
    }
    let (of_a, of_b) = (tuple(of_a.shape()), tuple(of_b.shape()));
    Err(bad_value(format!("{} {of_a} and {} {of_b} differ in shape", a.1, b.1)))
}
