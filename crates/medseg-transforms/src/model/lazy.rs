//! A sample whose changes of the grid are joined before they are carried out.

use std::sync::Arc;

use medseg_volume::{Dhw, Geometry};

use crate::spatial::{Pending, SpatialChange};
use crate::{Sample, TransformError};

/// A sample on its way through a pipeline.
///
/// Shape and geometry are those after all steps so far; the voxels follow when somebody asks for them: until then
/// changes of the grid are joined, so that a chain of them interpolates once. The sample may be shared: it is copied only
/// where its voxels change in place.
#[derive(Clone, Debug)]
pub struct LazySample {
    sample: Arc<Sample>,
    pending: Option<Pending>,
    /// After what is pending.
    geometry: Geometry,
    warnings: Vec<String>,
}

impl LazySample {
    pub(crate) fn new(sample: Arc<Sample>) -> Self {
        let geometry = sample.geometry.clone();
        Self { sample, pending: None, geometry, warnings: Vec::new() }
    }

    /// The case's name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.sample.id
    }

    /// Number of voxels along `[depth, height, width]`.
    #[must_use]
    pub fn shape(&self) -> Dhw<usize> {
        self.pending.as_ref().map_or_else(|| self.sample.shape(), Pending::shape)
    }

    /// Place of the voxels in the patient.
    #[must_use]
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Number of image channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.sample.image.dim().0
    }

    /// The sample with its voxels as they are at this point: carries out what is pending.
    pub fn voxels(&mut self) -> &Sample {
        if let Some(pending) = self.pending.take() {
            let (image, label) = pending.carry_out(&self.sample);
            let (id, geometry) = (self.sample.id.clone(), self.geometry.clone());
            self.sample = Arc::new(Sample { id, image, label, geometry });
        }
        &self.sample
    }

    /// Notes something the user should know about this case; it ends up in [`Trace::warnings`](crate::Trace).
    pub fn warn(&mut self, message: impl AsRef<str>) {
        let message = message.as_ref();
        let id = &self.sample.id;
        self.warnings.push(if id.is_empty() { message.into() } else { format!("case {id}: {message}") });
    }

    pub(crate) fn voxels_mut(&mut self) -> &mut Sample {
        self.voxels();
        Arc::make_mut(&mut self.sample)
    }

    /// Adds a change to what is pending, or carries that out first where they cannot be joined.
    pub(crate) fn change(&mut self, change: &SpatialChange) -> Result<(), TransformError> {
        change.validate(self.shape())?;
        self.geometry = change.geometry(self.shape(), &self.geometry)?;
        let pending = self.pending.take().unwrap_or_else(|| Pending::new(self.sample.shape()));
        self.pending = match pending.then(change) {
            Some(joined) => Some(joined),
            None => {
                // Geometry is already the one after the change; `voxels` would give it to the sample before it.
                let (image, label) = pending.carry_out(&self.sample);
                let (id, geometry) = (self.sample.id.clone(), self.sample.geometry.clone());
                self.sample = Arc::new(Sample { id, image, label, geometry });
                Some(Pending::of(self.sample.shape(), change))
            }
        };
        Ok(())
    }

    pub(crate) fn finish(mut self) -> (Arc<Sample>, Vec<String>) {
        self.voxels();
        (self.sample, self.warnings)
    }
}
