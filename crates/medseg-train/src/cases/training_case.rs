//! A case as one stage needs it: made once and kept.

use medseg_data::{Case, case_reason};
use medseg_transforms::{BoxDhw, Interpolation, LabelIndex, RandCropByPosNegLabel, Sample, SpatialPad, crop, resize};
use medseg_volume::Dhw;
use ndarray::{Array3, Array4, ArrayView3, Axis, stack};

use super::boxes::{case_box, range};
use super::labels::{class_map, no_foreground};
use super::{Preparation, Role, Samples};
use crate::TrainError;
use crate::config::{BoxSource, CropSampling, OnBadCase, OnEmptyLabel, StageConfig, StageInput};

/// A case on a stage's grid, with everything that does not change from epoch to epoch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TrainingCase {
    /// Intensities as the network expects them, `[channel, depth, height, width]`.
    pub image: Array4<f32>,
    /// The class of every voxel: 0 background, 1 the only class or the first.
    pub label: Array3<u8>,
    /// The coarse network's mask, 0 or 1, where the network gets it as its last channel.
    pub coarse: Option<Array3<u8>>,
    /// Voxels that crops may be centred on; only for training on crops.
    pub index: Option<LabelIndex>,
    /// The box whose faces are moved anew for every training step, in voxels of the arrays, which hold all it can become.
    pub jitter: Option<BoxDhw>,
    /// The user should know this about the case; it begins with its name.
    pub warning: Option<String>,
}

/// A case that can be used, or the reason why it is left out.
pub(crate) enum Outcome {
    Usable(Box<TrainingCase>),
    LeftOut(String),
}

impl Outcome {
    /// The case, if it can be used, and the warning, if there is one.
    pub fn parts(&self) -> (Option<&TrainingCase>, Option<&str>) {
        match self {
            Self::Usable(case) => (Some(case), case.warning.as_deref()),
            Self::LeftOut(why) => (None, Some(why)),
        }
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        self.parts().0.map_or(0, TrainingCase::bytes)
    }
}

impl TrainingCase {
    /// Prepares a case, or says why it is left out, where the settings allow that.
    pub fn prepare(
        case: &Case,
        samples: &Samples,
        preparation: &Preparation,
        role: Role,
    ) -> Result<Outcome, TrainError> {
        let data = &preparation.data;
        let prepared = samples.get(case).and_then(|sample| Self::new(sample, preparation, role));
        let (mut prepared, empty) = match prepared {
            Ok(prepared) => prepared,
            Err(e) if data.on_bad_case == OnBadCase::Skip && !e.is_usage() => {
                return Ok(Outcome::LeftOut(format!("case {} is left out: {}", case.id, case_reason(&case.id, &e))));
            }
            Err(e) => return Err(e),
        };
        prepared.warning = empty.then(|| no_foreground(case));
        match (&prepared.warning, data.on_empty_label) {
            (Some(warning), OnEmptyLabel::Skip) => Ok(Outcome::LeftOut(format!("{warning}; it is left out"))),
            (Some(_), OnEmptyLabel::Stop) => {
                Err(TrainError::EmptyLabel { path: case.label.clone().unwrap_or_else(|| case.image.clone()) })
            }
            _ => Ok(Outcome::Usable(Box::new(prepared))),
        }
    }

    /// Resizes a sample, leaves it whole or cuts it to its box, as the stage wants it; true if it has no foreground.
    fn new(sample: Sample, preparation: &Preparation, role: Role) -> Result<(Self, bool), TrainError> {
        let (stage, id) = (&preparation.stage, sample.id);
        let (image, channels) = (sample.image, preparation.data.channels);
        let (_, d, h, w) = image.dim();
        let mut label = sample.label.unwrap_or_else(|| Array3::zeros((d, h, w)));
        class_map(&preparation.data.labels, stage.classes()).apply(&mut label)?;
        let empty = label.iter().all(|v| *v == 0);
        let whole = Dhw::from(label.dim());
        // A case that the coarse network did not see, as when steps are timed, has nothing in its mask.
        let coarse = (stage.network.in_channels() > channels).then(|| {
            preparation.masks.get(&id).map_or_else(|| Array3::zeros(whole.to_array()), |mask| mask.on_grid(whole))
        });
        let with_mask = |image, label| Self { coarse, ..Self::plain(image, label) };
        if role == Role::Training && stage.boxes == BoxSource::Jittered {
            let (roi, widest) = range(&label, stage);
            return Ok((Self { jitter: Some(roi), ..with_mask(image, label).cut(&widest) }, empty));
        }
        let case = match stage.input {
            StageInput::Whole => Self::plain(
                each_channel(&image, |channel| {
                    resize(channel, stage.size, Interpolation::Trilinear { align_corners: false })
                }),
                stage.label_resize.resize(&label.view(), stage.size),
            ),
            StageInput::Crops => with_mask(image, label),
            StageInput::ForegroundCrops => {
                let roi = case_box(&id, &label, preparation);
                with_mask(image, label).cut(&roi)
            }
        };
        let on_crops = role == Role::Training && stage.input != StageInput::Whole;
        Ok((if on_crops { case.for_crops(stage) } else { case }, empty))
    }

    /// Image and label alone.
    pub(super) fn plain(image: Array4<f32>, label: Array3<u8>) -> Self {
        Self { image, label, coarse: None, index: None, jitter: None, warning: None }
    }

    /// Image, label and coarse mask in a box.
    pub(super) fn cut(&self, roi: &BoxDhw) -> Self {
        let coarse = self.coarse.as_ref().map(|coarse| crop(&coarse.view(), roi, 0));
        let image = each_channel(&self.image, |channel| crop(channel, roi, 0.0));
        Self { coarse, ..Self::plain(image, crop(&self.label.view(), roi, 0)) }
    }

    /// Padded to the size of a crop and indexed.
    pub fn for_crops(self, stage: &StageConfig) -> Self {
        let pad = SpatialPad::new(stage.size);
        let padded = if pad.padding(self.shape()) == Dhw::splat((0, 0)) {
            self
        } else {
            let image = each_channel(&self.image, |channel| pad.apply(channel, 0.0));
            let label = pad.apply(&self.label.view(), 0);
            let coarse = self.coarse.map(|coarse| pad.apply(&coarse.view(), 0));
            Self { image, label, coarse, ..self }
        };
        Self { index: Some(crop_sampler(stage).index(&padded.label.view())), ..padded }
    }

    /// Voxels along `[depth, height, width]`.
    pub fn shape(&self) -> Dhw<usize> {
        self.label.dim().into()
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        let masks = self.label.len() * (1 + usize::from(self.coarse.is_some()));
        self.image.len() * 4 + masks + self.index.as_ref().map_or(0, LabelIndex::bytes)
    }
}

/// The channels of an image, changed one by one to arrays of one shape.
fn each_channel(image: &Array4<f32>, change: impl Fn(&ArrayView3<'_, f32>) -> Array3<f32>) -> Array4<f32> {
    let changed: Vec<Array3<f32>> = image.outer_iter().map(|channel| change(&channel)).collect();
    if let [_] = changed[..] {
        return changed.into_iter().next().map(|only| only.insert_axis(Axis(0))).unwrap_or_default();
    }
    let views: Vec<_> = changed.iter().map(|channel| channel.view()).collect();
    stack(Axis(0), &views).expect("channels of one grid stay on one grid")
}

/// The random crops of a stage.
pub(super) fn crop_sampler(stage: &StageConfig) -> RandCropByPosNegLabel {
    let CropSampling { samples, pos, neg, by_class } = stage.crops;
    RandCropByPosNegLabel { size: stage.size, pos, neg, samples, by_class }
}
