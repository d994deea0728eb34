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

/// The endings of volumes that are one case each: a file of its own, or the header that names the voxels' file.
pub const VOLUME_ENDINGS: [&str; 6] = [".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd"];

/// A file's name without the ending of a volume, in any case; `None` for another name, or one that is an ending alone.
///
/// Of a pair the voxels' file (`.raw`, `.zraw`, `.raw.gz`) is no volume. Nor are `.hdr` and `.img`, for either names both.
///
/// ```
/// use medseg_volume::volume_stem;
/// assert_eq!(volume_stem("liver.1.NII.GZ"), Some("liver.1"));
/// assert_eq!(volume_stem("liver.mhd"), Some("liver"));
/// assert_eq!(volume_stem("liver.zraw"), None);
/// ```
#[must_use]
pub fn volume_stem(name: &str) -> Option<&str> {
    VOLUME_ENDINGS.iter().find_map(|ending| {
        let (stem, end) = name.split_at_checked(name.len().checked_sub(ending.len())?)?;
        (end.eq_ignore_ascii_case(ending) && !stem.is_empty()).then_some(stem)
    })
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_lose_the_ending_of_a_volume_only() {
        for (name, stem) in [
            ("liver_1.nii.gz", "liver_1"),
            ("a.b.nii", "a.b"),
            ("scan.NII.GZ", "scan"),
            ("leber_ü.nii", "leber_ü"),
            ("a.nrrd", "a"),
            ("a.Nhdr", "a"),
            ("a.mha", "a"),
            ("a.MHD", "a"),
            ("a.nrrd.mhd", "a.nrrd"),
        ] {
            assert_eq!(volume_stem(name), Some(stem), "{name}");
            assert!(Format::of_name(Path::new(name)).is_some(), "{name}");
        }
        for other in ["notes.txt", "scan.gz", ".nii", ".nii.gz", "nii", "ü", "", "a.raw", "a.zraw", "a.raw.gz", "a.img"]
        {
            assert_eq!(volume_stem(other), None, "{other}");
        }
    }
}
