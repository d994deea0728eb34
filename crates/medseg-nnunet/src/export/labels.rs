//! From channels to label values.

use serde::{Deserialize, Serialize};

use super::ExportError;

/// Logits at or below this have a sigmoid of at most 0.5 in f32: 1.5 · 2^-24, half a unit in the last place of 1 + exp(-x).
const HALF_PROBABILITY: f32 = 1.5 / (1 << 24) as f32;

/// Label values of the network's channels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelRule {
    /// One channel a label, 0 for the background: the largest wins, the first of equal ones.
    Argmax {
        /// Number of channels.
        classes: usize,
    },
    /// One channel a region: where its sigmoid exceeds 0.5 in f32, its value is set; later regions overwrite earlier ones.
    Regions {
        /// Label value of each channel; `regions_class_order` of `dataset.json`.
        values: Vec<u16>,
    },
}

impl LabelRule {
    /// Number of channels.
    #[must_use]
    pub fn classes(&self) -> usize {
        match self {
            Self::Argmax { classes } => *classes,
            Self::Regions { values } => values.len(),
        }
    }

    /// Largest label value.
    #[must_use]
    pub fn largest_label(&self) -> usize {
        match self {
            Self::Argmax { classes } => classes.saturating_sub(1),
            Self::Regions { values } => values.iter().copied().max().unwrap_or(0).into(),
        }
    }

    /// Logits of the background: far above those of the other classes, or far below 0 for every region.
    pub(crate) fn background(&self) -> Vec<f32> {
        const FAR: f32 = 10.0;
        let mut logits = vec![-FAR; self.classes()];
        if let (Self::Argmax { .. }, Some(background)) = (self, logits.first_mut()) {
            *background = FAR;
        }
        logits
    }

    pub(crate) fn validate(&self) -> Result<(), ExportError> {
        let classes = self.classes();
        if (1..=1 << 16).contains(&classes) { Ok(()) } else { Err(ExportError::Classes(classes)) }
    }

    /// Labels of a row of voxels from logits: `channel(c, row)` fills a row with channel `c`.
    pub(crate) fn label_logits(
        &self,
        labels: &mut [u16],
        rows: &mut [Vec<f32>; 2],
        channel: impl FnMut(usize, &mut [f32]),
    ) {
        self.decide(labels, rows, HALF_PROBABILITY, channel);
    }

    /// As [`label_logits`](Self::label_logits), from probabilities.
    pub(crate) fn label_probabilities(
        &self,
        labels: &mut [u16],
        rows: &mut [Vec<f32>; 2],
        channel: impl FnMut(usize, &mut [f32]),
    ) {
        self.decide(labels, rows, 0.5, channel);
    }

    fn decide(
        &self,
        labels: &mut [u16],
        [row, best]: &mut [Vec<f32>; 2],
        threshold: f32,
        mut channel: impl FnMut(usize, &mut [f32]),
    ) {
        row.resize(labels.len(), 0.0);
        best.resize(labels.len(), 0.0);
        labels.fill(0);
        match self {
            Self::Argmax { classes } => {
                channel(0, best);
                for class in 1..*classes {
                    channel(class, row);
                    for ((label, best), value) in labels.iter_mut().zip(&mut *best).zip(&*row) {
                        if *value > *best {
                            (*best, *label) = (*value, class as u16);
                        }
                    }
                }
            }
            Self::Regions { values } => {
                for (class, region) in values.iter().enumerate() {
                    channel(class, row);
                    for (label, value) in labels.iter_mut().zip(&*row) {
                        if *value > threshold {
                            *label = *region;
                        }
                    }
                }
            }
        }
    }
}
