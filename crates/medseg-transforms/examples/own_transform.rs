//! A transform of one's own in a pipeline that is written to and read from a configuration.

use std::error::Error;

use medseg_transforms::{Draw, LazySample, Pipeline, RandFlip, Sample, SpatialPad, Step, Transform, TransformError};
use medseg_volume::{Dhw, Geometry};
use ndarray::Array3;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Darkens the volume towards one end, as a coil far from the patient does in MR.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RandShade {
    strongest: f32,
}

impl Transform for RandShade {
    fn name(&self) -> String {
        "rand_shade".into()
    }

    fn is_random(&self) -> bool {
        true
    }

    fn draw(&self, _: &mut LazySample, rng: &mut dyn Rng) -> Result<Draw, TransformError> {
        Draw::parameters(self, rng.random_range(0.0..=self.strongest))
    }

    fn apply(&self, sample: &mut Sample, parameters: &Value) -> Result<(), TransformError> {
        let (strength, depth) = (Draw::read::<f32>(self, parameters)?, sample.shape().d as f32);
        sample.image.indexed_iter_mut().for_each(|((_, d, ..), v)| *v *= 1.0 - strength * d as f32 / depth);
        Ok(())
    }
}

/// Built-in steps and the new one: `{"transform": "rand_shade", "strongest": 0.5}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum MyStep {
    BuiltIn(Box<Step>),
    Own(Own),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "transform", rename_all = "snake_case")]
enum Own {
    RandShade(RandShade),
}

impl MyStep {
    fn inner(&self) -> &dyn Transform {
        match self {
            Self::BuiltIn(step) => step,
            Self::Own(Own::RandShade(shade)) => shade,
        }
    }
}

medseg_transforms::transform_by!(MyStep, inner);

impl<T: Into<Step>> From<T> for MyStep {
    fn from(step: T) -> Self {
        Self::BuiltIn(Box::new(step.into()))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let size = Dhw::splat(24);
    let pipeline = Pipeline::of([MyStep::Own(Own::RandShade(RandShade { strongest: 0.5 }))])
        .then(SpatialPad::new(size))
        .then(RandFlip { p: 0.5, axes: Dhw::splat(true) });
    let text = serde_json::to_string_pretty(&pipeline)?;
    println!("{text}");
    assert_eq!(serde_json::from_str::<Pipeline<MyStep>>(&text)?, pipeline);

    let label = Array3::from_shape_fn((20, 22, 24), |(d, h, w)| u8::from(d > 4 && h > 7 && w > 9));
    let geometry = Geometry::from_spacing(Dhw { d: 5.0, h: 0.8, w: 0.8 })?;
    let sample = Sample::new("case_1", label.mapv(f32::from), Some(label.clone()), geometry);
    let done = pipeline.apply_one(sample.clone(), 7)?;
    println!("drawn: {}", serde_json::to_string(&done.trace.steps)?);

    // The same again from the record, and the label back on the original grid.
    assert_eq!(pipeline.replay(sample, &done.trace)?.sample, done.sample);
    let transformed = done.sample.label.ok_or("the sample has a label")?;
    assert_eq!(done.trace.invert_label(&transformed.view())?, label);
    Ok(())
}
