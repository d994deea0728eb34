//! Masks and their files: volumes, 3D Slicer's masks, DICOM segmentations, structure sets, surfaces.

mod form;
mod read;
mod volume;
mod writer;

pub use form::MaskForm;
pub use read::{Grid, ReadMask, read_mask};
pub use volume::MaskVolume;
pub(crate) use volume::with_mask;
pub use writer::MaskWriter;
