//! Probabilities in one or two bytes a voxel.

use std::path::Path;

use ndarray::ArrayView3;

use super::write::write_volume;
use crate::{Geometry, Stored, Volume, VolumeError, WriteOptions};

/// Size of a stored probability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum ProbabilityBits {
    /// One byte: steps of 1/255.
    Eight,
    /// Two bytes: steps of 1/65535.
    #[default]
    Sixteen,
}

/// Writes probabilities, 0 to 1, as whole numbers with a slope in the header: readers see the nearest step of
/// [`ProbabilityBits`]. NIfTI has no 16-bit floating point.
///
/// Values below 0 and NaN are stored as 0, those above 1 as 1.
///
/// # Errors
/// As [`write_volume`]; and a name that does not end in `.nii` or `.nii.gz`.
///
/// ```
/// use medseg_volume::{Dhw, Geometry, ProbabilityBits, read_image, write_probabilities};
/// use ndarray::Array3;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("liver.nii.gz");
/// let liver = Array3::from_elem((4, 5, 6), 0.75_f32);
/// let geometry = Geometry::from_spacing(Dhw { d: 2.5, h: 0.8, w: 0.8 })?;
/// write_probabilities(&path, liver.view(), &geometry, ProbabilityBits::Sixteen)?;
/// assert!(read_image(&path)?.data.iter().all(|p| (p - 0.75).abs() < 1e-5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_probabilities<T: Copy + Into<f32>>(
    path: impl AsRef<Path>,
    probabilities: ArrayView3<'_, T>,
    geometry: &Geometry,
    bits: ProbabilityBits,
) -> Result<(), VolumeError> {
    // A conversion to a whole number saturates, and that of NaN is 0.
    match bits {
        ProbabilityBits::Eight => {
            let steps = |p: &T| ((*p).into() * f32::from(u8::MAX)).round() as u8;
            write(path.as_ref(), probabilities.map(steps), geometry, f32::from(u8::MAX))
        }
        ProbabilityBits::Sixteen => {
            let steps = |p: &T| ((*p).into() * f32::from(u16::MAX)).round() as u16;
            write(path.as_ref(), probabilities.map(steps), geometry, f32::from(u16::MAX))
        }
    }
}

fn write<T: Stored>(
    path: &Path,
    steps: ndarray::Array3<T>,
    geometry: &Geometry,
    largest: f32,
) -> Result<(), VolumeError> {
    let options = WriteOptions::default().with_scaling(1.0 / largest, 0.0);
    write_volume(path, &Volume::new(steps, geometry.clone()), &options)
}
