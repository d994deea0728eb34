//! RT structure sets (PS3.3 A.19): the outlines of regions of interest on the slices of a series.
//!
//! A structure set (`RTSTRUCT`) is what radiotherapy exchanges instead of masks. [`write()`] makes one of a mask on a
//! series' grid. [`read()`] lists a file's regions, and [`StructureSet::rasterise`] makes a mask of them.
//!
//! ```no_run
//! use medseg_volume::dicom::structure_set::{self, RasteriseOptions, WriteOptions};
//! use medseg_volume::dicom::{SeriesOptions, SourceSeries};
//! use medseg_volume::segments::SegmentTable;
//!
//! let source = SourceSeries::read("scan", &SeriesOptions::default())?;
//! let mask = medseg_volume::read_label("liver.nii.gz")?;
//! let table = SegmentTable::from_names([(1, "liver")])?;
//! structure_set::write("rtstruct.dcm", &mask, &table, &source, &WriteOptions::default())?;
//!
//! let set = structure_set::read("rtstruct.dcm")?;
//! let read = set.rasterise_on_series(&source, &RasteriseOptions::default())?;
//! assert_eq!(read.mask.data, mask.data.mapv(u16::from)); // if the mask's axes are the series'
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # From voxels to contours
//! Each segment becomes a region with closed contours on the slices' own planes, and each contour refers to its image. The
//! contours are those of [`contours`](crate::contours): a hole is connected with the contour around it by a keyhole, which
//! readers fill alike, whatever they combine contours by. No contour comes nearer than a quarter of a pixel to a pixel's
//! centre, so that the numbers' rounding, to 10⁻⁶ mm or less, changes no voxel. What is written is read back voxel for voxel.
//!
//! The transfer syntax is implicit little endian, because an explicit one limits the text of a contour to 65,534 bytes.
//! Patient and study are those of the series; UIDs and dates follow from the content, so equal masks give equal files.
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
mod outlines;
mod planes;
mod rasterise;
mod read;
mod roi;
mod shared;
mod warning;
mod write;
mod write_options;

pub use error::StructureSetError;
pub use rasterise::{RasteriseOptions, RoiMask};
pub use read::{ReadOptions, read, read_with};
pub use roi::{Roi, RoiContour, StructureSet};
pub use shared::SharedVoxels;
pub use warning::StructureSetWarning;
pub use write::{Written, write, write_for_series};
pub use write_options::WriteOptions;
