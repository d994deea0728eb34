//! The steps of pipelines, with values along x, y and z.

use medseg_transforms::{
    ChangeIntensity, CropForeground, CropOrPad, ForegroundSource, Intensity, Kernel, Reorient, Resize, Respace,
    SpatialPad, Step, Transform as _,
};
use medseg_volume::{Orientation, error_chain};
use pyo3::prelude::*;

use crate::arrays::OneOrThree;
use crate::errors::{bad_value, transform_raised};

/// A step of a pipeline, made by the functions of `medseg.transforms`.
#[pyclass(frozen, module = "medseg.transforms")]
#[derive(Clone)]
pub struct Transform(Step);

impl Transform {
    /// The step.
    pub fn step(&self) -> Step {
        self.0.clone()
    }

    fn checked(step: impl Into<Step>) -> PyResult<Self> {
        let step = step.into();
        step.validate().map_err(transform_raised)?;
        Ok(Self(step))
    }
}

#[pymethods]
impl Transform {
    fn __repr__(&self) -> String {
        let text = serde_json::to_string(&self.0).unwrap_or_else(|_| self.0.name());
        format!("Transform({text})")
    }
}

/// Makes the axes x, y and z point closest to these directions, such as "RAS"; exact (MONAI's `Orientation`).
#[pyfunction]
pub fn orientation(to: &str) -> PyResult<Transform> {
    let to: Orientation = to.parse().map_err(|error| bad_value(error_chain(&error)))?;
    Transform::checked(Reorient { to })
}

/// Resamples to voxels of so many millimetres along x, y and z (MONAI's `Spacing`): the image by `interpolation`, "linear",
/// "nearest" or "cubic", a label by the nearest voxel. `keep_extent` keeps the outer faces in their place instead of the first
/// voxel (MONAI's `scale_extent`).
#[pyfunction]
#[pyo3(signature = (mm, *, interpolation="linear", keep_extent=false))]
pub fn spacing(mm: OneOrThree<f64>, interpolation: &str, keep_extent: bool) -> PyResult<Transform> {
    crate::volume::check_spacing(mm)?;
    let respace = Respace { keep_extent, kernel: kernel(interpolation)?, ..Respace::to(mm.dhw()) };
    Transform::checked(respace)
}

/// Resamples to so many voxels along x, y and z (MONAI's `Resize`); the outer faces stay in their place. `interpolation` is
/// "linear", "nearest", "cubic" or "area".
#[pyfunction]
#[pyo3(signature = (size, *, interpolation="linear"))]
pub fn resize(size: OneOrThree<usize>, interpolation: &str) -> PyResult<Transform> {
    Transform::checked(Resize { size: size.dhw(), kernel: kernel(interpolation)?, align_corners: false })
}

/// Cuts out the box around the foreground, with a margin in voxels along x, y and z that is padded where it reaches outside
/// (MONAI's `CropForeground`). Foreground are intensities above `above`, or without it the label's values above 0. A volume
/// without foreground stays whole, with a warning.
#[pyfunction]
#[pyo3(signature = (*, above=None, margin=OneOrThree::One(0)))]
pub fn crop_foreground(above: Option<f32>, margin: OneOrThree<usize>) -> PyResult<Transform> {
    let source = above.map_or(ForegroundSource::Label, ForegroundSource::ImageAbove);
    Transform::checked(CropForeground { source, margin: margin.dhw(), ..CropForeground::default() })
}

/// Pads to at least so many voxels along x, y and z, on both ends of an axis, with a value (MONAI's `SpatialPad`).
#[pyfunction]
#[pyo3(signature = (size, *, value=0.0))]
pub fn pad(size: OneOrThree<usize>, value: f32) -> PyResult<Transform> {
    Transform::checked(SpatialPad { value, ..SpatialPad::new(size.dhw()) })
}

/// Cuts longer axes to their middle and pads shorter ones with a value, to so many voxels along x, y and z (MONAI's
/// `ResizeWithPadOrCrop`).
#[pyfunction]
#[pyo3(signature = (size, *, value=0.0))]
pub fn crop_or_pad(size: OneOrThree<usize>, value: f32) -> PyResult<Transform> {
    let size = size.dhw();
    if size.voxels() == 0 {
        return Err(bad_value("size: an axis of 0 voxels"));
    }
    Transform::checked(CropOrPad { size, mode: Default::default(), value })
}

/// Clips intensities to [low, high] and scales them to [0, 1]: CT in Hounsfield units (MONAI's `ScaleIntensityRange`).
#[pyfunction]
pub fn window(low: f32, high: f32) -> PyResult<Transform> {
    Transform::checked(ChangeIntensity::together(Intensity::Window { low, high }))
}

/// Mean 0 and standard deviation 1, with `nonzero` over the voxels that are not 0 (MONAI's `NormalizeIntensity`). All
/// channels together.
#[pyfunction]
#[pyo3(signature = (*, nonzero=false))]
pub fn z_score(nonzero: bool) -> PyResult<Transform> {
    Transform::checked(ChangeIntensity::together(Intensity::ZScore { nonzero }))
}

/// Clips intensities to two percentiles and scales them to [0, 1] (MONAI's `ScaleIntensityRangePercentiles`).
#[pyfunction]
pub fn percentiles(low: f32, high: f32) -> PyResult<Transform> {
    Transform::checked(ChangeIntensity::together(Intensity::Percentile { low, high }))
}

fn kernel(name: &str) -> PyResult<Kernel> {
    Ok(match name {
        "linear" => Kernel::Linear,
        "nearest" => Kernel::Nearest,
        "cubic" => Kernel::Cubic,
        "area" => Kernel::Area,
        other => {
            return Err(bad_value(format!(
                "interpolation {other:?} is none of \"linear\", \"nearest\", \"cubic\" and \"area\""
            )));
        }
    })
}
