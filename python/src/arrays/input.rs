//! Arrays that come from Python.

use medseg_volume::c_order;
use ndarray::{Array4, ArrayD, ArrayViewD, Axis};
use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::IntoPyDict;

use crate::compute::check_memory;
use crate::errors::{bad_type, bad_value};
use crate::volume::Volume;

/// Calls a generic function with an array of any type of numbers as a view; an error for other types.
macro_rules! with_numbers {
    ($array:expr, $name:expr, |$view:ident| $call:expr) => {
        $crate::arrays::with_numbers!(
            @ $array, $name, |$view| $call, u8, i8, u16, i16, u32, i32, u64, i64, f32, f64
        )
    };
    (@ $array:expr, $name:expr, |$view:ident| $call:expr, $($number:ty),*) => {{
        let array = $array;
        $(if let Ok(typed) = array.cast::<numpy::PyArrayDyn<$number>>() {
            let borrowed = numpy::PyArrayMethods::try_readonly(typed)?;
            let $view = borrowed.as_array();
            $call
        } else)* {
            let dtype = numpy::PyUntypedArrayMethods::dtype(array);
            return Err($crate::errors::bad_type(format!("{}: an array of {dtype} is none of numbers", $name)));
        }
    }};
}
pub(crate) use with_numbers;

/// The array of an object: a volume's, or what `numpy.asarray` makes of it; aligned, in the machine's byte order, truth
/// values as `uint8`, half precision as `float32`.
///
/// # Errors
/// What numpy refuses; no voxels, or more than the computer's memory could hold.
pub fn as_numpy<'py>(object: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyUntypedArray>> {
    let py = object.py();
    let numpy = py.import("numpy")?;
    let object = match object.cast::<Volume>() {
        Ok(volume) => volume.get().array(py).into_any(),
        Err(_) => object.clone(),
    };
    let mut array = numpy.call_method1("asarray", (object,))?;
    let dtype = array.getattr("dtype")?;
    let (kind, bytes): (String, usize) = (dtype.getattr("kind")?.extract()?, dtype.getattr("itemsize")?.extract()?);
    if !["b", "i", "u", "f"].contains(&kind.as_str()) {
        return Err(bad_type(format!("{name}: an array of {dtype} is none of numbers")));
    }
    let shape: Vec<usize> = array.getattr("shape")?.extract()?;
    if shape.contains(&0) {
        return Err(bad_value(format!("{name}: an array of shape {} has no voxels", tuple(&shape))));
    }
    let size = shape.iter().fold(bytes.max(1) as u128, |size, n| size.saturating_mul(*n as u128));
    check_memory(&format!("{name}, an array of shape {},", tuple(&shape)), size)?;
    if !dtype.getattr("isnative")?.extract::<bool>()? {
        array = array.call_method1("astype", (dtype.call_method1("newbyteorder", ("=",))?,))?;
    }
    match (kind.as_str(), bytes) {
        ("b", _) => array = array.call_method1("view", ("uint8",))?,
        ("f", 2) => array = array.call_method1("astype", ("float32",))?,
        _ => {}
    }
    let mut array = array.cast_into::<PyUntypedArray>()?;
    if !array.is_aligned() {
        let aligned = numpy.call_method("require", (array,), Some(&[("requirements", "A")].into_py_dict(py)?))?;
        array = aligned.cast_into::<PyUntypedArray>()?;
    }
    Ok(array)
}

/// A shape as Python shows it.
pub fn tuple(shape: &[usize]) -> String {
    let numbers: Vec<String> = shape.iter().map(usize::to_string).collect();
    format!("({})", numbers.join(", "))
}

/// Refuses an array of other than these numbers of axes.
pub fn check_ndim(array: &Bound<'_, PyUntypedArray>, name: &str, allowed: &[usize]) -> PyResult<()> {
    if allowed.contains(&array.ndim()) {
        return Ok(());
    }
    let axes = if allowed == [3] { "[x, y, z]" } else { "[x, y, z] or [channel, x, y, z]" };
    let shape = tuple(array.shape());
    Err(bad_value(format!("{name}: an array of shape {shape} has {} axes, not those of {axes}", array.ndim())))
}

/// Voxels as f32, `[channel, depth, height, width]`, and whether the array has an axis of channels.
pub fn image(object: &Bound<'_, PyAny>, name: &str) -> PyResult<(Array4<f32>, bool)> {
    let array = as_numpy(object, name)?;
    check_ndim(&array, name, &[3, 4])?;
    let has_channels = array.ndim() == 4;
    check_memory(name, array.len() as u128 * 4)?;
    let values: ArrayD<f32> = with_numbers!(&array, name, |view| owned(view, |value| value.as_()));
    let values = if has_channels { values } else { values.insert_axis(Axis(0)) };
    let values = values.into_dimensionality().map_err(|error| bad_value(error.to_string()))?;
    Ok((values, has_channels))
}

/// The values as f32, with the array's own axes, in C order.
pub fn floats(array: &Bound<'_, PyUntypedArray>, name: &str) -> PyResult<ArrayD<f32>> {
    check_memory(name, array.len() as u128 * 4)?;
    Ok(with_numbers!(array, name, |view| c_order(view, |value| value.as_())))
}

/// A number as f32, rounded if it must be.
trait AsF32: Copy {
    fn as_(self) -> f32;
}

macro_rules! as_f32 {
    ($($number:ty),*) => {$(
        impl AsF32 for $number {
            #[inline]
            fn as_(self) -> f32 {
                self as f32
            }
        }
    )*};
}
as_f32!(u8, i8, u16, i16, u32, i32, u64, i64, f32, f64);

/// The values with the last three axes reversed, in C order.
pub fn owned<T, U: Clone>(view: ArrayViewD<'_, T>, to: impl Fn(&T) -> U) -> ArrayD<U> {
    let mut order: Vec<usize> = (0..view.ndim()).collect();
    let channels = view.ndim() - 3;
    order[channels..].reverse();
    c_order(view.permuted_axes(order), to)
}
