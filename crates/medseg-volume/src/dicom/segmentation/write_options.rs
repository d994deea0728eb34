//! Choices of writing a segmentation.

use crate::dicom::option_checks::{check_texts, check_uids};
use crate::dicom::{ContentDate, DicomError};
use crate::segments::text;

/// Forms of a segmentation that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Form {
    /// A frame of single bits for each segment and slice: known to every reader.
    #[default]
    Binary,
    /// A frame of label values for each slice, of 8 bits or, where a label value is above 255, 16: smaller for many
    /// segments, but a form of 2024 (Supplement 243) that older readers refuse.
    LabelMap,
}

/// The form, the texts and the UIDs of a segmentation to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteOptions {
    /// The form; binary by default.
    pub form: Form,
    /// Leaves out frames without a voxel of their segment. By default those of binary segmentations are left out and
    /// those of label maps are not, so that all slices are there. Of a mask without any voxel all frames are written.
    pub omit_empty_frames: Option<bool>,
    /// SeriesInstanceUID; by default derived from the content.
    pub series_uid: Option<String>,
    /// SOPInstanceUID; by default derived from the content.
    pub instance_uid: Option<String>,
    /// SeriesNumber, 300 by default.
    pub series_number: u16,
    /// SeriesDescription, up to 64 characters; `Segmentation` by default.
    pub series_description: String,
    /// ContentLabel: capital letters, digits, spaces and underscores, up to 16; `SEGMENTATION` by default.
    pub content_label: String,
    /// ContentDate and ContentTime; by default those of the study, so that the file does not depend on the clock.
    pub content_date: Option<ContentDate>,
    /// ManufacturerModelName, the model that made the mask, up to 64 characters; `medseg` by default.
    pub model_name: String,
    /// The algorithm's version, up to 64 characters; this crate's by default.
    pub algorithm_version: String,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            form: Form::Binary,
            omit_empty_frames: None,
            series_uid: None,
            instance_uid: None,
            series_number: 300,
            series_description: "Segmentation".into(),
            content_label: "SEGMENTATION".into(),
            content_date: None,
            model_name: "medseg".into(),
            algorithm_version: env!("CARGO_PKG_VERSION").into(),
        }
    }
}

impl WriteOptions {
    /// Sets the form.
    #[must_use]
    pub fn with_form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// Leaves empty frames out, or not.
    #[must_use]
    pub fn with_omit_empty_frames(mut self, omit: bool) -> Self {
        self.omit_empty_frames = Some(omit);
        self
    }

    /// Sets SeriesInstanceUID and SOPInstanceUID.
    #[must_use]
    pub fn with_uids(mut self, series: impl Into<String>, instance: impl Into<String>) -> Self {
        (self.series_uid, self.instance_uid) = (Some(series.into()), Some(instance.into()));
        self
    }

    /// Sets SeriesNumber.
    #[must_use]
    pub fn with_series_number(mut self, number: u16) -> Self {
        self.series_number = number;
        self
    }

    /// Sets SeriesDescription.
    #[must_use]
    pub fn with_series_description(mut self, description: impl Into<String>) -> Self {
        self.series_description = description.into();
        self
    }

    /// Sets ContentLabel.
    #[must_use]
    pub fn with_content_label(mut self, label: impl Into<String>) -> Self {
        self.content_label = label.into();
        self
    }

    /// Sets ContentDate and ContentTime.
    #[must_use]
    pub fn with_content_date(mut self, date: ContentDate) -> Self {
        self.content_date = Some(date);
        self
    }

    /// Sets the model that made the mask, and its version.
    #[must_use]
    pub fn with_model(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        (self.model_name, self.algorithm_version) = (name.into(), version.into());
        self
    }

    /// Checks what a file can hold.
    pub(super) fn check(&self) -> Result<(), DicomError> {
        check_uids(self.series_uid.as_deref(), self.instance_uid.as_deref())?;
        let code = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == ' ' || c == '_';
        let label = &self.content_label;
        if label.trim().is_empty() || label.len() > text::SHORT || !label.chars().all(code) {
            let reason = "is not up to 16 capital letters, digits, spaces and underscores".into();
            return Err(DicomError::Option { option: "the content's label", reason });
        }
        check_texts([
            ("the series' description", &self.series_description, text::LONG),
            ("the model's name", &self.model_name, text::LONG),
            ("the algorithm's version", &self.algorithm_version, text::LONG),
        ])
    }
}
