//! RT structure sets (PS3.3 A.19): the outlines of regions of interest on the slices of a series.
//!
//! A structure set (`RTSTRUCT`) is what radiotherapy exchanges instead of masks. [`read_structure_set`] lists its regions
//! and [`StructureSet::rasterise`] makes a mask of them.
//!
//! # From contours to voxels
//! - `CLOSED_PLANAR` and `CLOSEDPLANAR_XOR` contours of one region and plane are combined by exclusive or, so holes may be
//!   contours of their own or be connected by a keyhole. Points and open contours have no inside; they are passed over
//!   with a warning.
//! - A voxel is inside if its centre is; [`PathRule`](crate::contours::PathRule) decides on centres that a path passes.
//! - A contour belongs to the slice whose plane is nearest, at most half a step away. Of several planes of contours at one
//!   slice the nearest counts, and the others are a warning. Nothing is interpolated: contours on every second slice give
//!   a mask on every second slice, and a warning.
//! - Any grid will do that has slices parallel to the contours, along any of its axes. Others are refused.

mod error;
mod overlap;
mod planes;
mod rasterise;
mod read;
mod roi;
mod warning;

pub use error::StructureSetError;
pub use overlap::{Overlap, OverlapRule};
pub use rasterise::{RasteriseOptions, RoiMask};
pub use read::{StructureSetOptions, read_structure_set, read_structure_set_with};
pub use roi::{Roi, RoiContour, StructureSet};
pub use warning::StructureSetWarning;
