//! Reading.

use std::path::PathBuf;

use medseg_volume::{ImageOptions, ReadOptions, StoredVoxels, VolumeError, VolumeFile, read_image_with_warnings};
use ndarray::Axis;
use pyo3::prelude::*;

use crate::compute::compute;
use crate::errors::{bad_value, raised, warn};
use crate::volume::Volume;

/// Reads an image as float32, scaled by the file's slope and intercept.
///
/// NIfTI, NRRD and MetaImage files, and DICOM series by their folder or a file. The array is `[x, y, z]`. What is odd about the
/// file is a `MedsegWarning`. `series` names one of several SeriesInstanceUIDs of a folder, `accept_tilt` accepts a gantry
/// tilt, `invert_monochrome1` complements the stored values of MONOCHROME1 images. `max_bytes` limits the array.
#[pyfunction]
#[pyo3(signature = (path, *, series=None, accept_tilt=false, invert_monochrome1=false, max_bytes=None))]
pub fn read_image(
    py: Python<'_>,
    path: PathBuf,
    series: Option<String>,
    accept_tilt: bool,
    invert_monochrome1: bool,
    max_bytes: Option<u64>,
) -> PyResult<Volume> {
    let mut options = ImageOptions::default()
        .with_series_uid(series)
        .with_accept_tilt(accept_tilt)
        .with_invert_monochrome1(invert_monochrome1);
    if let Some(bytes) = max_bytes {
        options = options.with_max_bytes(bytes);
    }
    let read = compute(py, || read_image_with_warnings(&path, &options))?;
    let (image, warnings) = read.map_err(|error| raised(&error))?;
    warn(py, &path.display().to_string(), &warnings)?;
    Ok(Volume::new(py, image.data, image.geometry))
}

/// Reads a label map: whole numbers, exact or an error, as "uint8" or as "int32".
///
/// The array is `[x, y, z]`.
#[pyfunction]
#[pyo3(signature = (path, *, dtype="uint8", max_bytes=None))]
pub fn read_label(py: Python<'_>, path: PathBuf, dtype: &str, max_bytes: Option<u64>) -> PyResult<Volume> {
    let options = options(max_bytes);
    Ok(match dtype {
        "uint8" => {
            let (label, file) = from_file(py, path, |file| file.label(&options))?;
            warn_of(py, &file)?;
            Volume::new(py, label.data, label.geometry)
        }
        "int32" => {
            let (label, file) = from_file(py, path, |file| file.label_values(&options))?;
            warn_of(py, &file)?;
            Volume::new(py, label.data, label.geometry)
        }
        other => return Err(bad_value(format!("dtype {other:?} is neither \"uint8\" nor \"int32\""))),
    })
}

/// Reads a file of any number of dimensions as float32, scaled: `[channel, x, y, z]`, the axes after the third being
/// channels.
#[pyfunction]
#[pyo3(signature = (path, *, max_bytes=None))]
pub fn read_channels(py: Python<'_>, path: PathBuf, max_bytes: Option<u64>) -> PyResult<Volume> {
    let options = options(max_bytes);
    let ((data, geometry), file) = from_file(py, path, |file| file.channels(&options))?;
    warn_of(py, &file)?;
    Ok(Volume::with_channels(py, data, geometry))
}

/// Reads the values as the file stores them, in their own type and not scaled: `[x, y, z]`, or `[channel, x, y, z]` of a file
/// with several.
#[pyfunction]
#[pyo3(signature = (path, *, max_bytes=None))]
pub fn read_stored(py: Python<'_>, path: PathBuf, max_bytes: Option<u64>) -> PyResult<Volume> {
    let options = options(max_bytes);
    let ((voxels, geometry), file) = from_file(py, path, |file| file.stored(&options))?;
    warn_of(py, &file)?;
    macro_rules! volume {
        ($($kind:ident),*) => {
            match voxels {
                $(StoredVoxels::$kind(data) => match data.dim().0 {
                    1 => Volume::new(py, data.index_axis_move(Axis(0), 0), geometry),
                    _ => Volume::with_channels(py, data, geometry),
                },)*
            }
        };
    }
    Ok(volume!(U8, I8, U16, I16, U32, I32, U64, I64, F32, F64))
}

fn options(max_bytes: Option<u64>) -> ReadOptions {
    max_bytes.map_or_else(ReadOptions::default, |bytes| ReadOptions::default().with_max_bytes(bytes))
}

/// A file that was read, for its warnings.
struct Opened {
    path: PathBuf,
    file: VolumeFile,
}

fn from_file<T: Send>(
    py: Python<'_>,
    path: PathBuf,
    read: impl FnOnce(&VolumeFile) -> Result<T, VolumeError> + Send,
) -> PyResult<(T, Opened)> {
    let opened = compute(py, || {
        let file = VolumeFile::open(&path)?;
        Ok((read(&file)?, file))
    })?;
    let (found, file) = opened.map_err(|error: VolumeError| raised(&error))?;
    Ok((found, Opened { path, file }))
}

fn warn_of(py: Python<'_>, opened: &Opened) -> PyResult<()> {
    warn(py, &opened.path.display().to_string(), &opened.file.info().warnings)
}
