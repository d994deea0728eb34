//! The two halves of a transform: deciding what to do, and doing it.

use std::fmt;

use rand::Rng;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::spatial::SpatialChange;
use crate::{LazySample, Sample, TransformError};

/// A step of a [`Pipeline`](crate::Pipeline).
///
/// [`draw`](Self::draw) decides what will be done to a sample; whatever is random is settled there. Carrying it out is
/// deterministic: changes of the grid ([`Draw::Spatial`]) are carried out by the pipeline, which joins neighbouring ones
/// and can take them back; everything else by [`apply`](Self::apply). What was drawn is kept in the
/// [`Trace`](crate::Trace), can be written to a file, and replayed.
///
/// A transform of intensities that is not random has `apply` only:
///
/// ```
/// use medseg_transforms::{Pipeline, Sample, Transform, TransformError};
/// use medseg_volume::{Dhw, Geometry};
///
/// #[derive(Debug)]
/// struct Invert;
///
/// impl Transform for Invert {
///     fn name(&self) -> String {
///         "invert".into()
///     }
///
///     fn apply(&self, sample: &mut Sample, _: &serde_json::Value) -> Result<(), TransformError> {
///         sample.image.mapv_inplace(|v| 1.0 - v);
///         Ok(())
///     }
/// }
///
/// let sample = Sample::new("a", ndarray::Array3::zeros((2, 2, 2)), None, Geometry::from_spacing(Dhw::splat(1.0))?);
/// let done = Pipeline::of([Invert]).apply_one(sample, 0)?;
/// assert_eq!(done.sample.image[[0, 1, 1, 1]], 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Transform: fmt::Debug + Send + Sync {
    /// Its name in traces and messages, in snake_case.
    fn name(&self) -> String;

    /// Refuses parameters that make no sense, before any sample is there.
    ///
    /// # Errors
    /// [`TransformError::Parameter`] naming the parameter.
    fn validate(&self) -> Result<(), TransformError> {
        Ok(())
    }

    /// False if the same sample always gives the same result. Pipelines are cut at the first step that is random, so that
    /// what comes before can be computed once and kept.
    fn is_random(&self) -> bool {
        false
    }

    /// Decides what to do with a sample. The default is [`apply`](Self::apply) without parameters.
    ///
    /// # Errors
    /// Parameters that do not fit the sample.
    fn draw(&self, _sample: &mut LazySample, _rng: &mut dyn Rng) -> Result<Draw, TransformError> {
        Ok(Draw::Parameters(Value::Null))
    }

    /// As [`draw`](Self::draw), for transforms that make several samples of one: one draw each.
    ///
    /// # Errors
    /// As [`draw`](Self::draw).
    fn draw_all(&self, sample: &mut LazySample, rng: &mut dyn Rng) -> Result<Vec<Draw>, TransformError> {
        Ok(vec![self.draw(sample, rng)?])
    }

    /// Carries out [`Draw::Parameters`]. It must leave the shape and the geometry as they are.
    ///
    /// # Errors
    /// Parameters that do not fit the sample. The default refuses: a transform that draws parameters must use them.
    fn apply(&self, _sample: &mut Sample, _parameters: &Value) -> Result<(), TransformError> {
        Err(TransformError::NotReplayable {
            transform: self.name(),
            reason: "it has parameters but no way to use them",
        })
    }
}

/// Makes a type a [`Transform`] by handing every call on to the one that a method returns: for enums of transforms.
///
/// ```
/// use medseg_transforms::{Flip, Reorient, Transform, transform_by};
///
/// #[derive(Debug)]
/// enum Either {
///     Flip(Flip),
///     Reorient(Reorient),
/// }
///
/// impl Either {
///     fn inner(&self) -> &dyn Transform {
///         match self {
///             Self::Flip(flip) => flip,
///             Self::Reorient(reorient) => reorient,
///         }
///     }
/// }
///
/// transform_by!(Either, inner);
/// assert_eq!(Either::Flip(Flip { axes: [true, false, false].into() }).name(), "flip");
/// ```
#[macro_export]
macro_rules! transform_by {
    ($outer:ty, $inner:ident) => {
        impl $crate::Transform for $outer {
            fn name(&self) -> String {
                self.$inner().name()
            }

            fn validate(&self) -> Result<(), $crate::TransformError> {
                self.$inner().validate()
            }

            fn is_random(&self) -> bool {
                self.$inner().is_random()
            }

            fn draw(
                &self,
                sample: &mut $crate::LazySample,
                rng: &mut dyn $crate::rand::Rng,
            ) -> Result<$crate::Draw, $crate::TransformError> {
                self.$inner().draw(sample, rng)
            }

            fn draw_all(
                &self,
                sample: &mut $crate::LazySample,
                rng: &mut dyn $crate::rand::Rng,
            ) -> Result<Vec<$crate::Draw>, $crate::TransformError> {
                self.$inner().draw_all(sample, rng)
            }

            fn apply(
                &self,
                sample: &mut $crate::Sample,
                parameters: &$crate::serde_json::Value,
            ) -> Result<(), $crate::TransformError> {
                self.$inner().apply(sample, parameters)
            }
        }
    };
}

impl<T: Transform + ?Sized> Transform for Box<T> {
    fn name(&self) -> String {
        (**self).name()
    }

    fn validate(&self) -> Result<(), TransformError> {
        (**self).validate()
    }

    fn is_random(&self) -> bool {
        (**self).is_random()
    }

    fn draw(&self, sample: &mut LazySample, rng: &mut dyn Rng) -> Result<Draw, TransformError> {
        (**self).draw(sample, rng)
    }

    fn draw_all(&self, sample: &mut LazySample, rng: &mut dyn Rng) -> Result<Vec<Draw>, TransformError> {
        (**self).draw_all(sample, rng)
    }

    fn apply(&self, sample: &mut Sample, parameters: &Value) -> Result<(), TransformError> {
        (**self).apply(sample, parameters)
    }
}

/// The work of one transform on one sample, with nothing left to chance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Draw {
    /// Nothing: the transform's chance was not met, or there is nothing to do.
    Skip,
    /// Changes of the grid, one after another.
    Spatial(Vec<SpatialChange>),
    /// Whatever [`Transform::apply`] needs.
    Parameters(Value),
}

impl Draw {
    /// Keeps the parameters of [`Transform::apply`].
    ///
    /// # Errors
    /// [`TransformError::NotReplayable`] if they have no JSON form.
    pub fn parameters(transform: &impl Transform, of: impl Serialize) -> Result<Self, TransformError> {
        let refused = |_| TransformError::NotReplayable {
            transform: transform.name(),
            reason: "its parameters cannot be written as JSON",
        };
        serde_json::to_value(of).map(Self::Parameters).map_err(refused)
    }

    /// Reads back what [`parameters`](Self::parameters) kept.
    ///
    /// # Errors
    /// [`TransformError::NotReplayable`] if they are another transform's.
    pub fn read<P: DeserializeOwned>(transform: &impl Transform, parameters: &Value) -> Result<P, TransformError> {
        P::deserialize(parameters).map_err(|_| TransformError::NotReplayable {
            transform: transform.name(),
            reason: "the recorded parameters are not this transform's",
        })
    }
}

impl From<SpatialChange> for Draw {
    fn from(change: SpatialChange) -> Self {
        Self::Spatial(vec![change])
    }
}
