//! The deterministic part of the preprocessing: done once a case and kept.

use medseg_data::{Case, rng_for};
use medseg_transforms::{
    BoxDhw, Interpolation, LabelIndex, PadMethod, RandCropByPosNegLabel, SpatialPad, crop, foreground_box, resize,
};
use medseg_volume::{Dhw, Volume, read_label};
use ndarray::Array3;

use super::images::ReadCase;
use super::source::Settings;
use super::{Role, images::Images, jitter};
use crate::TrainError;
use crate::config::{BoxSource, StageConfig, StageInput};
use crate::stage::mix;

/// A case as one stage needs it.
pub(crate) struct Prepared {
    /// Intensities as the network expects them.
    pub image: Array3<f32>,
    /// The class of every voxel: 0 background, 1 the only class or the first.
    pub label: Array3<u8>,
    /// Where crops may be centred; only for training on crops.
    pub index: Option<LabelIndex>,
    /// The box whose faces are moved anew for every training step, in voxels of the arrays, which hold all it can become.
    pub jitter: Option<BoxDhw>,
    /// The label has no foreground.
    pub empty: bool,
}

impl Prepared {
    /// Padded to the size of a crop and indexed.
    pub fn for_crops(self, stage: &StageConfig) -> Self {
        let pad = SpatialPad { size: stage.size, method: PadMethod::Symmetric };
        let (image, label) = (pad.apply(&self.image.view(), 0.0), pad.apply(&self.label.view(), 0));
        let index = Some(crop_sampler(stage).index(&label.view()));
        Self { image, label, index, ..self }
    }

    /// Bytes kept in memory.
    pub fn bytes(&self) -> usize {
        self.image.len() * 4 + self.label.len() + self.index.as_ref().map_or(0, LabelIndex::bytes)
    }
}

/// Reads a case's label as a mask of its foreground; `None` for an unlabelled case.
pub(crate) fn load_label(case: &Case, labels: &[u8]) -> Result<Option<Volume<u8>>, TrainError> {
    load_reference(case, labels, 1)
}

/// Reads a case's label in the values that masks have: 1 for the only class, or the data's own where there are several
/// classes; 0 for what is none of them. `None` for an unlabelled case.
pub(crate) fn load_reference(case: &Case, labels: &[u8], classes: usize) -> Result<Option<Volume<u8>>, TrainError> {
    let Some(path) = &case.label else { return Ok(None) };
    let mut label = read_label(path)?;
    let table = class_table(labels, classes);
    label.data.mapv_inplace(|v| match table[usize::from(v)] {
        0 => 0,
        _ if classes > 1 => v,
        class => class,
    });
    Ok(Some(label))
}

/// What to tell of a label in which nothing counts as foreground.
pub(crate) fn no_foreground(case: &Case) -> String {
    let path = case.label.as_deref().unwrap_or(&case.image);
    format!("case {}: no voxel of {} counts as foreground", case.id, path.display())
}

/// The class of every label value. One class: 1 for the values named, or for every value above 0 if none is. Several
/// classes: the place of the value among those named, from 1.
fn class_table(labels: &[u8], classes: usize) -> [u8; 256] {
    std::array::from_fn(|value| match labels.iter().position(|l| usize::from(*l) == value) {
        Some(at) if classes > 1 => at as u8 + 1,
        Some(_) => 1,
        None => u8::from(labels.is_empty() && value > 0),
    })
}

/// Prepares one labelled case for a stage.
pub(super) fn prepare(case: &Case, images: &Images, settings: &Settings, role: Role) -> Result<Prepared, TrainError> {
    let stage = &settings.stage;
    let read = images.get(case)?;
    let table = class_table(&settings.data.labels, stage.classes());
    let label = read.label.mapv(|v| table[usize::from(v)]);
    let empty = label.iter().all(|v| *v == 0);
    if role == Role::Training && stage.boxes == BoxSource::Jittered {
        let (roi, widest) = jitter::range(&label, stage);
        let (image, label) = (crop(&read.image.view(), &widest, 0.0), crop(&label.view(), &widest, 0));
        return Ok(Prepared { image, label, index: None, jitter: Some(roi), empty });
    }
    let (image, label) = stage_grid(case, &read, label, settings);
    let prepared = Prepared { image, label, index: None, jitter: None, empty };
    let on_crops = role == Role::Training && stage.input != StageInput::Whole;
    Ok(if on_crops { prepared.for_crops(stage) } else { prepared })
}

/// Resized, whole or cut to the case's box.
fn stage_grid(case: &Case, read: &ReadCase, label: Array3<u8>, settings: &Settings) -> (Array3<f32>, Array3<u8>) {
    let stage = &settings.stage;
    match stage.input {
        StageInput::Whole => (
            resize(&read.image.view(), stage.size, Interpolation::Trilinear { align_corners: false }),
            stage.label_resize.resize(&label.view(), stage.size),
        ),
        StageInput::Crops => (read.image.clone(), label),
        StageInput::ForegroundCrops => {
            let roi = case_box(case, &label, settings);
            (crop(&read.image.view(), &roi, 0.0), crop(&label.view(), &roi, 0))
        }
    }
}

/// The box a case is cut to.
fn case_box(case: &Case, label: &Array3<u8>, settings: &Settings) -> BoxDhw {
    let stage = &settings.stage;
    let shape = Dhw::from(<[usize; 3]>::from(label.dim()));
    match stage.boxes {
        BoxSource::Reference => reference_box(label, stage.foreground_margin),
        // Of validation cases one box each, so that epochs can be compared.
        BoxSource::Jittered => {
            let mut rng = rng_for(mix(settings.seed, hash(&case.id), 0), 0, 0);
            jitter::jittered(reference_box(label, stage.foreground_margin), stage.box_jitter, shape, &mut rng)
        }
        BoxSource::Predicted => settings.boxes.get(&case.id).copied().unwrap_or_else(|| BoxDhw::whole(shape)),
    }
}

/// FNV-1a: a number for a name, the same everywhere.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3))
}

/// The random crops of a stage.
pub(crate) fn crop_sampler(stage: &StageConfig) -> RandCropByPosNegLabel {
    RandCropByPosNegLabel { size: stage.size, pos: stage.crops.pos, neg: stage.crops.neg, samples: stage.crops.samples }
}

/// The foreground's box with a margin, cut at the border; the whole volume if there is no foreground.
pub(super) fn reference_box(label: &Array3<u8>, margin: usize) -> BoxDhw {
    let shape = Dhw::from(<[usize; 3]>::from(label.dim()));
    foreground_box(&label.view(), |v| *v != 0, Dhw::splat(margin))
        .map_or_else(|| BoxDhw::whole(shape), |b| b.clipped(shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreground_is_every_positive_value_unless_values_are_named() {
        let all = class_table(&[], 1);
        assert_eq!([all[0], all[1], all[255]], [0, 1, 1]);
        let named = class_table(&[2, 3], 1);
        assert_eq!(named[..5], [0, 0, 1, 1, 0]);
    }

    #[test]
    fn several_classes_are_numbered_in_the_order_of_their_values() {
        assert_eq!(class_table(&[4, 2], 2)[..6], [0, 0, 2, 0, 1, 0]);
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
