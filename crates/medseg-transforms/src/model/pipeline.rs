//! Transforms one after another, as a value.

use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::model::lazy::LazySample;
use crate::{Applied, Draw, Sample, Step, Trace, Transform, TransformError};

/// Transforms one after another.
///
/// A plain value that is written to and read from a configuration; the built-in transforms are [`Step`]s. With transforms
/// of your own, use an enum of both (see the crate's example `own_transform`) or `Box<dyn Transform>`.
///
/// ```
/// use medseg_transforms::{Pipeline, Sample, Step};
/// use medseg_volume::{Dhw, Geometry};
///
/// let pipeline: Pipeline = serde_json::from_str(
///     r#"{"steps": [
///         {"transform": "orientation", "to": "RAS"},
///         {"transform": "spatial_pad", "size": [8, 8, 8]},
///         {"transform": "rand_flip", "p": 0.5, "axes": [true, true, true]}
///     ]}"#,
/// )?;
/// let label = ndarray::Array3::from_shape_fn((4, 5, 6), |(d, h, w)| (d + h + w) as u8 % 3);
/// let geometry = Geometry::from_spacing(Dhw { d: 5.0, h: -0.8, w: -0.8 })?;
/// let sample = Sample::new("case_1", label.mapv(f32::from), Some(label.clone()), geometry);
///
/// let done = pipeline.apply_one(sample, 7)?;
/// assert_eq!(done.sample.shape(), Dhw::splat(8));
/// assert_eq!(done.trace.invert_label(&done.sample.label.unwrap().view())?, label);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline<T = Step> {
    /// First to last.
    pub steps: Vec<T>,
}

impl<T> Default for Pipeline<T> {
    fn default() -> Self {
        Self { steps: Vec::new() }
    }
}

/// A result of a pipeline with its trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Transformed {
    /// The result.
    pub sample: Sample,
    /// Record of the draws; takes results back to the original grid.
    pub trace: Trace,
}

impl Pipeline {
    /// A pipeline of built-in transforms, to be filled with [`then`](Self::then).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl<T> FromIterator<T> for Pipeline<T> {
    fn from_iter<I: IntoIterator<Item = T>>(steps: I) -> Self {
        Self { steps: steps.into_iter().collect() }
    }
}

impl<T: Transform> Pipeline<T> {
    /// A pipeline of transforms of one type.
    pub fn of(steps: impl IntoIterator<Item = T>) -> Self {
        steps.into_iter().collect()
    }

    /// With one more step.
    #[must_use]
    pub fn then(mut self, step: impl Into<T>) -> Self {
        self.steps.push(step.into());
        self
    }

    /// Refuses parameters that make no sense, before any case is read.
    ///
    /// # Errors
    /// [`TransformError::Step`] with the step's number and name.
    pub fn validate(&self) -> Result<(), TransformError> {
        self.steps.iter().enumerate().try_for_each(|(n, step)| step.validate().map_err(|e| e.of_step(n, &step.name())))
    }

    /// The number of steps before the first random one: their results can be kept.
    #[must_use]
    pub fn deterministic_steps(&self) -> usize {
        self.steps.iter().position(Transform::is_random).unwrap_or(self.steps.len())
    }

    /// Applies it; several samples come out where a step makes several of one, such as random crops.
    ///
    /// The same seed gives the same result, whatever the number of threads.
    ///
    /// # Errors
    /// [`TransformError::Case`] with the case's name.
    pub fn apply(&self, sample: impl Into<Arc<Sample>>, seed: u64) -> Result<Vec<Transformed>, TransformError> {
        self.apply_with(sample, &mut ChaCha8Rng::seed_from_u64(seed))
    }

    /// As [`apply`](Self::apply), with a generator of your own.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn apply_with(
        &self,
        sample: impl Into<Arc<Sample>>,
        rng: &mut dyn rand::Rng,
    ) -> Result<Vec<Transformed>, TransformError> {
        let sample = sample.into();
        sample.validate()?;
        let trace = Trace::new(&sample);
        let mut ways = vec![(LazySample::new(sample), trace)];
        for (n, step) in self.steps.iter().enumerate() {
            let mut next = Vec::with_capacity(ways.len());
            for (mut on, trace) in ways {
                let id = on.id().to_string();
                let named = |e: TransformError| e.of_step(n, &step.name()).of_case(&id);
                let mut draws = step.draw_all(&mut on, rng).map_err(named)?;
                let last = draws.pop();
                for draw in draws {
                    next.push(after(step, draw, on.clone(), trace.clone()).map_err(named)?);
                }
                // The last way takes the sample over, so that a single one never copies it.
                if let Some(draw) = last {
                    next.push(after(step, draw, on, trace).map_err(named)?);
                }
            }
            ways = next;
        }
        Ok(ways.into_iter().map(finish).collect())
    }

    /// As [`apply`](Self::apply) for pipelines that make one sample of one.
    ///
    /// # Errors
    /// As [`apply`](Self::apply), and [`TransformError::NotOne`] if it makes another number of samples.
    pub fn apply_one(&self, sample: impl Into<Arc<Sample>>, seed: u64) -> Result<Transformed, TransformError> {
        self.apply_one_with(sample, &mut ChaCha8Rng::seed_from_u64(seed))
    }

    /// As [`apply_one`](Self::apply_one), with a generator of your own.
    ///
    /// # Errors
    /// As [`apply_one`](Self::apply_one).
    pub fn apply_one_with(
        &self,
        sample: impl Into<Arc<Sample>>,
        rng: &mut dyn rand::Rng,
    ) -> Result<Transformed, TransformError> {
        let done = self.apply_with(sample, rng)?;
        let [one] = <[Transformed; 1]>::try_from(done).map_err(|all| TransformError::NotOne { samples: all.len() })?;
        Ok(one)
    }

    /// Does again what a trace recorded.
    ///
    /// # Errors
    /// [`TransformError::Case`] if the trace is not of this pipeline and of a sample of this shape.
    pub fn replay(&self, sample: impl Into<Arc<Sample>>, trace: &Trace) -> Result<Transformed, TransformError> {
        let sample = sample.into();
        sample.validate()?;
        let recorded = trace.steps.iter().map(|applied| applied.transform.clone());
        if trace.shape != sample.shape() || !recorded.eq(self.steps.iter().map(Transform::name)) {
            return Err(TransformError::OtherTrace.of_case(&sample.id));
        }
        let mut on = LazySample::new(sample);
        for (n, (step, applied)) in self.steps.iter().zip(&trace.steps).enumerate() {
            carry_out(step, &applied.draw, &mut on).map_err(|e| e.of_step(n, &step.name()).of_case(on.id()))?;
        }
        let (sample, _) = on.finish();
        Ok(Transformed { sample: Arc::unwrap_or_clone(sample), trace: trace.clone() })
    }
}

fn carry_out(step: &impl Transform, draw: &Draw, on: &mut LazySample) -> Result<(), TransformError> {
    match draw {
        Draw::Skip => Ok(()),
        Draw::Spatial(changes) => changes.iter().try_for_each(|change| on.change(change)),
        Draw::Parameters(parameters) => {
            let shape = on.shape();
            let sample = on.voxels_mut();
            step.apply(sample, parameters)?;
            sample.validate()?;
            if sample.shape() == shape { Ok(()) } else { Err(TransformError::ShapeChanged { transform: step.name() }) }
        }
    }
}

fn after(
    step: &impl Transform,
    draw: Draw,
    mut on: LazySample,
    mut trace: Trace,
) -> Result<(LazySample, Trace), TransformError> {
    carry_out(step, &draw, &mut on)?;
    trace.steps.push(Applied { transform: step.name(), draw });
    Ok((on, trace))
}

fn finish((on, mut trace): (LazySample, Trace)) -> Transformed {
    let (sample, warnings) = on.finish();
    trace.warnings = warnings;
    Transformed { sample: Arc::unwrap_or_clone(sample), trace }
}
