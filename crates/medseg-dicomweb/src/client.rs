//! The client: its settings, and requests with repetitions.

use std::fmt;
use std::io::Read;
use std::thread::sleep;
use std::time::Duration;

use ureq::config::AutoHeaderValue;
use ureq::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER,
};
use ureq::http::{Request, Response, StatusCode, request};
use ureq::{Agent, Body, SendBody, Timeout};

use crate::address::{Address, Url, redirect_target};
use crate::error::printable;
use crate::multipart::FileParts;
use crate::{Access, ClientOptions, DicomWebError};

/// Largest JSON answer in bytes: some ten thousand series.
const MAX_JSON: u64 = 8 << 20;

/// A DICOMweb service.
///
/// ```no_run
/// use medseg_dicomweb::Client;
/// let client = Client::new("https://pacs.example/dicom-web")?;
/// for series in client.series_of("1.2.3")? {
///     println!("{series}");
/// }
/// # Ok::<(), medseg_dicomweb::DicomWebError>(())
/// ```
pub struct Client {
    address: Address,
    access: Access,
    pub(crate) options: ClientOptions,
    agent: Agent,
}

impl Client {
    /// A service by its address, the part before `/studies`, with the environment's credentials and the default options.
    ///
    /// # Errors
    /// As [`with_access`](Self::with_access) and [`Access::from_environment`].
    pub fn new(address: &str) -> Result<Self, DicomWebError> {
        Self::with_options(address, ClientOptions::default())
    }

    /// The same with other options.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_options(address: &str, options: ClientOptions) -> Result<Self, DicomWebError> {
        // First, since the address is what a user mistypes.
        Address::new(address)?;
        Self::with_access(address, Access::from_environment()?, options)
    }

    /// The same with credentials and certificates from elsewhere.
    ///
    /// # Errors
    /// [`DicomWebError::Address`] if the address is not one of `https` or `http`, or has a user, a password or a query;
    /// [`DicomWebError::Unencrypted`] if credentials would go to another machine over plain `http` and the options do not
    /// allow that.
    pub fn with_access(address: &str, access: Access, options: ClientOptions) -> Result<Self, DicomWebError> {
        let address = Address::new(address)?;
        let safe = address.is_encrypted() || address.is_loopback() || options.plain_http_credentials;
        if access.has_credentials() && !safe {
            return Err(DicomWebError::Unencrypted { host: printable(address.host()) });
        }
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .accept_encoding(AutoHeaderValue::None)
            .user_agent(concat!("medseg/", env!("CARGO_PKG_VERSION")))
            .tls_config(access.tls())
            .timeout_resolve(Some(options.connect_timeout))
            .timeout_connect(Some(options.connect_timeout))
            .timeout_send_request(Some(options.transfer_timeout))
            .timeout_send_body(Some(options.transfer_timeout))
            .timeout_recv_response(Some(options.transfer_timeout))
            .timeout_recv_body(Some(options.transfer_timeout))
            .timeout_per_read(Some(options.stall_timeout))
            .timeout_per_write(Some(options.stall_timeout));
        if address.is_loopback() {
            // A proxy would be another machine, and gets no credentials in the clear.
            config = config.proxy(None);
        }
        let agent = config.build().new_agent();
        Ok(Self { address, access, options, agent })
    }

    /// The service's address.
    #[must_use]
    pub fn address(&self) -> &str {
        self.address.base()
    }

    pub(crate) fn url(&self, path: &str, query: &str) -> Url {
        self.address.join(path, query)
    }

    /// Asks for a resource; repeated after failed connections too.
    pub(crate) fn get(&self, url: &Url, accept: &str) -> Result<Response<Body>, DicomWebError> {
        self.repeat(url, is_connection_failure, || {
            let request = self.request(Request::get(&url.full), accept).body(());
            Ok(self.agent.run(request.map_err(|error| network(url, error))?))
        })
    }

    /// Sends files; repeated only if nothing of them was sent or the server was busy.
    pub(crate) fn post(&self, url: &Url, files: &FileParts, accept: &str) -> Result<Response<Body>, DicomWebError> {
        self.repeat(url, never_connected, || {
            let request = self
                .request(Request::post(&url.full), accept)
                .header(CONTENT_TYPE, files.content_type())
                .header(CONTENT_LENGTH, files.length())
                .body(SendBody::from_owned_reader(files.reader()));
            Ok(self.agent.run(request.map_err(|error| network(url, error))?))
        })
    }

    fn request(&self, request: request::Builder, accept: &str) -> request::Builder {
        let request = request.header(ACCEPT, accept);
        match self.access.authorization() {
            Some(value) => request.header(AUTHORIZATION, value),
            None => request,
        }
    }

    /// Repeats a request while the server is busy or cannot be reached. Redirects and compressed answers are errors.
    fn repeat(
        &self,
        url: &Url,
        may_repeat: fn(&ureq::Error) -> bool,
        send: impl Fn() -> Result<Result<Response<Body>, ureq::Error>, DicomWebError>,
    ) -> Result<Response<Body>, DicomWebError> {
        let mut repetition = 0;
        loop {
            let last = repetition >= self.options.retries;
            let asked = match send()? {
                Err(error) if last || !may_repeat(&error) => return Err(network(url, error)),
                Err(_) => None,
                Ok(answer) if is_busy(answer.status()) && !last => header(&answer, RETRY_AFTER)
                    .and_then(|seconds| seconds.trim().parse().ok())
                    .map(Duration::from_secs),
                Ok(answer) => return accepted(url, answer),
            };
            sleep(self.options.pause(repetition, asked));
            repetition += 1;
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("address", &self.address.base())
            .field("access", &self.access)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

fn is_busy(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE
}

/// Says whether no connection was made at all.
fn never_connected(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        ureq::Error::ConnectionFailed | ureq::Error::Timeout(Timeout::Connect) => true,
        _ => false,
    }
}

/// Says whether the connection failed before the head of an answer was there. Certificates that do not fit are no such failure:
/// they stay so.
fn is_connection_failure(error: &ureq::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    let broken = |kind| matches!(kind, ConnectionReset | ConnectionAborted | BrokenPipe | NotConnected | UnexpectedEof);
    matches!(error, ureq::Error::Io(error) if broken(error.kind())) || never_connected(error)
}

/// A header's text; `None` if it is missing or not ASCII.
pub(crate) fn header(answer: &Response<Body>, name: ureq::http::HeaderName) -> Option<&str> {
    answer.headers().get(name)?.to_str().ok()
}

pub(crate) fn network(url: &Url, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> DicomWebError {
    DicomWebError::Network { url: url.shown.clone(), source: source.into() }
}

pub(crate) fn wrong_type(url: &Url, answer: &Response<Body>, expected: &'static str) -> DicomWebError {
    let found = printable(header(answer, CONTENT_TYPE).unwrap_or("no type"));
    DicomWebError::ContentType { url: url.shown.clone(), status: answer.status().as_u16(), found, expected }
}

/// Lets answers through that have succeeded, or are a conflict (409), which STOW-RS explains.
fn accepted(url: &Url, answer: Response<Body>) -> Result<Response<Body>, DicomWebError> {
    let status = answer.status();
    let (shown, number) = (url.shown.clone(), status.as_u16());
    if status.is_redirection() {
        let target = redirect_target(header(&answer, LOCATION).unwrap_or("nowhere"));
        return Err(DicomWebError::Redirect { url: shown, status: number, target });
    }
    if !status.is_success() && status != StatusCode::CONFLICT {
        return Err(DicomWebError::Status { url: shown, status: number });
    }
    let encoding = header(&answer, CONTENT_ENCODING).unwrap_or("identity");
    if !encoding.eq_ignore_ascii_case("identity") {
        let found = format!("encoded as {}", printable(encoding));
        return Err(DicomWebError::ContentType { url: shown, status: number, found, expected: "no encoding" });
    }
    Ok(answer)
}

/// Reads an answer of DICOM JSON; `None` for an empty one.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(
    url: &Url,
    mut answer: Response<Body>,
) -> Result<Option<T>, DicomWebError> {
    let mut bytes = Vec::new();
    let body = answer.body_mut().as_reader();
    body.take(MAX_JSON + 1).read_to_end(&mut bytes).map_err(|error| network(url, error))?;
    if bytes.len() as u64 > MAX_JSON {
        return Err(DicomWebError::Limit { url: url.shown.clone(), limit: MAX_JSON, of: "bytes in its answer" });
    }
    if bytes.is_empty() {
        return Ok(None);
    }
    let kind = header(&answer, CONTENT_TYPE).unwrap_or_default();
    if !kind.to_ascii_lowercase().contains("json") {
        return Err(wrong_type(url, &answer, "application/dicom+json"));
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|source| DicomWebError::Json { url: url.shown.clone(), source })
}
