//! Connected components of masks and label maps. Works on runs of a row, so that a solid organ costs little.

mod connectivity;
mod fill_holes;
mod keep_largest;
mod label;
mod overlaps;
mod remove_small;
mod runs;

pub use connectivity::Connectivity;
pub use fill_holes::{FillHoles, fill_holes};
pub use keep_largest::{KeepLargestComponents, keep_largest};
pub use label::{Components, label_components};
pub use overlaps::{ComponentOverlap, component_overlaps};
pub use remove_small::{RemoveSmallObjects, remove_components, remove_small_objects};
