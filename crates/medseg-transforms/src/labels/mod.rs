//! Label maps: from a network's output, renamed, resized, cleaned.
//!
//! | To | use |
//! |---|---|
//! | make probabilities of logits | [`Probabilities`] |
//! | make labels of probabilities | [`argmax`], [`threshold`], [`AsDiscrete`] |
//! | make one channel a label | [`one_hot`] |
//! | merge and rename values | [`LabelMap`] |
//! | resize | [`LabelInterpolation`] |
//! | number and measure connected components | [`label_components`], [`component_overlaps`] |
//! | erode, dilate and open masks | [`binary_erosion`], [`binary_dilation`], [`binary_opening`] |
//! | keep, remove and fill components | [`KeepLargestComponents`], [`RemoveSmallObjects`], [`FillHoles`], [`remove_components`] |

mod components;
mod discrete;
mod interpolation;
mod label_map;
mod morphology;
mod one_hot;
mod probabilities;
mod step;

pub use components::{
    ComponentOverlap, Components, Connectivity, FillHoles, KeepLargestComponents, RemoveSmallObjects,
    component_overlaps, fill_holes, keep_largest, label_components, remove_components, remove_small_objects,
};
pub use discrete::{AsDiscrete, argmax, threshold};
pub use interpolation::LabelInterpolation;
pub use label_map::{LabelMap, OtherLabels};
pub use morphology::{binary_dilation, binary_erosion, binary_opening};
pub use one_hot::one_hot;
pub use probabilities::{Probabilities, relu};
