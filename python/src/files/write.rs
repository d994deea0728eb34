//! Writing.

use std::path::PathBuf;

use medseg_volume::{Geometry, Stored, VolumeError, WriteOptions, write_channels, write_volume};
use ndarray::{ArrayD, Axis};
use numpy::PyUntypedArrayMethods;
use pyo3::prelude::*;

use crate::arrays::{CompactLabels, as_numpy, check_ndim, compact_labels, owned, with_numbers};
use crate::compute::{check_memory, compute};
use crate::errors::raised;
use crate::volume::Volume;

/// Writes an image in the type of its array; the format is that of the name's ending.
///
/// `.nii`, `.nii.gz`, `.nrrd`, `.nhdr`, `.mha` or `.mhd`. The file is there whole or not at all. A volume on the grid of a NIfTI
/// file has that file's header fields bit for bit. `level` is that of gzip, 0 to 9.
#[pyfunction]
#[pyo3(signature = (path, volume, *, level=None))]
pub fn write_image(py: Python<'_>, path: PathBuf, volume: &Bound<'_, PyAny>, level: Option<u32>) -> PyResult<()> {
    let volume = Volume::of(volume, "volume")?;
    let array = as_numpy(volume.array(py).as_any(), "volume")?;
    check_ndim(&array, "volume", &[3, 4])?;
    check_memory("writing the volume", array.len() as u128 * 8)?;
    let (options, geometry) = (WriteOptions::default().with_level(level), volume.geometry());
    with_numbers!(&array, "volume", |view| {
        let values = owned(view, |value| *value);
        compute(py, || write(&path, values, geometry, &options))?.map_err(|error| raised(&error))
    })
}

/// Writes a label map in the smallest of uint8, uint16 and int32 that has its values, marked as labels; otherwise as
/// `write_image`.
#[pyfunction]
#[pyo3(signature = (path, volume, *, level=None))]
pub fn write_label(py: Python<'_>, path: PathBuf, volume: &Bound<'_, PyAny>, level: Option<u32>) -> PyResult<()> {
    let (of, geometry) = (volume, Volume::of(volume, "volume")?.geometry());
    let options = WriteOptions::default().with_level(level).with_labels(true);
    macro_rules! write_labels {
        ($labels:expr) => {{
            let labels = medseg_volume::Volume::new($labels, geometry.clone());
            compute(py, || write_volume(&path, &labels, &options))?
        }};
    }
    let written = match compact_labels(of, "volume")? {
        CompactLabels::U8(labels) => write_labels!(labels),
        CompactLabels::U16(labels) => write_labels!(labels),
        CompactLabels::I32(labels) => write_labels!(labels),
    };
    written.map_err(|error| raised(&error))
}

/// Writes `[depth, height, width]` or `[channel, depth, height, width]`.
fn write<T: Stored>(
    path: &PathBuf,
    values: ArrayD<T>,
    geometry: &Geometry,
    options: &WriteOptions,
) -> Result<(), VolumeError> {
    let channels = if values.ndim() == 3 { values.insert_axis(Axis(0)) } else { values };
    match channels.into_dimensionality() {
        Ok(channels) => write_channels(path, &channels, geometry, options),
        Err(_) => unreachable!("an array of 3 or 4 axes"),
    }
}
