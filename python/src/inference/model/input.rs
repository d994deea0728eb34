//! The image that is segmented.

use std::path::{Path, PathBuf};

use medseg_nnunet::{CaseImage, ImageReader, read_case};
use medseg_transforms::all_finite;
use medseg_volume::dicom::is_dicom;
use medseg_volume::{Geometry, ImageOptions, read_image_with_warnings};
use ndarray::{Array4, Axis, concatenate};
use pyo3::prelude::*;

use crate::arrays::image;
use crate::errors::{bad_type, bad_value, raised};
use crate::volume::Volume;

/// An image, read or named.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Input {
    /// `[channel, depth, height, width]`.
    Voxels(Array4<f32>, Geometry),
    /// A file for each channel, or the folder of a DICOM series.
    Files(Vec<PathBuf>),
}

/// Voxels `[channel, depth, height, width]` with their geometry, and oddities of the files.
pub type Read = (Array4<f32>, Geometry, Vec<String>);

impl Input {
    /// From an object of Python.
    pub fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(volume) = object.cast::<Volume>() {
            return Ok(Self::Voxels(image(object, "image")?.0, volume.get().geometry().clone()));
        }
        if let Ok(path) = object.extract::<PathBuf>() {
            return Ok(Self::Files(vec![path]));
        }
        match object.extract::<Vec<PathBuf>>() {
            Ok(paths) if paths.is_empty() => Err(bad_value("image: no path")),
            Ok(paths) => Ok(Self::Files(paths)),
            Err(_) => {
                let kind = object.get_type().name()?.to_string();
                Err(bad_type(format!("image must be a medseg.Volume, a path or a list of paths, not {kind}")))
            }
        }
    }

    /// The voxels.
    pub fn read(self) -> PyResult<Read> {
        let paths = match self {
            Self::Voxels(voxels, geometry) => return Ok((voxels, geometry, Vec::new())),
            Self::Files(paths) => paths,
        };
        let (mut volumes, mut warnings) = (Vec::new(), Vec::new());
        for path in &paths {
            let read = read_image_with_warnings(path, &ImageOptions::default()).map_err(|error| raised(&error))?;
            warnings.extend(read.1.iter().map(|warning| format!("{}: {warning}", path.display())));
            volumes.push(read.0);
        }
        let first = &volumes[0];
        let same = |at: &usize| {
            let other = &volumes[*at];
            other.shape() == first.shape() && other.geometry.same_grid(&first.geometry, first.shape(), 0.01)
        };
        if let Some(number) = (0..volumes.len()).find(|at| !same(at)) {
            let (path, first) = (paths[number].display(), paths[0].display());
            return Err(bad_value(format!("{path} has another grid than {first}")));
        }
        let geometry = first.geometry.clone();
        if volumes.len() == 1 {
            return Ok((volumes.swap_remove(0).data.insert_axis(Axis(0)), geometry, warnings));
        }
        let views: Vec<_> = volumes.iter().map(|volume| volume.data.view().insert_axis(Axis(0))).collect();
        let voxels = concatenate(Axis(0), &views).map_err(|error| bad_value(error.to_string()))?;
        Ok((voxels, geometry, warnings))
    }

    /// The image as a reader of nnU-Net has it; all of its voxels must be finite.
    pub fn read_case(self, reader: ImageReader) -> PyResult<CaseImage> {
        let name = match &self {
            Self::Files(paths) => paths[0].display().to_string(),
            Self::Voxels(..) => "image".to_owned(),
        };
        let case = match self {
            Self::Files(paths) if !is_series(&paths[0]) => read_case(&paths, reader).map_err(|error| raised(&error))?,
            other => {
                let (voxels, geometry, _) = other.read()?;
                CaseImage::new(voxels, geometry, reader)
            }
        };
        if all_finite(&case.data) {
            return Ok(case);
        }
        Err(bad_value(format!("{name}: the image has voxels that are not finite numbers")))
    }
}

/// True for the folder of a DICOM series, and for a DICOM file.
fn is_series(path: &Path) -> bool {
    path.is_dir() || is_dicom(path)
}
