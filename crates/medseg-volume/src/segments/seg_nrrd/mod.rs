//! 3D Slicer's segmentations: NRRD files (`.seg.nrrd`) whose header describes the segments.
//!
//! The keys are those of Slicer's `vtkMRMLSegmentationStorageNode`: `Segment0_Name`, `Segment0_LabelValue`, `Segment0_Layer`,
//! `Segment0_Color`, `Segment0_Extent`, `Segment0_Tags` and others. Segments that overlap lie in several layers, the
//! channels of a fourth axis.

mod read;
mod terminology;
mod write;

pub use read::{SegNrrdOptions, read_seg_nrrd};
pub use write::write_seg_nrrd;
