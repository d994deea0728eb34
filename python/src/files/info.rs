//! Headers.

use std::path::PathBuf;

use medseg_volume::Geometry;
use ndarray::Array2;
use numpy::PyArray2;
use pyo3::prelude::*;

use crate::arrays::three;
use crate::compute::compute;
use crate::errors::raised;

/// The content of a file by its header.
#[pyclass(frozen, module = "medseg")]
pub struct VolumeInfo {
    geometry: Geometry,
    /// Voxels along x, y and z.
    #[pyo3(get)]
    shape: (usize, usize, usize),
    /// Number of channels or times; 1 for a 3D volume.
    #[pyo3(get)]
    channels: usize,
    /// The type of a stored voxel, as numpy names it.
    #[pyo3(get)]
    dtype: String,
    /// Slope and intercept that stored values are scaled by, if the file has them.
    #[pyo3(get)]
    scaling: Option<(f64, f64)>,
    /// Oddities of the header.
    #[pyo3(get)]
    warnings: Vec<String>,
}

#[pymethods]
impl VolumeInfo {
    /// The 4x4 matrix from voxel (i, j, k, 1) to RAS+ millimetres; float64.
    #[getter]
    fn affine<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray2<f64>> {
        let affine = self.geometry.affine();
        PyArray2::from_owned_array(py, Array2::from_shape_fn((4, 4), |(row, column)| affine[row][column]))
    }

    /// Millimetres between neighbouring voxels along x, y and z.
    #[getter]
    fn spacing(&self) -> (f64, f64, f64) {
        three(self.geometry.spacing())
    }

    /// The patient directions that the axes point to, such as "RAS".
    #[getter]
    fn orientation(&self) -> String {
        self.geometry.orientation().to_string()
    }

    fn __repr__(&self) -> String {
        let (shape, (x, y, z)) = (self.shape, self.spacing());
        format!(
            "VolumeInfo(shape={shape:?}, channels={}, dtype={}, spacing=({x:.4}, {y:.4}, {z:.4}) mm, {})",
            self.channels,
            self.dtype,
            self.orientation()
        )
    }
}

/// Reads a file's header alone: quick, however large the file.
#[pyfunction]
pub fn read_info(py: Python<'_>, path: PathBuf) -> PyResult<VolumeInfo> {
    let info = compute(py, || medseg_volume::read_info(&path))?.map_err(|error| raised(&error))?;
    let name = info.datatype.to_string();
    let (kind, bits) = name.split_at(1);
    let kind = match kind {
        "u" => "uint",
        "i" => "int",
        _ => "float",
    };
    Ok(VolumeInfo {
        shape: three(info.shape),
        channels: info.channels,
        dtype: format!("{kind}{bits}"),
        scaling: info.scaling,
        warnings: info.warnings.iter().map(ToString::to_string).collect(),
        geometry: info.geometry,
    })
}
