//! From logits to a mask on the image's own grid: resampling, label values, cropping and transposition undone.
//!
//! Source: nnU-Net v2, `export_prediction`, `default_resampling` and `resample_torch`.

mod error;
mod geometry;
mod labels;
mod mask;
mod mask_export;
mod probabilities;
mod resample;
mod stream;
mod taps;

pub use error::ExportError;
pub use geometry::{ExportGeometry, LogitResampling};
pub use labels::LabelRule;
pub use mask::Mask;
pub use mask_export::MaskExport;
pub use probabilities::ProbabilityExport;
