//! One case: an id and the files of its image.

use std::path::{Path, PathBuf};

/// One image to work on.
///
/// The id is a relative path of plain names, separated by `/`. Outputs lie under it, so that the output folder mirrors the
/// input tree.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Case {
    /// Name within the cohort, such as `patient_7/ct`.
    pub id: String,
    /// The files.
    pub image: CaseImage,
    /// The path as the user named or would name it, for tables: a file, or the folder of a series.
    pub input: PathBuf,
    /// By this the case belongs to a [`Part`](crate::Part): the id, or that of the folder of a DICOM series.
    pub(crate) part_key: String,
}

/// The files of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseImage {
    /// A volume file for each channel, in order.
    Channels(Vec<PathBuf>),
    /// The DICOM files of one series, sorted by path.
    Series(Vec<PathBuf>),
}

impl Case {
    /// Makes a case of an id and its image.
    ///
    /// # Errors
    /// An [`UnsafeId`](crate::ListFault::UnsafeId) for an id that is empty, absolute or leads to another folder.
    ///
    /// ```
    /// use medseg_cohort::{Case, CaseImage};
    /// let image = || CaseImage::Channels(vec!["scans/7.nii.gz".into()]);
    /// assert_eq!(Case::new("patient/7", image())?.id, "patient/7");
    /// assert!(Case::new("../7", image()).is_err());
    /// # Ok::<(), medseg_cohort::ListFault>(())
    /// ```
    pub fn new(id: &str, image: CaseImage) -> Result<Self, crate::ListFault> {
        let id = crate::find::checked_id(id)?;
        let input = match &image {
            CaseImage::Channels(files) | CaseImage::Series(files) => files.first().cloned().unwrap_or_default(),
        };
        Ok(Self::of(id, image, input))
    }

    /// A case whose id is checked already.
    pub(crate) fn of(id: String, image: CaseImage, input: PathBuf) -> Self {
        Self { part_key: id.clone(), id, image, input }
    }

    /// The files, in order.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        match &self.image {
            CaseImage::Channels(files) | CaseImage::Series(files) => files,
        }
    }

    /// The last component of the id, with which the names of outputs begin.
    #[must_use]
    pub fn name(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or(&self.id)
    }

    /// The folder of the outputs, relative to the output folder.
    pub(crate) fn folder(&self) -> &Path {
        Path::new(self.id.rsplit_once('/').map_or("", |(folder, _)| folder))
    }
}
