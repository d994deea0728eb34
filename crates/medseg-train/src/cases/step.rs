//! One training step's arrays, drawn by a loader thread.

use burn::tensor::{Device, Tensor, TensorData};
use medseg_transforms::{BoxDhw, Pipeline, Sample, crop};
use medseg_volume::{Dhw, Geometry};
use ndarray::{Array3, Axis};
use rand::Rng;

use super::Prepared;
use super::prepare::crop_sampler;
use crate::TrainError;
use crate::config::StageConfig;

/// Images and class numbers of one case in a step, `[samples, 1, depth, height, width]` in C order.
pub(crate) struct TrainingStep {
    /// The case they come from.
    pub case: String,
    shape: [usize; 5],
    image: Vec<f32>,
    target: Vec<f32>,
}

impl TrainingStep {
    /// Draws the random crops of a case, or takes the whole image where the stage does.
    pub fn draw(case: &str, prepared: &Prepared, stage: &StageConfig, rng: &mut impl Rng) -> Result<Self, TrainError> {
        let cut = prepared.cut_anew(stage, rng);
        let prepared = cut.as_ref().unwrap_or(prepared);
        let boxes = match &prepared.index {
            Some(index) => crop_sampler(stage).sample(index, rng)?,
            None => vec![BoxDhw::whole(stage.size)],
        };
        let Dhw { d, h, w } = stage.size;
        let augmentation = stage.augmentation();
        let mut image = Vec::with_capacity(boxes.len() * d * h * w);
        let mut target = Vec::with_capacity(image.capacity());
        for b in &boxes {
            let parts = (crop(&prepared.image.view(), b, 0.0), crop(&prepared.label.view(), b, 0));
            let (part, label) = augmented(case, &augmentation, parts, rng)?;
            image.extend(part);
            target.extend(label.into_iter().map(f32::from));
        }
        let shape = [boxes.len(), 1, d, h, w];
        Ok(Self { case: case.to_string(), shape, image, target })
    }

    /// Images and class numbers on a device.
    pub fn into_tensors(self, device: &Device) -> (Tensor<5>, Tensor<5>) {
        let tensor = |values| Tensor::from_data(TensorData::new(values, self.shape), device);
        (tensor(self.image), tensor(self.target))
    }
}

/// Image and label of a crop after the augmentation, which must keep their shape.
fn augmented(
    case: &str,
    augmentation: &Pipeline,
    (image, label): (Array3<f32>, Array3<u8>),
    rng: &mut impl Rng,
) -> Result<(Array3<f32>, Array3<u8>), TrainError> {
    if augmentation.steps.is_empty() {
        return Ok((image, label));
    }
    let shape = image.dim();
    let grid = Geometry::from_spacing(Dhw::splat(1.0))?;
    let Sample { image, label, .. } =
        augmentation.apply_one_with(Sample::new(case, image, Some(label), grid), rng)?.sample;
    let image = image.index_axis_move(Axis(0), 0);
    match label {
        Some(label) if image.dim() == shape && label.dim() == shape => Ok((image, label)),
        _ => Err(TrainError::Config(format!("augmentation: it makes {:?} voxels of {shape:?}", image.dim()))),
    }
}
