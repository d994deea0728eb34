//! Distance maps.

use medseg_metrics::distance_transform;
use numpy::{PyArray3, PyArrayMethods, PyUntypedArray};
use pyo3::prelude::*;

use crate::arrays::Mask;
use crate::compute::{check_memory, compute};
use crate::errors::raised;
use crate::metrics::{Grid, Spacing};

/// Bytes of a voxel's distance and of its computation.
const VOXEL_BYTES: u128 = 17;

/// Distance in millimetres from every voxel to the nearest one of a mask: float64 of the mask's shape.
///
/// 0 in the mask, infinite everywhere if it is empty; exact, also where axes are not perpendicular.
/// `scipy.ndimage.distance_transform_edt(mask == 0, sampling=spacing)` computes the same. The mask is `[x, y, z]`, its foreground
/// every value but 0 or, with `label`, that value; `spacing` are the millimetres along its axes, which a volume has itself.
#[pyfunction]
#[pyo3(signature = (mask, spacing=None, *, label=None))]
pub fn distance_map<'py>(
    py: Python<'py>,
    mask: &Bound<'py, PyAny>,
    spacing: Option<Spacing>,
    label: Option<i64>,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let grid = Grid::of(&[(mask, "mask")], spacing)?;
    let mask = Mask::of(mask, "mask", label)?;
    let (view, reversed) = (mask.view(), mask.is_fortran());
    check_memory("a distance map", view.len() as u128 * VOXEL_BYTES)?;
    let voxels = grid.voxels(reversed)?;
    let view = if reversed { view.reversed_axes() } else { view };
    let distances = compute(py, || distance_transform(view, voxels))?.map_err(|error| raised(&error))?;
    let distances = if reversed { distances.reversed_axes() } else { distances };
    Ok(PyArray3::from_owned_array(py, distances).as_untyped().clone())
}
