//! DICOM segmentations: masks that stay with the series they were made on.
//!
//! A segmentation (PS3.3 A.51 and A.85) holds the frames of a mask, each with its place in the patient and the slice it was
//! made from, and the names and codes of its segments. Two forms are written: BINARY, a frame of single bits for each
//! segment and slice, which every reader knows, and LABELMAP (Supplement 243), a frame of label values for each slice.
//!
//! ```no_run
//! use medseg_volume::dicom::segmentation::{self, ReadOptions, WriteOptions};
//! use medseg_volume::dicom::{SeriesOptions, SourceSeries};
//! use medseg_volume::segments::SegmentTable;
//!
//! let source = SourceSeries::read("scan", &SeriesOptions::default())?;
//! let mask = medseg_volume::read_label("mask.nii.gz")?; // on the series' grid, in any orientation
//! let table = SegmentTable::from_names([(1, "liver"), (2, "spleen")])?;
//! segmentation::write("mask.dcm", &mask, &table, &source, &WriteOptions::default())?;
//!
//! let back = segmentation::read("mask.dcm", &ReadOptions::default().with_grid_of(&source))?;
//! assert_eq!(back.table, table);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Labels and numbers
//! LABELMAP stores label values as they are. BINARY numbers the segments 1, 2, 3 …, as the standard demands. Where label
//! values differ from these numbers, each segment carries its own in a private element (group 0063, creator MEDSEG),
//! which [`read()`] restores and other programs pass over.
//!
//! # Identity
//! The patient and the study are those of the series. UIDs follow from the content: the same mask, table, series and
//! options give the same file, byte for byte.

mod attributes;
mod cielab;
mod described;
mod frames;
mod grid;
mod header;
mod paint;
mod read;
mod read_options;
mod segments;
mod stored_frames;
mod target;
mod write;
mod write_options;

pub use read::{Reference, Segmentation, read};
pub use read_options::ReadOptions;
pub use write::{Written, write, write_for_series};
pub use write_options::{Form, WriteOptions};
