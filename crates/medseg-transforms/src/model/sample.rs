//! One case on its way to the network.

use medseg_volume::{Dhw, Geometry};
use ndarray::{Array3, Array4, Axis};

use crate::TransformError;

/// An image, its label and where both lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The case's name, for messages.
    pub id: String,
    /// Intensities `[channel, depth, height, width]`.
    pub image: Array4<f32>,
    /// Label values `[depth, height, width]` on the image's grid.
    pub label: Option<Array3<u8>>,
    /// Place of the voxels in the patient.
    pub geometry: Geometry,
}

impl Sample {
    /// A sample of one channel.
    pub fn new(id: impl Into<String>, image: Array3<f32>, label: Option<Array3<u8>>, geometry: Geometry) -> Self {
        Self { id: id.into(), image: image.insert_axis(Axis(0)), label, geometry }
    }

    /// Number of voxels along `[depth, height, width]`.
    #[must_use]
    pub fn shape(&self) -> Dhw<usize> {
        let (_, d, h, w) = self.image.dim();
        Dhw { d, h, w }
    }

    /// Refuses a sample that no transform could treat.
    ///
    /// # Errors
    /// [`TransformError::Case`] if there is no voxel or the label's shape is not the image's.
    pub fn validate(&self) -> Result<(), TransformError> {
        let shape = self.shape();
        if self.image.is_empty() {
            return Err(TransformError::NoVoxels { shape }.of_case(&self.id));
        }
        match &self.label {
            Some(label) if Dhw::from(label.dim()) != shape => {
                Err(TransformError::LabelShape { image: shape, label: label.dim().into() }.of_case(&self.id))
            }
            _ => Ok(()),
        }
    }
}
