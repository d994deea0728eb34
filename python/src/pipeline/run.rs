//! Pipelines and what they did.

use medseg_transforms::{Pipeline as Steps, Sample, Step, Trace, TransformError};
use medseg_volume::{Geometry, c_order};
use ndarray::{Array3, Array4, Axis, stack};
use numpy::PyUntypedArrayMethods;
use pyo3::prelude::*;

use super::Transform;
use crate::arrays::{Mask, as_numpy, check_ndim, image, tuple};
use crate::compute::{check_memory, compute};
use crate::errors::{bad_type, bad_value, transform_raised, warn};
use crate::volume::Volume;

/// Bytes of a voxel on its way: the result, and planes before it.
const VOXEL_BYTES: u128 = 8;

/// Transforms one after another, whose changes of the grid can be undone on a mask.
///
/// Changes of the grid that follow each other are joined, so that a chain of them interpolates once.
#[pyclass(frozen, module = "medseg")]
pub struct Pipeline(Steps<Step>);

#[pymethods]
impl Pipeline {
    #[new]
    fn new(transforms: Vec<Bound<'_, Transform>>) -> PyResult<Self> {
        Self::checked(Steps { steps: transforms.iter().map(|transform| transform.get().step()).collect() })
    }

    /// A pipeline as medseg's configurations write it, with every transform of the project, also random ones. Triples in it are
    /// along depth, height and width, the reverse of x, y and z.
    #[staticmethod]
    fn from_json(text: &str) -> PyResult<Self> {
        Self::checked(serde_json::from_str(text).map_err(|error| bad_value(error.to_string()))?)
    }

    /// The pipeline as `from_json` reads it.
    fn to_json(&self) -> PyResult<String> {
        serde_json::to_string(&self.0).map_err(|error| bad_value(error.to_string()))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((slf.getattr("from_json")?, (slf.get().to_json()?,)))
    }

    fn __repr__(&self) -> PyResult<String> {
        Ok(format!("Pipeline.from_json({:?})", self.to_json()?))
    }

    fn __len__(&self) -> usize {
        self.0.steps.len()
    }

    /// Applies it to an image and, with `label`, to its label map of values from 0 to 255. The image becomes float32.
    ///
    /// The same `seed` draws the same numbers for random transforms. Oddities of the case are a `MedsegWarning`.
    #[pyo3(signature = (image, label=None, *, seed=0))]
    fn __call__(
        &self,
        py: Python<'_>,
        image: &Bound<'_, PyAny>,
        label: Option<&Bound<'_, PyAny>>,
        seed: u64,
    ) -> PyResult<Transformed> {
        let geometry = Volume::of(image, "image")?.geometry().clone();
        let array = as_numpy(image, "image")?;
        check_ndim(&array, "image", &[3, 4])?;
        let (channels, has_channels) = match array.shape() {
            [channels, _, _, _] => (*channels, true),
            _ => (1, false),
        };
        let [x, y, z] = array.shape()[array.ndim() - 3..] else { return Err(bad_value("image: no three axes")) };
        let largest = self.0.largest_shape((z, y, x).into(), &geometry).map_err(transform_raised)?;
        let bytes = (largest.voxels() as u128).saturating_mul(VOXEL_BYTES * channels as u128);
        check_memory(&format!("a volume of {}", tuple(&[largest.w, largest.h, largest.d])), bytes)?;
        let (data, _) = self::image(image, "image")?;
        let label = label.map(|label| labels(label, "label")).transpose()?;
        let of_label = label.as_ref().map(|label| label.dim());
        if let Some((d, h, w)) = of_label
            && (d, h, w) != (z, y, x)
        {
            let (image, label) = (tuple(&[x, y, z]), tuple(&[w, h, d]));
            return Err(bad_value(format!("label {label} and image {image} differ in shape")));
        }
        let sample = Sample { id: String::new(), image: data, label, geometry: geometry.clone() };
        let done = compute(py, || self.0.apply_one(sample, seed))?.map_err(transform_raised)?;
        let (sample, trace) = (done.sample, done.trace);
        let messages: Vec<&str> =
            trace.warnings.iter().map(|text| text.trim_start_matches("case : ").trim_start_matches(": ")).collect();
        warn(py, "", &messages)?;
        let on_result = sample.geometry;
        let image = if has_channels {
            Volume::with_channels(py, sample.image, on_result.clone())
        } else {
            Volume::new(py, sample.image.index_axis_move(Axis(0), 0), on_result.clone())
        };
        let label = sample.label.map(|label| Volume::new(py, label, on_result)).map(|label| Py::new(py, label));
        Ok(Transformed { image: Py::new(py, image)?, label: label.transpose()?, trace, geometry })
    }
}

impl Pipeline {
    fn checked(steps: Steps<Step>) -> PyResult<Self> {
        steps.validate().map_err(transform_raised)?;
        Ok(Self(steps))
    }
}

/// A result of a pipeline, with the way back.
#[pyclass(frozen, module = "medseg")]
pub struct Transformed {
    /// The image, float32.
    #[pyo3(get)]
    image: Py<Volume>,
    /// The label map, uint8, if there was one.
    #[pyo3(get)]
    label: Option<Py<Volume>>,
    trace: Trace,
    /// The original image's.
    geometry: Geometry,
}

#[pymethods]
impl Transformed {
    /// Brings a mask `[x, y, z]` of values from 0 to 255 from the result's grid back to the original image's: uint8.
    ///
    /// Exact where the transforms are; otherwise the nearest voxel counts. What the result does not show is 0.
    fn undo(&self, py: Python<'_>, mask: &Bound<'_, PyAny>) -> PyResult<Volume> {
        let mask = labels(mask, "mask")?;
        self.check_original("a mask", 1)?;
        let back = compute(py, || self.trace.invert_label(&mask.view()))?.map_err(|error| self.raised(error, &mask))?;
        Ok(Volume::new(py, back, self.geometry.clone()))
    }

    /// Brings an image such as a map of probabilities, `[x, y, z]` or `[channel, x, y, z]`, back to the original image's grid:
    /// float32, linear between voxels. What the result does not show is 0.
    fn undo_image(&self, py: Python<'_>, image: &Bound<'_, PyAny>) -> PyResult<Volume> {
        let (data, has_channels) = self::image(image, "image")?;
        self.check_original("an image", data.dim().0)?;
        let back = compute(py, || -> Result<Array4<f32>, TransformError> {
            let channels = data.outer_iter().map(|channel| self.trace.invert_image(&channel));
            let channels = channels.collect::<Result<Vec<_>, _>>()?;
            let views: Vec<_> = channels.iter().map(|channel| channel.view()).collect();
            stack(Axis(0), &views).map_err(|error| TransformError::Geometry(error.to_string()))
        })?;
        let first = data.index_axis(Axis(0), 0);
        let back = back.map_err(|error| self.raised(error, &first))?;
        Ok(if has_channels {
            Volume::with_channels(py, back, self.geometry.clone())
        } else {
            Volume::new(py, back.index_axis_move(Axis(0), 0), self.geometry.clone())
        })
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("Transformed(image={})", self.image.bind(py).repr()?))
    }
}

impl Transformed {
    fn check_original(&self, what: &str, channels: usize) -> PyResult<()> {
        let voxels = self.trace.shape.voxels() as u128;
        check_memory(&format!("{what} on the original grid"), voxels.saturating_mul(VOXEL_BYTES * channels as u128))
    }

    /// The exception, with shapes along x, y and z.
    fn raised<S: ndarray::Data>(&self, error: TransformError, of: &ndarray::ArrayBase<S, ndarray::Ix3>) -> PyErr {
        match error {
            TransformError::Shape { want, .. } => {
                let (d, h, w) = of.dim();
                let (have, want) = (tuple(&[w, h, d]), tuple(&[want.w, want.h, want.d]));
                bad_value(format!("{have} voxels do not fit: the pipeline's result has {want}"))
            }
            TransformError::Case { source, .. } => self.raised(*source, of),
            error => transform_raised(error),
        }
    }
}

/// A label map `[depth, height, width]`.
fn labels(object: &Bound<'_, PyAny>, name: &str) -> PyResult<Array3<u8>> {
    if object.is_none() {
        return Err(bad_type(format!("{name} is None")));
    }
    let mask = Mask::labels(object, name)?;
    Ok(c_order(mask.view().reversed_axes(), u8::clone))
}
