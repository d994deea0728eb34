//! Components of final masks.

use serde::{Deserialize, Serialize};

/// Components (26 neighbours) that final masks keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cleaning {
    /// All of them.
    #[default]
    None,
    /// The largest one of every label: right where each label is one organ in one part.
    LargestOfEachLabel,
    /// The largest one of the labels' union, with all labels in it: right where the labels touch each other.
    LargestOfUnion,
    /// Those by which the Dice of the validation cases is highest. After training, the largest component of the union is
    /// tried, then that of every label; each is used if it raises the mean Dice and lowers no label's. Source: the rule of
    /// nnU-Net (Isensee et al., Nature Methods 2021).
    ChosenByValidation,
}
