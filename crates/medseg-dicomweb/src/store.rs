//! Files into the archive, by STOW-RS.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::client::read_json;
use crate::json::{Attribute, Single};
use crate::multipart::FileParts;
use crate::part10::{HEAD, instance_uid};
use crate::search::JSON;
use crate::{Client, DicomWebError, FailedInstance};

/// An instance that the archive has stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredInstance {
    /// The instance's UID.
    pub instance: String,
    /// The file that was sent.
    pub path: PathBuf,
    /// The Warning Reason (0008,1196): stored, but changed, as 0xB000 for changed elements.
    pub warning: Option<u16>,
}

/// The answer of STOW-RS (PS3.18, table I.1-1).
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "00081199")]
    stored: Option<Attribute<Item>>,
    #[serde(rename = "00081198")]
    failed: Option<Attribute<Item>>,
    /// Failures of parts that the archive could not name.
    #[serde(rename = "0008119A")]
    other: Option<Attribute<Item>>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "00081155")]
    instance: Option<Attribute<Single>>,
    #[serde(rename = "00081196")]
    warning: Option<Attribute<Single>>,
    #[serde(rename = "00081197")]
    failure: Option<Attribute<Single>>,
}

fn reason(attribute: Option<Attribute<Single>>) -> Option<u16> {
    Attribute::number(attribute).and_then(|number| u16::try_from(number).ok())
}

impl Client {
    /// Stores DICOM files in the archive, all in one request, and returns them in the order given.
    ///
    /// Success means that the archive has confirmed every instance by its UID.
    ///
    /// # Errors
    /// [`DicomWebError::NotStored`] names the instances that the archive refused or did not mention, with its reasons;
    /// others may be stored then. [`DicomWebError::NotDicomFile`], [`DicomWebError::SameInstance`], [`DicomWebError::Io`]
    /// before anything is sent, and those of any request, as of [`series_of`](Self::series_of).
    pub fn store(&self, files: &[impl AsRef<Path>]) -> Result<Vec<StoredInstance>, DicomWebError> {
        let files: Vec<PathBuf> = files.iter().map(|path| path.as_ref().to_owned()).collect();
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let mut instances = Vec::new();
        let mut sent: BTreeMap<String, PathBuf> = BTreeMap::new();
        for path in &files {
            let instance = identifier(path)?;
            if sent.insert(instance.clone(), path.clone()).is_some() {
                return Err(DicomWebError::SameInstance { path: path.clone(), instance });
            }
            instances.push(instance);
        }
        let url = self.url("/studies", "");
        let parts = FileParts::new(&files).map_err(|(path, source)| DicomWebError::Io { path, source })?;
        let answer = self.post(&url, &parts, JSON)?;
        let status = answer.status().as_u16();
        let answer: Answer = match read_json(&url, answer) {
            Ok(Some(answer)) => answer,
            // A conflict without an explanation.
            Ok(None) | Err(DicomWebError::ContentType { .. }) if status == 409 => {
                return Err(DicomWebError::Status { url: url.shown, status });
            }
            Ok(None) => Answer { stored: None, failed: None, other: None },
            Err(error) => return Err(error),
        };

        let named = |item: Item| {
            let instance = Attribute::text(item.instance).filter(|uid| crate::uid::is_uid(uid));
            let path = instance.as_ref().and_then(|uid| sent.get(uid)).cloned();
            FailedInstance { instance, path, reason: reason(item.failure) }
        };
        let refused = Attribute::values(answer.failed).into_iter().chain(Attribute::values(answer.other));
        let mut failed: Vec<FailedInstance> = refused.map(named).collect();
        let confirmed: HashMap<String, Option<u16>> = Attribute::values(answer.stored)
            .into_iter()
            .filter_map(|item| Some((Attribute::text(item.instance)?, reason(item.warning))))
            .collect();
        for (instance, path) in &sent {
            let known = confirmed.contains_key(instance)
                || failed.iter().any(|failure| failure.instance.as_ref() == Some(instance));
            if !known {
                failed.push(FailedInstance {
                    instance: Some(instance.clone()),
                    path: Some(path.clone()),
                    reason: None,
                });
            }
        }
        if !failed.is_empty() {
            return Err(DicomWebError::NotStored { url: url.shown, status, sent: files.len(), failed });
        }
        let stored = |(instance, path): (String, PathBuf)| {
            let warning = confirmed.get(&instance).copied().flatten();
            StoredInstance { instance, path, warning }
        };
        Ok(instances.into_iter().zip(files).map(stored).collect())
    }
}

/// The SOP Instance UID of a file.
fn identifier(path: &Path) -> Result<String, DicomWebError> {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEAD as u64).read_to_end(&mut head));
    read.map_err(|source| DicomWebError::Io { path: path.into(), source })?;
    let instance = instance_uid(&head).map(str::to_owned);
    instance.ok_or_else(|| DicomWebError::NotDicomFile { path: path.into() })
}
