//! One training step's arrays, drawn by a loader thread.

use burn::tensor::{Device, Tensor, TensorData};
use medseg_transforms::{BoxDhw, Pipeline, Sample, crop_into};
use medseg_volume::{Dhw, Geometry};
use ndarray::{Array3, Array4, Axis};
use rand::Rng;

use super::TrainingCase;
use super::training_case::crop_sampler;
use crate::TrainError;
use crate::config::StageConfig;

/// Images and class numbers of one case in a training step, `[samples, depth, height, width]`.
pub(crate) struct Batch {
    image: Array4<f32>,
    target: Array4<f32>,
}

impl Batch {
    /// Draws the random crops of a case, or takes the whole image where the stage does.
    pub fn draw(id: &str, case: &TrainingCase, stage: &StageConfig, rng: &mut impl Rng) -> Result<Self, TrainError> {
        let cut = case.cut_anew(stage, rng);
        let case = cut.as_ref().unwrap_or(case);
        let boxes = match &case.index {
            Some(index) => crop_sampler(stage).sample(index, rng)?,
            None => vec![BoxDhw::whole(stage.size)],
        };
        let Dhw { d, h, w } = stage.size;
        let augmentation = stage.augmentation();
        let (mut image, mut target) =
            (Array4::<f32>::zeros((boxes.len(), d, h, w)), Array4::<f32>::zeros((boxes.len(), d, h, w)));
        for ((region, mut image), mut target) in boxes.iter().zip(image.outer_iter_mut()).zip(target.outer_iter_mut()) {
            if augmentation.steps.is_empty() {
                crop_into(&case.image.view(), region, &mut image);
                crop_into(&case.label.view(), region, &mut target);
            } else {
                let (changed, label) = augmented(id, &augmentation, case.cut(region), rng)?;
                image.assign(&changed);
                target.zip_mut_with(&label, |to, class| *to = f32::from(*class));
            }
        }
        Ok(Self { image, target })
    }

    /// Images and class numbers on a device, `[samples, 1, depth, height, width]`.
    pub fn into_tensors(self, device: &Device) -> (Tensor<5>, Tensor<5>) {
        let tensor = |values: Array4<f32>| {
            let (samples, d, h, w) = values.dim();
            Tensor::from_data(TensorData::new(values.into_raw_vec_and_offset().0, [samples, 1, d, h, w]), device)
        };
        (tensor(self.image), tensor(self.target))
    }
}

/// Image and label of a crop after the augmentation, which must keep their shape.
fn augmented(
    id: &str,
    augmentation: &Pipeline,
    crop: TrainingCase,
    rng: &mut impl Rng,
) -> Result<(Array3<f32>, Array3<u8>), TrainError> {
    let shape = crop.image.dim();
    let grid = Geometry::from_spacing(Dhw::splat(1.0))?;
    let sample = Sample::new(id, crop.image, Some(crop.label), grid);
    let Sample { image, label, .. } = augmentation.apply_one_with(sample, rng)?.sample;
    let image = image.index_axis_move(Axis(0), 0);
    match label {
        Some(label) if image.dim() == shape && label.dim() == shape => Ok((image, label)),
        _ => Err(TrainError::Config(format!("augmentation: it makes {:?} voxels of {shape:?}", image.dim()))),
    }
}
