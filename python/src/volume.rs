//! Voxels with their geometry.

use medseg_volume::{Affine, Axes, Geometry, Orientation, error_chain};
use ndarray::{Array2, Array3, Array4};
use numpy::{Element, PyArray2, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySlice, PyTuple};

use crate::arrays::{OneOrThree, as_numpy, channels_to_numpy, check_ndim, three, to_numpy, tuple};
use crate::errors::{bad_type, bad_value, raised};

/// A 3D image or label map: a numpy array `[x, y, z]`, or `[channel, x, y, z]`, and its place in the patient.
///
/// The axes are nibabel's and MONAI's: voxel `array[i, j, k]` lies at `affine @ [i, j, k, 1]`, in RAS+ millimetres.
/// `array.T` is SimpleITK's order `[z, y, x]`, a view of the same memory.
///
/// Volume(array, affine) or Volume(array, spacing=(x, y, z)), with axes along the patient's then.
#[pyclass(frozen, module = "medseg")]
pub struct Volume {
    array: Py<PyUntypedArray>,
    geometry: Geometry,
}

impl Volume {
    /// Of an array of Rust.
    pub fn new<T: Element>(py: Python<'_>, data: Array3<T>, geometry: Geometry) -> Self {
        Self { array: to_numpy(py, data).unbind(), geometry }
    }

    /// Of an array of Rust with channels.
    pub fn with_channels<T: Element>(py: Python<'_>, data: Array4<T>, geometry: Geometry) -> Self {
        Self { array: channels_to_numpy(py, data).unbind(), geometry }
    }

    /// The array.
    pub fn array<'py>(&self, py: Python<'py>) -> Bound<'py, PyUntypedArray> {
        self.array.bind(py).clone()
    }

    /// The place of the voxels.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The volume of an object, which must be one.
    pub fn of<'a>(object: &'a Bound<'_, PyAny>, name: &str) -> PyResult<&'a Self> {
        match object.cast::<Self>() {
            Ok(volume) => Ok(volume.get()),
            Err(_) => {
                let kind = object.get_type().name()?.to_string();
                Err(bad_type(format!("{name} must be a medseg.Volume, not {kind}: an array has no geometry")))
            }
        }
    }
}

#[pymethods]
impl Volume {
    #[new]
    #[pyo3(signature = (array, affine=None, *, spacing=None))]
    fn py_new(
        array: &Bound<'_, PyAny>,
        affine: Option<[[f64; 4]; 4]>,
        spacing: Option<OneOrThree<f64>>,
    ) -> PyResult<Self> {
        let array = as_numpy(array, "array")?;
        check_ndim(&array, "array", &[3, 4])?;
        let geometry = match (affine, spacing) {
            (Some(affine), None) => Geometry::from_affine(affine),
            (None, Some(spacing)) => {
                check_spacing(spacing)?;
                Geometry::from_spacing(spacing.dhw())
            }
            _ => return Err(bad_type("a volume needs either an affine or a spacing")),
        };
        Ok(Self { array: array.unbind(), geometry: geometry.map_err(|error| raised(&error))? })
    }

    /// The voxels, `[x, y, z]` or `[channel, x, y, z]`; changes made in place count.
    #[getter(array)]
    fn py_array<'py>(&self, py: Python<'py>) -> Bound<'py, PyUntypedArray> {
        self.array(py)
    }

    /// The 4x4 matrix from voxel (i, j, k, 1) to RAS+ millimetres, as nibabel's; float64.
    #[getter]
    fn affine<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray2<f64>> {
        let affine: Affine = self.geometry.affine();
        PyArray2::from_owned_array(py, Array2::from_shape_fn((4, 4), |(row, column)| affine[row][column]))
    }

    /// Millimetres between neighbouring voxels along x, y and z.
    #[getter]
    fn spacing(&self) -> (f64, f64, f64) {
        three(self.geometry.spacing())
    }

    /// The patient directions that the axes point to, such as "RAS": for oblique axes the closest ones.
    #[getter]
    fn orientation(&self) -> String {
        self.geometry.orientation().to_string()
    }

    /// The array's shape.
    #[getter]
    fn shape(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.array.bind(py).getattr("shape")?.unbind())
    }

    /// The array's type.
    #[getter]
    fn dtype(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.array.bind(py).getattr("dtype")?.unbind())
    }

    /// Other voxels on the same grid, such as a mask of this image, whose file then has this one's header fields.
    fn with_array(&self, py: Python<'_>, array: &Bound<'_, PyAny>) -> PyResult<Self> {
        let array = as_numpy(array, "array")?;
        check_ndim(&array, "array", &[3, 4])?;
        let space = |array: &Bound<'_, PyUntypedArray>| {
            let shape = array.shape();
            shape[shape.len() - 3..].to_vec()
        };
        let (have, wanted) = (space(&array), space(&self.array(py)));
        if have != wanted {
            let (have, wanted) = (tuple(&have), tuple(&wanted));
            return Err(bad_value(format!("an array of {have} voxels is not on a grid of {wanted}")));
        }
        Ok(Self { array: array.unbind(), geometry: self.geometry.clone() })
    }

    /// The volume with axes that point to these directions, such as "RAS"; exact, each voxel stays in its place.
    fn reoriented(&self, py: Python<'_>, to: &str) -> PyResult<Self> {
        let to: Orientation = to.parse().map_err(|error| bad_value(error_chain(&error)))?;
        let array = self.array(py);
        check_ndim(&array, "the volume", &[3, 4])?;
        let (shape, channels) = (array.shape(), array.ndim() - 3);
        let [x, y, z] = [shape[channels], shape[channels + 1], shape[channels + 2]];
        let axes = Axes::between(self.geometry.orientation(), to);
        // Depth, height and width are z, y and x.
        let order = (0..channels).chain((0..3).map(|axis| channels + 2 - axes.order[2 - axis]));
        let slice = py.get_type::<PySlice>();
        let step = |reversed: bool| slice.call1((py.None(), py.None(), if reversed { -1 } else { 1 }));
        let steps = (0..channels).map(|_| step(false)).chain((0..3).map(|axis| step(axes.reversed[2 - axis])));
        let turned = array.call_method1("transpose", (order.collect::<Vec<_>>(),))?;
        let turned = turned.get_item(PyTuple::new(py, steps.collect::<PyResult<Vec<_>>>()?)?)?;
        let turned = turned.call_method1("copy", ("F",))?.cast_into::<PyUntypedArray>()?;
        Ok(Self { array: turned.unbind(), geometry: self.geometry.reoriented((z, y, x).into(), &axes) })
    }

    /// True if the voxels of another volume lie at the same places, none farther than `tolerance_mm` from its counterpart.
    #[pyo3(signature = (other, *, tolerance_mm=0.01))]
    fn same_grid(&self, py: Python<'_>, other: &Self, tolerance_mm: f64) -> bool {
        let shape = |volume: &Self| {
            let array = volume.array(py);
            array.shape()[array.ndim().saturating_sub(3)..].to_vec()
        };
        let (have, of_other) = (shape(self), shape(other));
        let [x, y, z] = have[..] else { return false };
        have == of_other && self.geometry.same_grid(&other.geometry, (z, y, x).into(), tolerance_mm)
    }

    #[pyo3(signature = (dtype=None, copy=None))]
    fn __array__<'py>(
        &self,
        py: Python<'py>,
        dtype: Option<Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let array = self.array(py).into_any();
        let options = PyDict::new(py);
        let made = match dtype {
            Some(dtype) => {
                options.set_item("copy", copy.unwrap_or(false))?;
                array.call_method("astype", (dtype,), Some(&options))?
            }
            None if copy == Some(true) => array.call_method0("copy")?,
            None => array,
        };
        Ok(made)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let array = self.array.bind(py);
        let (shape, dtype) = (tuple(array.shape()), array.dtype());
        let (x, y, z) = self.spacing();
        format!("Volume(shape={shape}, dtype={dtype}, spacing=({x:.4}, {y:.4}, {z:.4}) mm, {})", self.orientation())
    }
}

/// Refuses a spacing that is none.
pub fn check_spacing(spacing: OneOrThree<f64>) -> PyResult<()> {
    let [x, y, z] = spacing.xyz();
    if [x, y, z].iter().all(|mm| *mm > 0.0 && mm.is_finite()) {
        return Ok(());
    }
    Err(bad_value(format!("spacing ({x}, {y}, {z}) mm must be positive and finite")))
}
