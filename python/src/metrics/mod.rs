//! Scores of masks.

mod grid;
mod overlap;
mod pair;
mod surface;
mod table;

pub use grid::{Grid, Spacing};
pub use overlap::{dice, iou};
pub use surface::{assd, hausdorff, hd95, surface_dice};
pub use table::scores;
