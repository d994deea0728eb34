//! Errors of talking to an archive.

use std::fmt;
use std::path::PathBuf;

use crate::multipart::MultipartError;

/// An error of fetching, searching or storing. No message holds credentials or the query of an address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DicomWebError {
    /// The address of the service cannot be used.
    #[error("the address of the DICOMweb service cannot be used: {reason}")]
    Address {
        /// The fault.
        reason: String,
    },
    /// An environment variable cannot be used.
    #[error("the variable {variable} cannot be used: {reason}")]
    Environment {
        /// The variable's name.
        variable: &'static str,
        /// The fault, without the variable's value where that is a secret.
        reason: String,
    },
    /// Credentials would travel unencrypted.
    #[error("credentials are not sent to {host} over plain http, where others can read them: use https")]
    Unencrypted {
        /// The host.
        host: String,
    },
    /// A text is no UID.
    #[error("'{text}' is no {what}: those are numbers and dots, at most 64 characters")]
    Uid {
        /// Kind of UID, in words.
        what: &'static str,
        /// The text.
        text: String,
    },
    /// The server cannot be reached, or the connection broke.
    #[error("cannot reach {url}")]
    Network {
        /// The request's address.
        url: String,
        /// The reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server refused or failed.
    #[error("{url} answers with HTTP status {status}{}", hint(*status))]
    Status {
        /// The request's address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The server points to another address, where nothing was sent.
    #[error("{url} answers with HTTP status {status} and points to {target}; give the address where the service is")]
    Redirect {
        /// The request's address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The other address without its query.
        target: String,
    },
    /// The answer has another type than the one asked for.
    #[error("{url} answers with HTTP status {status} and '{found}' instead of {expected}; is it a DICOMweb service?")]
    ContentType {
        /// The request's address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The type of the answer.
        found: String,
        /// The type that was asked for.
        expected: &'static str,
    },
    /// The answer, or a part of it, is damaged or beyond a limit.
    #[error("the answer of {url} cannot be used")]
    Body {
        /// The request's address.
        url: String,
        /// The damage.
        source: MultipartError,
    },
    /// The answer is not the JSON of DICOMweb.
    #[error("the answer of {url} is not DICOM JSON")]
    Json {
        /// The request's address.
        url: String,
        /// The damage.
        source: serde_json::Error,
    },
    /// The answer has more bytes or instances than the limits of [`ClientOptions`](crate::ClientOptions).
    #[error("{url} has more than {limit} {of}, the limit")]
    Limit {
        /// The request's address.
        url: String,
        /// The limit.
        limit: u64,
        /// Its unit, in words.
        of: &'static str,
    },
    /// The archive has no such study.
    #[error("{url} has no study {study}")]
    NoStudy {
        /// The service's address.
        url: String,
        /// The study's UID.
        study: String,
    },
    /// The archive has no such series in the study.
    #[error("{url} has no series {series} in study {study}")]
    NoSeries {
        /// The service's address.
        url: String,
        /// The study's UID.
        study: String,
        /// The series' UID.
        series: String,
    },
    /// The archive sent another number of instances than it announced.
    #[error("{url} sent {found} instances of the {expected} that it announces for the series")]
    Incomplete {
        /// The request's address.
        url: String,
        /// Number of instances announced.
        expected: u64,
        /// Number of instances sent.
        found: u64,
    },
    /// A part of the answer is no DICOM file.
    #[error("instance {number} of {url} is no DICOM file with an identifier")]
    NotDicom {
        /// The request's address.
        url: String,
        /// Number of the part, from 1.
        number: u64,
    },
    /// The archive sent one instance twice.
    #[error("{url} sent instance {instance} twice")]
    Repeated {
        /// The request's address.
        url: String,
        /// The instance's UID.
        instance: String,
    },
    /// A file that shall be stored is no DICOM file.
    #[error("{} is no DICOM file with an identifier", path.display())]
    NotDicomFile {
        /// The file.
        path: PathBuf,
    },
    /// Two files that shall be stored are the same instance.
    #[error("{} has the same identifier as another file, {instance}", path.display())]
    SameInstance {
        /// The second file.
        path: PathBuf,
        /// The instance's UID.
        instance: String,
    },
    /// The folder for a series is there and not empty.
    #[error("{} is there already and not empty", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// The system could not read or write a file.
    #[error("cannot read or write {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The archive did not store some instances.
    #[error("{url} answers with HTTP status {status} and did not store {} of {sent} instances: {}", failed.len(), list(failed))]
    NotStored {
        /// The request's address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// Number of instances sent.
        sent: usize,
        /// The instances that were not stored.
        failed: Vec<FailedInstance>,
    },
}

/// An instance that an archive did not store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedInstance {
    /// The instance's UID; `None` if the archive did not say.
    pub instance: Option<String>,
    /// The file that was sent.
    pub path: Option<PathBuf>,
    /// The Failure Reason (0008,1197); `None` if the archive did not mention the instance, or no reason.
    pub reason: Option<u16>,
}

impl fmt::Display for FailedInstance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.instance.as_deref().unwrap_or("an unnamed instance"))?;
        if let Some(path) = &self.path {
            write!(formatter, " ({})", path.display())?;
        }
        match self.reason {
            Some(reason) => write!(formatter, ": reason 0x{reason:04X}, {}", reason_text(reason)),
            None => formatter.write_str(": no reason given"),
        }
    }
}

/// The meaning of a Failure Reason (PS3.18, table I.2-2, and PS3.7, annex C).
fn reason_text(reason: u16) -> &'static str {
    match reason {
        0xA700..=0xA7FF => "out of resources",
        0xA900..=0xA9FF => "the data set does not match its class",
        0xC122 => "its transfer syntax is not supported",
        0xC000..=0xCFFF => "it cannot be understood",
        0x0110 => "processing failed",
        0x0111 => "it is there already",
        0x0117 => "its identifier is not valid",
        0x0122 => "its class is not supported",
        0x0124 => "not allowed",
        _ => "not a reason that the standard names",
    }
}

/// The first failures in words; archives list thousands.
fn list(failed: &[FailedInstance]) -> String {
    let mut text = failed.iter().take(3).map(ToString::to_string).collect::<Vec<_>>().join("; ");
    if failed.len() > 3 {
        text.push_str("; and others");
    }
    text
}

/// Advice for statuses that users meet.
fn hint(status: u16) -> &'static str {
    match status {
        401 => {
            ": user and password, or the token, are missing or wrong (MEDSEG_DICOMWEB_USER and MEDSEG_DICOMWEB_PASSWORD, or \
             MEDSEG_DICOMWEB_TOKEN)"
        }
        403 => ": these credentials do not allow this",
        404 | 410 => ": not there; check the address and the identifiers",
        405 | 501 => ": the service cannot do this; check the address",
        406 => ": the service cannot answer in the form that was asked for",
        407 => ": the proxy wants credentials",
        413 => ": more than the server takes at once",
        415 => ": the service does not take this form",
        429 | 503 => ": too busy, also after repetitions",
        500..=599 => ": the server failed; its log says why",
        _ => "",
    }
}

/// Text of a server or a user for one line of a message: no control characters, at most 200 characters.
pub(crate) fn printable(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
