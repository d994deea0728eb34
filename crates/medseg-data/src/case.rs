//! A case: one image and, if there is one, its label.

use std::path::{Path, PathBuf};

use medseg_transforms::Sample;
use medseg_volume::{read_image, read_label};
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

    /// Reads image and label into memory, with the intensities and label values of the files, on the image's grid.
    ///
    /// # Errors
    /// [`DataError::Prepare`] naming the case, if a file cannot be read or image and label have different shapes. Grids are
    /// compared by [`check_case`](crate::check_case).
    pub fn read(&self) -> Result<Sample, DataError> {
        self.read_files().map_err(|error| error.in_case(self))
    }

    fn read_files(&self) -> Result<Sample, DataError> {
        let image = read_image(&self.image)?;
        let label = self.label.as_deref().map(read_label).transpose()?;
        if let (Some(path), Some(label)) = (&self.label, &label)
            && label.shape() != image.shape()
        {
            return Err(DataError::GridMismatch {
                image: self.image.clone(),
                label: path.clone(),
                difference: format!("{} against {} voxels", image.shape(), label.shape()),
            });
        }
        Ok(Sample::new(self.id.clone(), image.data, label.map(|label| label.data), image.geometry))
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
