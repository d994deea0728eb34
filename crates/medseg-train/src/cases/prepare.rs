//! The deterministic part of the preprocessing: done once a case and kept.

use medseg_data::Case;
use medseg_transforms::{
    BoxDhw, Interpolation, LabelIndex, PadMethod, RandCropByPosNegLabel, SpatialPad, crop, foreground_box, resize,
    resize_nearest, resize_nearest_exact,
};
use medseg_volume::{Dhw, Volume, read_image, read_label};
use ndarray::Array3;

use super::Role;
use crate::TrainError;
use crate::config::{DataConfig, LabelResize, StageConfig, StageInput};

/// A case as one stage needs it.
pub(crate) struct Prepared {
    /// Intensities as the network expects them.
    pub image: Array3<f32>,
    /// 1 where the reference is foreground.
    pub label: Array3<u8>,
    /// Where crops may be centred; only for training on crops.
    pub index: Option<LabelIndex>,
    /// What the user should know about this case.
    pub warning: Option<String>,
}

impl Prepared {
    /// Bytes kept in memory.
    pub fn bytes(&self) -> usize {
        self.image.len() * 4 + self.label.len() + self.index.as_ref().map_or(0, LabelIndex::bytes)
    }
}

/// Reads an image and brings its intensities to the network's range.
fn load_image(case: &Case, data: &DataConfig) -> Result<Volume<f32>, TrainError> {
    let mut image = read_image(&case.image)?;
    data.intensity.apply(&mut image.data);
    Ok(image)
}

/// Reads a case's label as a mask of its foreground; `None` for an unlabelled case.
pub(crate) fn load_label(case: &Case, labels: &[u8]) -> Result<Option<Volume<u8>>, TrainError> {
    let Some(path) = &case.label else { return Ok(None) };
    let mut label = read_label(path)?;
    label.data.mapv_inplace(|v| u8::from(foreground(v, labels)));
    Ok(Some(label))
}

/// What to tell of a label in which nothing counts as foreground.
pub(crate) fn no_foreground(case: &Case) -> String {
    let path = case.label.as_deref().unwrap_or(&case.image);
    format!("case {}: no voxel of {} counts as foreground", case.id, path.display())
}

/// Whether a label value counts as foreground; no labels given means every value above 0.
fn foreground(value: u8, labels: &[u8]) -> bool {
    if labels.is_empty() { value > 0 } else { labels.contains(&value) }
}

/// Loads and prepares one labelled case for a stage.
pub(crate) fn prepare(case: &Case, data: &DataConfig, stage: &StageConfig, role: Role) -> Result<Prepared, TrainError> {
    let image = load_image(case, data)?;
    let label = load_label(case, &data.labels)?
        .ok_or_else(|| TrainError::Config(format!("case {} has no label to train or validate with", case.id)))?;
    let change = data.axis_change(&image.geometry);
    let (image, label) = (change.apply(&image.data.view()), change.apply(&label.data.view()));
    let warning = label.iter().all(|v| *v == 0).then(|| no_foreground(case));
    let (image, label) = match stage.input {
        StageInput::Whole => (
            resize(&image.view(), stage.size, Interpolation::Trilinear { align_corners: false }),
            match stage.label_resize {
                LabelResize::Nearest => resize_nearest(&label.view(), stage.size),
                LabelResize::NearestExact => resize_nearest_exact(&label.view(), stage.size),
            },
        ),
        StageInput::Crops => (image, label),
        StageInput::ForegroundCrops => {
            let roi = reference_box(&label, stage.foreground_margin);
            (crop(&image.view(), &roi, 0.0), crop(&label.view(), &roi, 0))
        }
    };
    if role == Role::Validation || stage.input == StageInput::Whole {
        return Ok(Prepared { image, label, index: None, warning });
    }
    let pad = SpatialPad { size: stage.size, method: PadMethod::Symmetric };
    let (image, label) = (pad.apply(&image.view(), 0.0), pad.apply(&label.view(), 0));
    let index = crop_sampler(stage).index(&label.view());
    Ok(Prepared { image, label, index: Some(index), warning })
}

/// The random crops of a stage.
pub(crate) fn crop_sampler(stage: &StageConfig) -> RandCropByPosNegLabel {
    RandCropByPosNegLabel { size: stage.size, pos: stage.crops.pos, neg: stage.crops.neg, samples: stage.crops.samples }
}

/// The foreground's box with a margin, cut at the border; the whole volume if there is no foreground.
fn reference_box(label: &Array3<u8>, margin: usize) -> BoxDhw {
    let shape = Dhw::from(<[usize; 3]>::from(label.dim()));
    foreground_box(&label.view(), |v| *v != 0, Dhw::splat(margin))
        .map_or_else(|| BoxDhw::whole(shape), |b| b.clipped(shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreground_is_every_positive_value_unless_values_are_named() {
        assert!(foreground(2, &[]) && !foreground(0, &[]));
        assert!(foreground(2, &[2, 3]) && !foreground(1, &[2, 3]));
    }

    #[test]
    fn the_reference_box_is_cut_at_the_border_and_covers_all_without_foreground() {
        let mut label = Array3::zeros((10, 12, 14));
        let all = Dhw::from([10, 12, 14]);
        assert_eq!(reference_box(&label, 3).size, all);
        label[[1, 6, 7]] = 1;
        let roi = reference_box(&label, 3);
        assert_eq!((roi.start, roi.size), (Dhw::from([0, 3, 4]), Dhw::from([5, 7, 7])));
    }
}
