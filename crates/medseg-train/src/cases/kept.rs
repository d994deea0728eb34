//! Prepared cases as a folder keeps them between runs.

use std::collections::BTreeMap;
use std::io;

use medseg_data::{CacheItem, CompactImage, CompactLabel, ItemReader, ItemWriter};
use medseg_transforms::{BoxDhw, LabelIndex, LabelInterpolation, Preprocessing, RandCropByPosNegLabel};
use medseg_volume::Dhw;
use ndarray::Array3;
use serde::Serialize;

use super::Prepared;
use super::source::{Item, Role, Settings};
use crate::config::{BoxSource, OnBadCase, OnEmptyLabel, StageInput};

/// All settings that a prepared case depends on.
#[derive(Serialize)]
pub(super) struct KeptUnder {
    role: Role,
    labels: Vec<u8>,
    preprocessing: Preprocessing,
    label_interpolation: LabelInterpolation,
    on_bad_case: OnBadCase,
    on_empty_label: OnEmptyLabel,
    classes: usize,
    input: StageInput,
    size: Dhw<usize>,
    label_resize: LabelInterpolation,
    foreground_margin: usize,
    boxes: BoxSource,
    box_jitter: usize,
    /// Where boxes are jittered once a case.
    seed: Option<u64>,
    /// Where boxes are predicted: start and size of each.
    predicted: BTreeMap<String, [[i64; 3]; 2]>,
}

impl KeptUnder {
    pub fn new(settings: &Settings, role: Role) -> Self {
        let (data, stage) = (&settings.data, &settings.stage);
        let numbers = |b: &BoxDhw| [b.start.to_array().map(|v| v as i64), b.size.to_array().map(|v| v as i64)];
        Self {
            role,
            labels: data.labels.clone(),
            preprocessing: data.preprocessing,
            label_interpolation: data.label_interpolation,
            on_bad_case: data.on_bad_case,
            on_empty_label: data.on_empty_label,
            classes: stage.classes(),
            input: stage.input,
            size: stage.size,
            label_resize: stage.label_resize,
            foreground_margin: stage.foreground_margin,
            boxes: stage.boxes,
            box_jitter: stage.box_jitter,
            seed: (stage.boxes == BoxSource::Jittered && role == Role::Validation).then_some(settings.seed),
            predicted: settings.boxes.iter().map(|(case, b)| (case.clone(), numbers(b))).collect(),
        }
    }
}

/// Where crops may be centred; cheaper to find again than to keep.
fn index_of(label: &Array3<u8>) -> LabelIndex {
    let any = RandCropByPosNegLabel { size: Dhw::splat(1), pos: 1.0, neg: 1.0, samples: 1 };
    any.index(&label.view())
}

impl CacheItem for Item {
    fn write(&self, to: &mut ItemWriter<'_>) -> io::Result<()> {
        // Why a case is left out may change without its files; it is looked at again.
        let Self::Usable { prepared, warning } = self else {
            return Err(io::Error::other("a case that is left out is not kept"));
        };
        let Prepared { image, label, index, jitter, empty } = prepared.as_ref();
        to.json(&(warning, empty, index.is_some(), jitter))?;
        CompactImage::new(&image.view()).write(to)?;
        CompactLabel::new(&label.view()).write(to)
    }

    fn read(from: &mut ItemReader<'_>) -> io::Result<Self> {
        let (warning, empty, indexed, jitter): (Option<String>, bool, bool, Option<BoxDhw>) = from.json()?;
        let (image, label) = (CompactImage::read(from)?.to_array(), CompactLabel::read(from)?.to_array());
        if image.dim() != label.dim() {
            return Err(ItemReader::damaged("image and label differ in shape"));
        }
        let index = indexed.then(|| index_of(&label));
        Ok(Self::Usable { prepared: Box::new(Prepared { image, label, index, jitter, empty }), warning })
    }
}
