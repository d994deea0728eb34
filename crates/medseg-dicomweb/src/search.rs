//! The series of a study, by QIDO-RS.

use std::fmt;

use serde::Deserialize;

use crate::client::read_json;
use crate::error::printable;
use crate::json::{Attribute, Single};
use crate::uid::{checked, is_uid};
use crate::{Client, DicomWebError};

pub(crate) const JSON: &str = "application/dicom+json";

/// A series of a study as the archive describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeriesEntry {
    /// The series' UID.
    pub uid: String,
    /// The modality, such as CT or SEG.
    pub modality: Option<String>,
    /// The description, without control characters.
    pub description: Option<String>,
    /// Number of instances; `None` if the archive does not say.
    pub instances: Option<u64>,
}

impl fmt::Display for SeriesEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.uid, self.modality.as_deref().unwrap_or("unknown modality"))?;
        if let Some(instances) = self.instances {
            write!(formatter, ", {instances} {}", if instances == 1 { "instance" } else { "instances" })?;
        }
        match &self.description {
            Some(description) => write!(formatter, ", {description}"),
            None => Ok(()),
        }
    }
}

#[derive(Deserialize)]
struct Found {
    #[serde(rename = "0020000E")]
    uid: Option<Attribute<Single>>,
    #[serde(rename = "00080060")]
    modality: Option<Attribute<Single>>,
    #[serde(rename = "0008103E")]
    description: Option<Attribute<Single>>,
    #[serde(rename = "00201209")]
    instances: Option<Attribute<Single>>,
}

impl Found {
    /// The entry; `None` if the archive gives no valid UID, since nothing can be done with such a series.
    fn entry(self) -> Option<SeriesEntry> {
        Some(SeriesEntry {
            uid: Attribute::text(self.uid).filter(|uid| is_uid(uid))?,
            modality: Attribute::text(self.modality).map(|text| printable(&text)),
            description: Attribute::text(self.description).map(|text| printable(&text)),
            instances: Attribute::number(self.instances),
        })
    }
}

impl Client {
    /// Lists the series of a study.
    ///
    /// # Errors
    /// [`DicomWebError::Uid`], [`DicomWebError::NoStudy`] if the archive names no series of it, and those of any request:
    /// `Network`, `Status`, `Redirect`, `ContentType`, `Json`, `Limit`.
    pub fn series_of(&self, study: &str) -> Result<Vec<SeriesEntry>, DicomWebError> {
        checked("study's UID", study)?;
        let found = self.search(study, "includefield=0008103E&includefield=00201209")?;
        if found.is_empty() {
            return Err(DicomWebError::NoStudy { url: self.address().into(), study: study.into() });
        }
        Ok(found)
    }

    /// Describes one series of a study.
    ///
    /// # Errors
    /// [`DicomWebError::NoSeries`] if the archive does not name it, and those of [`series_of`](Self::series_of).
    pub fn series(&self, study: &str, series: &str) -> Result<SeriesEntry, DicomWebError> {
        checked("study's UID", study)?;
        checked("series' UID", series)?;
        // Archives that ignore the filter list all series.
        let query = format!("SeriesInstanceUID={series}&includefield=0008103E&includefield=00201209");
        let found = self.search(study, &query)?.into_iter().find(|entry| entry.uid == series);
        found.ok_or_else(|| DicomWebError::NoSeries {
            url: self.address().into(),
            study: study.into(),
            series: series.into(),
        })
    }

    fn search(&self, study: &str, query: &str) -> Result<Vec<SeriesEntry>, DicomWebError> {
        let url = self.url(&format!("/studies/{study}/series"), query);
        let answer = self.get(&url, JSON)?;
        if answer.status() != 200 && answer.status() != 204 {
            return Err(DicomWebError::Status { url: url.shown, status: answer.status().as_u16() });
        }
        let found: Vec<Found> = read_json(&url, answer)?.unwrap_or_default();
        Ok(found.into_iter().filter_map(Found::entry).collect())
    }
}
