//! A rule for a known number of channels.

use super::{MaskRule, RegionLabel};
use crate::error::InferenceError;

/// The kind of numbers that a rule is applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scores {
    Logits,
    Probabilities,
}

/// A [`MaskRule`] for a known number of channels.
#[derive(Clone, Debug)]
pub(crate) enum Reducer {
    /// Foreground from this score on.
    Threshold { least: f32 },
    /// The largest of several.
    Argmax,
    /// The first of several regions whose score is at least this.
    Regions { least: f32, regions: Vec<RegionLabel> },
}

impl Reducer {
    pub(crate) fn new(rule: &MaskRule, scores: Scores, channels: usize) -> Result<Self, InferenceError> {
        rule.validate_for(channels)?;
        let least = rule.least(scores);
        Ok(match channels {
            _ if rule.has_regions() => Self::Regions { least, regions: rule.regions.clone() },
            1 => Self::Threshold { least },
            _ => Self::Argmax,
        })
    }

    /// Room for what `len` voxels carry from channel to channel: the largest score, or the place of the region in its list.
    pub(crate) fn best(&self, len: usize) -> Vec<f32> {
        match self {
            Self::Threshold { .. } => Vec::new(),
            Self::Argmax | Self::Regions { .. } => vec![0.0; len],
        }
    }

    /// Takes channel number `channel` (below 256, ascending from 0) of some voxels into account. `best` and `labels` carry the
    /// state from channel to channel; channel 0 sets them.
    pub(crate) fn take(&self, channel: usize, scores: &[f32], best: &mut [f32], labels: &mut [u8]) {
        match self {
            Self::Threshold { least } => {
                for (label, score) in labels.iter_mut().zip(scores) {
                    *label = u8::from(*score >= *least);
                }
            }
            Self::Argmax if channel == 0 => {
                labels.fill(0);
                for (best, score) in best.iter_mut().zip(scores) {
                    *best = score.max(f32::NEG_INFINITY);
                }
            }
            Self::Argmax => {
                let number = channel as u8;
                for ((label, best), score) in labels.iter_mut().zip(best).zip(scores) {
                    let larger = *score > *best;
                    *best = if larger { *score } else { *best };
                    *label = if larger { number } else { *label };
                }
            }
            Self::Regions { least, regions } => {
                if channel == 0 {
                    labels.fill(0);
                    best.fill(f32::INFINITY);
                }
                let Some(place) = regions.iter().position(|region| region.channel == channel) else { return };
                let (own, place) = (regions[place].label, place as f32);
                for ((label, best), score) in labels.iter_mut().zip(best).zip(scores) {
                    let decides = *score >= *least && place < *best;
                    *best = if decides { place } else { *best };
                    *label = if decides { own } else { *label };
                }
            }
        }
    }
}
