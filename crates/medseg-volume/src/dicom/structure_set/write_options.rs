//! Choices of writing a structure set.

use crate::contours::Holes;
use crate::dicom::option_checks::{check_texts, check_uids};
use crate::dicom::{ContentDate, DicomError};
use crate::segments::text;

/// The texts, the UIDs and the form of a structure set to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteOptions {
    /// StructureSetLabel, up to 16 characters; `medseg` by default.
    pub label: String,
    /// SeriesInstanceUID; by default derived from the content.
    pub series_uid: Option<String>,
    /// SOPInstanceUID; by default derived from the content.
    pub instance_uid: Option<String>,
    /// SeriesNumber, 301 by default.
    pub series_number: u16,
    /// SeriesDescription, up to 64 characters; `Structure set` by default.
    pub series_description: String,
    /// StructureSetDate and StructureSetTime; by default those of the study, so that the file does not depend on the clock.
    pub content_date: Option<ContentDate>,
    /// ManufacturerModelName, the model that made the mask, up to 64 characters; `medseg` by default.
    pub model_name: String,
    /// Encoding of holes; keyholes by default.
    pub holes: Holes,
    /// Most points of all contours together, 20 million by default. A point takes some 40 bytes, in memory and in the file; a
    /// contour takes some 800 more in memory.
    pub max_points: u64,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            label: "medseg".into(),
            series_uid: None,
            instance_uid: None,
            series_number: 301,
            series_description: "Structure set".into(),
            content_date: None,
            model_name: "medseg".into(),
            holes: Holes::default(),
            max_points: 20_000_000,
        }
    }
}

impl WriteOptions {
    /// Sets StructureSetLabel.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
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

    /// Sets StructureSetDate and StructureSetTime.
    #[must_use]
    pub fn with_content_date(mut self, date: ContentDate) -> Self {
        self.content_date = Some(date);
        self
    }

    /// Sets the model that made the mask.
    #[must_use]
    pub fn with_model(mut self, name: impl Into<String>) -> Self {
        self.model_name = name.into();
        self
    }

    /// Sets the encoding of holes.
    #[must_use]
    pub fn with_holes(mut self, holes: Holes) -> Self {
        self.holes = holes;
        self
    }

    /// Sets the most points of all contours together.
    #[must_use]
    pub fn with_max_points(mut self, max_points: u64) -> Self {
        self.max_points = max_points;
        self
    }

    /// Checks what a file can hold.
    pub(super) fn check(&self) -> Result<(), DicomError> {
        check_uids(self.series_uid.as_deref(), self.instance_uid.as_deref())?;
        check_texts([
            ("the label", &self.label, text::SHORT),
            ("the series' description", &self.series_description, text::LONG),
            ("the model's name", &self.model_name, text::LONG),
        ])
    }
}
