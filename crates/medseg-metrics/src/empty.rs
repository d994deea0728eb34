//! Scores of masks without foreground.

use serde::{Deserialize, Serialize};

/// Value of an overlap score when the reference, or both masks, have no foreground.
///
/// `NaN` means "no score": means and intervals leave it out, and [`Summary`](crate::Summary) counts it.
///
/// | reference | prediction | `SkipEmptyReference` | `SkipBothEmpty` | `ScoreAll` |
/// |---|---|---|---|---|
/// | empty | empty | NaN | NaN | 1 |
/// | empty | some | NaN | 0 | 0 |
/// | some | empty | 0 | 0 | 0 |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyPolicy {
    /// No score for a case without foreground in the reference: MONAI's default (`ignore_empty=True`).
    #[default]
    SkipEmptyReference,
    /// No score only if both masks are empty: what nnU-Net does.
    SkipBothEmpty,
    /// Always a score; agreement on "nothing there" counts as 1: MONAI's `ignore_empty=False`.
    ScoreAll,
}

impl EmptyPolicy {
    /// The score of a pair whose reference is empty.
    pub(crate) fn score_without_reference(self, prediction_is_empty: bool) -> f64 {
        match (self, prediction_is_empty) {
            (Self::SkipEmptyReference, _) | (Self::SkipBothEmpty, true) => f64::NAN,
            (Self::ScoreAll, true) => 1.0,
            (Self::SkipBothEmpty | Self::ScoreAll, false) => 0.0,
        }
    }
}
