//! Segments of a mask: the meaning of its label values, and files that keep both together.
//!
//! A [`SegmentTable`] gives each label value a name, codes of SNOMED CT and a colour. It is a CSV file that a person can
//! edit, and it is what DICOM segmentations and 3D Slicer's `.seg.nrrd` files say of their segments.
//!
//! ```
//! use medseg_volume::segments::SegmentTable;
//!
//! let table = SegmentTable::from_names([(1, "liver"), (2, "kidney_left")])?;
//! let [liver, kidney] = table.segments() else { unreachable!() };
//! assert_eq!(liver.property_type.to_string(), "SCT:10200004:Liver");
//! assert_eq!(kidney.modifier.as_ref().map(|code| code.meaning.as_str()), Some("Left"));
//! # Ok::<(), medseg_volume::segments::SegmentTableError>(())
//! ```

mod anatomy;
mod code;
mod colour;
mod csv;
mod error;
mod mask_error;
mod overlap;
mod seg_nrrd;
mod segment;
mod table;
pub(crate) mod text;

pub use code::Code;
pub use error::{SegmentFault, SegmentTableError};
pub use mask_error::SegmentationError;
pub use overlap::{Overlap, SegmentChoice};
pub use seg_nrrd::{SegNrrdOptions, read_seg_nrrd, write_seg_nrrd};
pub use segment::{AlgorithmKind, Segment};
pub use table::SegmentTable;
