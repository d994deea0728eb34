//! Connected components.

use medseg_transforms::{Connectivity, KeepLargestComponents, label_components};
use medseg_volume::c_order;
use ndarray::Array3;
use numpy::{PyArray1, PyArray3, PyArrayMethods, PyUntypedArray};
use pyo3::prelude::*;

use crate::arrays::Mask;
use crate::compute::{check_memory, compute};
use crate::errors::bad_value;

/// Bytes of a voxel's number and of the copies on the way there.
const VOXEL_BYTES: u128 = 9;

fn connectivity(neighbours: u32) -> PyResult<Connectivity> {
    match neighbours {
        6 => Ok(Connectivity::Face),
        18 => Ok(Connectivity::Edge),
        26 => Ok(Connectivity::Vertex),
        other => Err(bad_value(format!("connectivity {other} is none of 6, 18 and 26 neighbours"))),
    }
}

/// Numbers the connected components of a mask `[x, y, z]`: the numbers, int32 of the mask's shape, and each component's voxels.
///
/// Numbers count from 1 in the order in which numpy counts voxels (the last axis fastest), as `scipy.ndimage.label` has it.
/// `connectivity` is 6 (a common face), 18 (an edge) or 26 (a corner). Foreground is every value but 0 or, with `label`, that
/// value.
#[pyfunction]
#[pyo3(signature = (mask, *, connectivity=26, label=None))]
pub fn connected_components<'py>(
    py: Python<'py>,
    mask: &Bound<'py, PyAny>,
    connectivity: u32,
    label: Option<i64>,
) -> PyResult<(Bound<'py, PyUntypedArray>, Bound<'py, PyArray1<i64>>)> {
    let connectivity = self::connectivity(connectivity)?;
    let mask = Mask::of(mask, "mask", label)?;
    let view = mask.view();
    check_memory("numbering components", view.len() as u128 * VOXEL_BYTES)?;
    let (labels, sizes) = compute(py, || {
        // The order of first voxels must not depend on how the array lies in memory.
        let components = label_components(&view.as_standard_layout().view(), connectivity);
        // There are less than 2^31: every one takes a voxel, and most of the voxels around it.
        let labels: Array3<i32> = components.labels.mapv(|label| label as i32);
        (labels, components.sizes.iter().map(|size| *size as i64).collect::<Vec<_>>())
    })?;
    Ok((PyArray3::from_owned_array(py, labels).as_untyped().clone(), PyArray1::from_vec(py, sizes)))
}

/// Keeps the largest connected components of every label of a label map `[x, y, z]`; all other voxels become 0: uint8.
///
/// Labels go from 0 to 255. Of equal components those stay that come last as numpy counts voxels (MONAI's
/// `KeepLargestConnectedComponent`). With `labels`, only these are cleaned.
#[pyfunction]
#[pyo3(signature = (label_map, *, components=1, connectivity=26, labels=None))]
pub fn keep_largest<'py>(
    py: Python<'py>,
    label_map: &Bound<'py, PyAny>,
    components: usize,
    connectivity: u32,
    labels: Option<Vec<u8>>,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let connectivity = self::connectivity(connectivity)?;
    let mask = Mask::labels(label_map, "label_map")?;
    let view = mask.view();
    check_memory("finding components", view.len() as u128 * VOXEL_BYTES)?;
    let keep = KeepLargestComponents { labels, connectivity, components, ..KeepLargestComponents::default() };
    let cleaned = compute(py, || {
        let mut cleaned = c_order(view, u8::clone);
        keep.apply(&mut cleaned);
        cleaned
    })?;
    Ok(PyArray3::from_owned_array(py, cleaned).as_untyped().clone())
}
