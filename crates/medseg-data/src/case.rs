//! A case: one image and, if there is one, its label.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::DataError;

/// One image with its label, by their files.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Case {
    /// Name of the image's file without `.nii` or `.nii.gz`.
    pub id: String,
    /// The image's file.
    pub image: PathBuf,
    /// The label's file; `None` for a case that is only predicted.
    pub label: Option<PathBuf>,
}

impl Case {
    /// The case of one image without a label.
    ///
    /// # Errors
    /// If the file's name is not valid Unicode. The file itself is not looked at.
    pub fn unlabelled(image: impl Into<PathBuf>) -> Result<Self, DataError> {
        let image = image.into();
        Ok(Self { id: case_id(&image)?, image, label: None })
    }
}

/// A file's name without folder and without `.nii` or `.nii.gz`.
pub(crate) fn case_id(path: &Path) -> Result<String, DataError> {
    let name =
        path.file_name().and_then(|name| name.to_str()).ok_or_else(|| DataError::FileName { path: path.into() })?;
    Ok(nifti_stem(name).unwrap_or(name).to_string())
}

/// `name` without its NIfTI extension, or `None` if it has none.
pub(crate) fn nifti_stem(name: &str) -> Option<&str> {
    [".nii.gz", ".nii"].iter().find_map(|extension| {
        let at = name.len().checked_sub(extension.len())?;
        let (stem, end) = name.split_at_checked(at)?;
        (end.eq_ignore_ascii_case(extension) && !stem.is_empty()).then_some(stem)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_lose_their_nifti_extension_only() {
        assert_eq!(nifti_stem("liver_1.nii.gz"), Some("liver_1"));
        assert_eq!(nifti_stem("a.b.nii"), Some("a.b"));
        assert_eq!(nifti_stem("scan.NII.GZ"), Some("scan"));
        assert_eq!(nifti_stem("leber_ü.nii"), Some("leber_ü"));
        for other in ["notes.txt", "scan.gz", ".nii", ".nii.gz", "nii", "ü", ""] {
            assert_eq!(nifti_stem(other), None, "{other}");
        }
        let case = Case::unlabelled("folder/scan.nii.gz").unwrap();
        assert_eq!((case.id.as_str(), case.label), ("scan", None));
    }
}
