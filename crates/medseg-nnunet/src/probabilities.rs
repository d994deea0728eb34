//! Probabilities of a case's classes.

use std::path::Path;

use medseg_files::plain_name;
use medseg_volume::{Geometry, ProbabilityBits, write_probabilities};
use ndarray::{Array4, Axis};

use crate::NnUnetError;

/// Probabilities on the grid of the case's first file.
#[derive(Clone, Debug)]
pub struct Probabilities {
    /// Probabilities from 0 to 1, `[class, depth, height, width]`, in the order of the file.
    pub values: Array4<f32>,
    /// Name of each class or region.
    pub names: Vec<String>,
    /// Geometry of the first file.
    pub geometry: Geometry,
}

impl Probabilities {
    /// Writes a volume for each class to an existing folder, `00_background.nii.gz`, `01_liver.nii.gz` and so on.
    ///
    /// # Errors
    /// The reason of the system, such as a full disk.
    pub fn write(&self, folder: impl AsRef<Path>, bits: ProbabilityBits) -> Result<(), NnUnetError> {
        for (class, values) in self.values.axis_iter(Axis(0)).enumerate() {
            let name = self.names.get(class).map_or("", String::as_str);
            let path = folder.as_ref().join(format!("{class:02}_{}.nii.gz", plain_name(name)));
            write_probabilities(path, values, &self.geometry, bits)?;
        }
        Ok(())
    }
}
