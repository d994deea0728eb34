//! One training step's arrays, drawn by a loader thread.

use burn::tensor::{Device, Tensor, TensorData};
use medseg_transforms::{BoxDhw, crop};
use medseg_volume::Dhw;
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
        let boxes = match &prepared.index {
            Some(index) => crop_sampler(stage).sample(index, rng)?,
            None => vec![BoxDhw::whole(stage.size)],
        };
        let Dhw { d, h, w } = stage.size;
        let mut image = Vec::with_capacity(boxes.len() * d * h * w);
        let mut target = Vec::with_capacity(image.capacity());
        for b in &boxes {
            image.extend(crop(&prepared.image.view(), b, 0.0));
            target.extend(crop(&prepared.label.view(), b, 0).into_iter().map(f32::from));
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
