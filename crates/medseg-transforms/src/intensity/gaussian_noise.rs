//! Gaussian noise.

use ndarray::{ArrayBase, Axis, DataMut, Ix3, parallel::prelude::*};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::TransformError;

/// Adds normally distributed noise. The noise is a function of the seed and of a voxel's place alone: every row has a
/// stream of the generator (ChaCha8) to itself, so threads cannot change it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaussianNoise {
    /// Mean.
    #[serde(default)]
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
    /// Of the generator.
    pub seed: u64,
}

impl GaussianNoise {
    /// Refuses a mean that is not finite and a negative standard deviation.
    ///
    /// # Errors
    /// [`TransformError::Parameter`] naming the parameter.
    pub fn validate(&self) -> Result<(), TransformError> {
        if !self.mean.is_finite() {
            return Err(TransformError::parameter("mean", self.mean, "must be finite"));
        }
        if self.std >= 0.0 && self.std.is_finite() {
            return Ok(());
        }
        Err(TransformError::parameter("std", self.std, "must not be negative"))
    }

    /// Adds the noise in place.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn apply<S: DataMut<Elem = f32>>(&self, image: &mut ArrayBase<S, Ix3>) -> Result<(), TransformError> {
        self.validate()?;
        let (mean, std) = (self.mean as f32, self.std as f32);
        let (_, height, _) = image.dim();
        let start = ChaCha8Rng::seed_from_u64(self.seed);
        image.view_mut().axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(|(z, mut plane)| {
            for (y, mut row) in plane.outer_iter_mut().enumerate() {
                let mut rng = start.clone();
                rng.set_stream((z * height + y) as u64);
                for v in &mut row {
                    let normal: f32 = StandardNormal.sample(&mut rng);
                    *v += mean + std * normal;
                }
            }
        });
        Ok(())
    }
}
