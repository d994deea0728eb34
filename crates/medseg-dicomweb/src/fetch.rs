//! A series into a folder, by WADO-RS.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use medseg_files::{AtomicFile, write_folder};
use ureq::http::header::CONTENT_TYPE;

use crate::address::Url;
use crate::client::{header, network, wrong_type};
use crate::multipart::{MultipartError, MultipartReader, boundary_of, is_dicom};
use crate::part10::{HEAD, instance_uid};
use crate::{Client, DicomWebError};

/// Instances as files, in the transfer syntax in which the archive holds them.
const DICOM: &str = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";

/// A series that was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetched {
    /// The files, in the order in which they came.
    pub files: Vec<PathBuf>,
    /// Their bytes altogether.
    pub bytes: u64,
    /// Number of instances that the archive had announced; `None` if it did not.
    pub announced: Option<u64>,
}

impl Client {
    /// Fetches all instances of a series into `folder`, which is new or empty, as `00001.dcm`, `00002.dcm` and so on.
    ///
    /// The folder appears once it is complete: a failed transfer leaves nothing. Every part must be a DICOM file with an
    /// identifier of its own, and their number must be the one that the archive announces. That the files belong to the
    /// series is checked by who reads them: choose the series by its UID there.
    ///
    /// # Errors
    /// [`DicomWebError::Uid`], [`DicomWebError::Occupied`], [`DicomWebError::NoSeries`]; [`DicomWebError::Body`],
    /// [`DicomWebError::NotDicom`], [`DicomWebError::Repeated`], [`DicomWebError::Incomplete`] for an answer that is damaged
    /// or not whole; [`DicomWebError::Limit`]; [`DicomWebError::Io`]; and those of any request, as of
    /// [`series_of`](Self::series_of).
    pub fn fetch_series(&self, study: &str, series: &str, folder: impl AsRef<Path>) -> Result<Fetched, DicomWebError> {
        let folder = folder.as_ref();
        if occupied(folder).map_err(|source| at(folder, source))? {
            return Err(DicomWebError::Occupied { path: folder.into() });
        }
        let announced = self.announced(study, series)?;
        let url = self.url(&format!("/studies/{study}/series/{series}"), "");
        let too_many =
            || DicomWebError::Limit { url: url.shown.clone(), limit: self.options.max_instances, of: "instances" };
        if announced.is_some_and(|instances| instances > self.options.max_instances) {
            return Err(too_many());
        }

        let answer = self.get(&url, DICOM)?;
        if answer.status() != 200 {
            return Err(DicomWebError::Status { url: url.shown, status: answer.status().as_u16() });
        }
        let Some(boundary) = header(&answer, CONTENT_TYPE).and_then(boundary_of) else {
            return Err(wrong_type(&url, &answer, "multipart/related with application/dicom"));
        };
        let damaged = |source| DicomWebError::Body { url: url.shown.clone(), source };
        let stream = answer.into_body().into_reader();
        let mut parts = MultipartReader::new(stream, &boundary, self.options.max_file_bytes).map_err(damaged)?;

        let mut names = Vec::new();
        let mut seen = HashSet::new();
        let mut bytes = 0;
        let receive = |new: &Path| {
            while let Some(headers) = parts.next_part().map_err(damaged)? {
                let number = names.len() as u64 + 1;
                if number > announced.unwrap_or(self.options.max_instances) {
                    return Err(announced.map_or_else(too_many, |expected| DicomWebError::Incomplete {
                        url: url.shown.clone(),
                        expected,
                        found: number,
                    }));
                }
                let kind = headers.content_type.as_deref();
                let not_dicom = || DicomWebError::NotDicom { url: url.shown.clone(), number };
                if !kind.is_none_or(is_dicom) {
                    return Err(not_dicom());
                }
                let name = format!("{number:05}.dcm");
                let left = self.options.max_series_bytes - bytes;
                let instance = receive_file(&mut parts, &new.join(&name), left, &mut bytes)
                    .map_err(|failure| failure.into_error(&url, &folder.join(&name), self.options.max_series_bytes))?;
                let instance = instance.ok_or_else(not_dicom)?;
                if !seen.insert(instance.clone()) {
                    return Err(DicomWebError::Repeated { url: url.shown.clone(), instance });
                }
                names.push(name);
            }
            let found = names.len() as u64;
            match announced {
                Some(expected) if expected != found => {
                    Err(DicomWebError::Incomplete { url: url.shown.clone(), expected, found })
                }
                None if found == 0 => Err(self.no_series(study, series)),
                _ => Ok(()),
            }
        };
        write_folder(folder, receive, |source| at(folder, source))?;
        let files = names.iter().map(|name| folder.join(name)).collect();
        Ok(Fetched { files, bytes, announced })
    }

    /// Number of instances that the archive announces; `None` if it does not say or cannot be searched.
    fn announced(&self, study: &str, series: &str) -> Result<Option<u64>, DicomWebError> {
        match self.series(study, series) {
            Ok(entry) => Ok(entry.instances),
            Err(DicomWebError::Status { status: 404 | 405 | 501, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn no_series(&self, study: &str, series: &str) -> DicomWebError {
        DicomWebError::NoSeries { url: self.address().into(), study: study.into(), series: series.into() }
    }
}

/// A failure within the body of a part.
enum Failure {
    Multipart(MultipartError),
    Io(io::Error),
    Limit,
}

impl From<MultipartError> for Failure {
    fn from(error: MultipartError) -> Self {
        Self::Multipart(error)
    }
}

impl Failure {
    fn into_error(self, url: &Url, path: &Path, limit: u64) -> DicomWebError {
        match self {
            Self::Multipart(MultipartError::Io(error)) => network(url, error),
            Self::Multipart(source) => DicomWebError::Body { url: url.shown.clone(), source },
            Self::Io(source) => at(path, source),
            Self::Limit => DicomWebError::Limit { url: url.shown.clone(), limit, of: "bytes in the series" },
        }
    }
}

/// Writes the body of a part to a file of at most `left` bytes and returns its instance's UID, if it is a DICOM file.
fn receive_file(
    parts: &mut MultipartReader<impl io::Read>,
    path: &Path,
    mut left: u64,
    bytes: &mut u64,
) -> Result<Option<String>, Failure> {
    let file = AtomicFile::create(path).map_err(Failure::Io)?;
    let mut head = Vec::new();
    *bytes += parts.read_body(|piece| {
        left = left.checked_sub(piece.len() as u64).ok_or(Failure::Limit)?;
        let wanted = (HEAD - head.len()).min(piece.len());
        head.extend_from_slice(&piece[..wanted]);
        file.file().write_all(piece).map_err(Failure::Io)
    })?;
    let instance = instance_uid(&head).map(str::to_owned);
    if instance.is_some() {
        file.commit().map_err(Failure::Io)?;
    }
    Ok(instance)
}

fn at(path: &Path, source: io::Error) -> DicomWebError {
    DicomWebError::Io { path: path.into(), source }
}

/// Says whether something other than an empty folder has this path.
fn occupied(folder: &Path) -> io::Result<bool> {
    match folder.read_dir() {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
