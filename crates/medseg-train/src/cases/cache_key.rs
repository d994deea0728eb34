//! Names for cases on the disk: everything that they depend on.

use std::collections::BTreeMap;

use medseg_transforms::{BoxDhw, LabelInterpolation, Preprocessing};
use medseg_volume::Dhw;
use serde::Serialize;

use super::{CoarseMask, Preparation, Role};
use crate::config::{BoxSource, OnBadCase, OnEmptyLabel, StageInput};

/// The settings that a prepared case depends on.
#[derive(Serialize)]
pub(super) struct PreparationKey {
    role: Role,
    channels: usize,
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
    by_class: bool,
    /// For boxes that are jittered once a case.
    seed: Option<u64>,
    /// Start and size of every predicted box.
    predicted: BTreeMap<String, [[i64; 3]; 2]>,
    /// Every mask that is a channel.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    masks: BTreeMap<String, CoarseMask>,
}

impl PreparationKey {
    pub fn new(preparation: &Preparation, role: Role) -> Self {
        let (data, stage) = (&preparation.data, &preparation.stage);
        let numbers = |b: &BoxDhw| [b.start.to_array().map(|v| v as i64), b.size.to_array().map(|v| v as i64)];
        Self {
            role,
            channels: data.channels,
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
            by_class: stage.crops.by_class,
            seed: (stage.boxes == BoxSource::Jittered && role == Role::Validation).then_some(preparation.seed),
            predicted: preparation.boxes.iter().map(|(case, b)| (case.clone(), numbers(b))).collect(),
            masks: preparation.masks.iter().map(|(case, mask)| (case.clone(), mask.clone())).collect(),
        }
    }
}
