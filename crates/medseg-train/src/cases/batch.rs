//! One training step's arrays, drawn by a loader thread.

use burn::tensor::{Device, Tensor, TensorData};
use medseg_transforms::{BoxDhw, Pipeline, Sample, crop_into};
use medseg_volume::{Dhw, Geometry};
use ndarray::{Array3, Array4, Array5, Axis};
use rand::Rng;

use super::TrainingCase;
use super::training_case::crop_sampler;
use crate::TrainError;
use crate::config::StageConfig;

/// Images `[samples, channels, depth, height, width]` and class numbers `[samples, depth, height, width]` of one case in a
/// training step.
pub(crate) struct Batch {
    image: Array5<f32>,
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
        let of_image = case.image.dim().0;
        let channels = of_image + usize::from(case.coarse.is_some());
        let (mut image, mut target) =
            (Array5::<f32>::zeros((boxes.len(), channels, d, h, w)), Array4::<f32>::zeros((boxes.len(), d, h, w)));
        for ((region, image), mut target) in boxes.iter().zip(image.outer_iter_mut()).zip(target.outer_iter_mut()) {
            let (mut image, mut mask) = image.split_at(Axis(0), of_image);
            let mask = mask.outer_iter_mut().next();
            if augmentation.steps.is_empty() {
                for (channel, mut to) in case.image.outer_iter().zip(image.outer_iter_mut()) {
                    crop_into(&channel, region, &mut to);
                }
                crop_into(&case.label.view(), region, &mut target);
                if let (Some(mut to), Some(coarse)) = (mask, &case.coarse) {
                    crop_into(&coarse.view(), region, &mut to);
                }
            } else {
                let (changed, label) = augmented(id, &augmentation, case.cut(region), rng)?;
                image.assign(&changed);
                let class = if mask.is_some() { !IN_MASK } else { u8::MAX };
                target.zip_mut_with(&label, |to, both| *to = f32::from(*both & class));
                if let Some(mut to) = mask {
                    to.zip_mut_with(&label, |to, both| *to = f32::from(u8::from(*both & IN_MASK != 0)));
                }
            }
        }
        Ok(Self { image, target })
    }

    /// Images `[samples, channels, depth, height, width]` and class numbers `[samples, 1, ...]` on a device.
    pub fn into_tensors(self, device: &Device) -> (Tensor<5>, Tensor<5>) {
        let tensor = |values: Array5<f32>| {
            let (samples, channels, d, h, w) = values.dim();
            let shape = [samples, channels, d, h, w];
            Tensor::from_data(TensorData::new(values.into_raw_vec_and_offset().0, shape), device)
        };
        (tensor(self.image), tensor(self.target.insert_axis(Axis(1))))
    }
}

/// Set in a label where the coarse mask is, on the way through the augmentation: the mask moves as the label does.
pub(crate) const IN_MASK: u8 = 0x80;

/// Image and label of a crop after the augmentation, which must keep their shape; the label holds the coarse mask too.
fn augmented(
    id: &str,
    augmentation: &Pipeline,
    crop: TrainingCase,
    rng: &mut impl Rng,
) -> Result<(Array4<f32>, Array3<u8>), TrainError> {
    let (of_image, shape) = (crop.image.dim(), crop.label.dim());
    let grid = Geometry::from_spacing(Dhw::splat(1.0))?;
    let mut label = crop.label;
    if let Some(coarse) = &crop.coarse {
        label.zip_mut_with(coarse, |label, coarse| *label |= if *coarse == 0 { 0 } else { IN_MASK });
    }
    let sample = Sample { id: id.into(), image: crop.image, label: Some(label), geometry: grid };
    let Sample { image, label, .. } = augmentation.apply_one_with(sample, rng)?.sample;
    match label {
        Some(label) if image.dim() == of_image && label.dim() == shape => Ok((image, label)),
        _ => Err(TrainError::Config(format!("augmentation: it makes {:?} voxels of {of_image:?}", image.dim()))),
    }
}

#[cfg(test)]
mod tests {
    use medseg_data::rng_for;
    use medseg_transforms::nnunet_augmentation_for;

    use super::*;
    use crate::config::{Experiment, Preset};

    #[test]
    fn the_coarse_mask_moves_as_the_label_does() {
        let mut stage = Preset::Quick.config(Experiment::TwoStage).fine;
        stage.set_size(Dhw::splat(12));
        let label = Array3::from_shape_fn((20, 16, 18), |(z, y, x)| u8::from((z + 3 * y + 2 * x) % 13 < 5));
        let image = label.mapv(|class| f32::from(class) + 0.5).insert_axis(Axis(0));
        let case = TrainingCase { coarse: Some(label.clone()), ..TrainingCase::plain(image, label) }.for_crops(&stage);
        let alone = TrainingCase { coarse: None, ..case.clone() };
        let high = TrainingCase { label: alone.label.mapv(|class| 200 * class), ..alone.clone() };
        for steps in [Vec::new(), nnunet_augmentation_for(stage.size, Dhw::splat(true)).steps] {
            stage.augmentation = steps;
            for number in 0..12 {
                let draw = |case| Batch::draw("a", case, &stage, &mut rng_for(1, number, 0)).unwrap();
                let (both, alone) = (draw(&case), draw(&alone));
                assert_eq!(both.image.index_axis(Axis(1), 1), both.target);
                assert!(both.target.iter().any(|class| *class == 1.0));
                assert!(both.image.index_axis(Axis(1), 0) == alone.image.index_axis(Axis(1), 0));
                assert!(both.target == alone.target && draw(&high).target == alone.target.mapv(|class| 200.0 * class));
                let (image, target) = both.into_tensors(&Device::flex());
                assert_eq!((image.dims()[1], target.dims()[1]), (2, 1));
            }
        }
    }
}
