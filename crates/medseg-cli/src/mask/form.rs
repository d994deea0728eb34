//! The form of a mask by its file's name.

use std::path::Path;

/// Endings of masks.
const SEG_NRRD: &str = ".seg.nrrd";
const DICOM: &str = ".dcm";

/// A form of a mask, by the ending of the file's name; every other name is that of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskForm {
    Volume,
    SegNrrd,
    DicomSegmentation,
}

impl MaskForm {
    pub fn of(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        if name.ends_with(DICOM) {
            Self::DicomSegmentation
        } else if name.ends_with(SEG_NRRD) {
            Self::SegNrrd
        } else {
            Self::Volume
        }
    }
}
