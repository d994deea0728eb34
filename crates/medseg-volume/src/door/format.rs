//! Formats by the ending of a file's name, or by its first bytes.

use std::ffi::OsStr;
use std::path::Path;

use crate::file::has_extension;

/// A format of volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Nifti,
    Nrrd,
    MetaImage,
}

/// The endings of files that are read.
pub(crate) const READ_ENDINGS: &str = ".nii, .nii.gz, .hdr, .img, .nrrd, .nhdr, .mha and .mhd";

impl Format {
    /// By a name's ending, in any case.
    pub fn of_name(path: &Path) -> Option<Self> {
        let packed = has_extension(path, "gz");
        let plain = if packed { path.with_extension("") } else { path.to_path_buf() };
        match plain.extension().and_then(OsStr::to_str)?.to_ascii_lowercase().as_str() {
            "nii" | "hdr" | "img" => Some(Self::Nifti),
            "nrrd" | "nhdr" if !packed => Some(Self::Nrrd),
            "mha" | "mhd" if !packed => Some(Self::MetaImage),
            _ => None,
        }
    }

    /// By the first bytes; what is neither of the formats with text at their start counts as NIfTI.
    pub fn of_content(start: &[u8]) -> Self {
        const META: [&[u8]; 3] = [b"ObjectType", b"NDims", b"Comment"];
        if start.starts_with(b"NRRD0") {
            Self::Nrrd
        } else if META.iter().any(|word| start.starts_with(word)) {
            Self::MetaImage
        } else {
            Self::Nifti
        }
    }
}
