//! Credentials and certificates, from the environment alone.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine;
use ureq::http::HeaderValue;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use crate::DicomWebError;

/// The variable with the user's name, sent by HTTP's Basic scheme.
pub const USER: &str = "MEDSEG_DICOMWEB_USER";
/// The variable with the password of [`USER`].
pub const PASSWORD: &str = "MEDSEG_DICOMWEB_PASSWORD";
/// The variable with a token, sent by HTTP's Bearer scheme, in place of user and password.
pub const TOKEN: &str = "MEDSEG_DICOMWEB_TOKEN";
/// The variable with a PEM file of the authorities that may vouch for the server, in place of Mozilla's.
pub const CA: &str = "MEDSEG_DICOMWEB_CA";
/// The variable with a PEM file of the client's certificate and its chain.
pub const CERTIFICATE: &str = "MEDSEG_DICOMWEB_CERT";
/// The variable with a PEM file of the private key of [`CERTIFICATE`].
pub const KEY: &str = "MEDSEG_DICOMWEB_KEY";

/// Largest PEM file that is read, in bytes.
const MAX_PEM: u64 = 4 << 20;

/// Credentials and certificates of a [`Client`](crate::Client).
///
/// `Debug` shows which kinds there are, never a secret.
#[derive(Clone, Default)]
pub struct Access {
    authorization: Option<HeaderValue>,
    authorities: Option<Vec<Certificate<'static>>>,
    certificate: Option<ClientCert>,
}

impl Access {
    /// Neither credentials nor certificates.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads the variables [`USER`] and [`PASSWORD`] or [`TOKEN`], and [`CA`], [`CERTIFICATE`] and [`KEY`]. An empty variable
    /// counts as none.
    ///
    /// # Errors
    /// [`DicomWebError::Environment`] for a user without a password, both kinds of credentials, characters that HTTP cannot
    /// carry, a certificate without a key, or a file that cannot be read.
    pub fn from_environment() -> Result<Self, DicomWebError> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    /// Reads the same variables from another source than the environment, such as a store of secrets.
    ///
    /// ```
    /// use medseg_dicomweb::Access;
    /// let access = Access::from_variables(|name| (name == "MEDSEG_DICOMWEB_TOKEN").then(|| "secret".into()))?;
    /// assert_eq!(format!("{access:?}"), "Access { credentials: true, ca: false, certificate: false }");
    /// # Ok::<(), medseg_dicomweb::DicomWebError>(())
    /// ```
    ///
    /// # Errors
    /// As [`from_environment`](Self::from_environment).
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, DicomWebError> {
        let set = |name: &'static str| variable(name).filter(|value| !value.is_empty());
        let text = |name: &'static str| {
            set(name).map(|value| value.into_string().map_err(|_| refuse(name, "it is not UTF-8"))).transpose()
        };
        let authorization = match (text(USER)?, text(PASSWORD)?, text(TOKEN)?) {
            (None, None, None) => None,
            (None, None, Some(token)) => Some(header(TOKEN, format!("Bearer {token}"))?),
            (Some(user), Some(_), None) if user.contains(':') => {
                return Err(refuse(USER, "a user's name cannot have a colon"));
            }
            (Some(user), Some(password), None) => {
                let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
                Some(header(USER, format!("Basic {pair}"))?)
            }
            (Some(_), None, None) => return Err(refuse(PASSWORD, "it is not set, but the user is")),
            (None, Some(_), None) => return Err(refuse(USER, "it is not set, but the password is")),
            (_, _, Some(_)) => return Err(refuse(TOKEN, "a user or password is set as well; set either")),
        };
        let authorities = set(CA).map(|path| certificates(CA, path.as_ref())).transpose()?;
        let certificate = match (set(CERTIFICATE), set(KEY)) {
            (None, None) => None,
            (Some(chain), Some(key)) => {
                let chain = certificates(CERTIFICATE, chain.as_ref())?;
                Some(ClientCert::new_with_certs(&chain, private_key(key.as_ref())?))
            }
            (Some(_), None) => return Err(refuse(KEY, "it is not set, but the certificate is")),
            (None, Some(_)) => return Err(refuse(CERTIFICATE, "it is not set, but the key is")),
        };
        Ok(Self { authorization, authorities, certificate })
    }

    /// Says whether there are credentials.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        self.authorization.is_some()
    }

    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    pub(crate) fn tls(&self) -> TlsConfig {
        let roots = self.authorities.as_ref().map_or(RootCerts::WebPki, |found| RootCerts::new_with_certs(found));
        TlsConfig::builder().root_certs(roots).client_cert(self.certificate.clone()).build()
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Access")
            .field("credentials", &self.authorization.is_some())
            .field("ca", &self.authorities.is_some())
            .field("certificate", &self.certificate.is_some())
            .finish()
    }
}

fn refuse(variable: &'static str, reason: impl Into<String>) -> DicomWebError {
    DicomWebError::Environment { variable, reason: reason.into() }
}

/// A header that is marked as secret, so that no `Debug` shows it.
fn header(variable: &'static str, text: String) -> Result<HeaderValue, DicomWebError> {
    let mut value =
        HeaderValue::try_from(text).map_err(|_| refuse(variable, "it has characters that HTTP cannot carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The content of a PEM file; messages name the file, never its content.
fn pem(variable: &'static str, path: &Path) -> Result<Vec<PemItem<'static>>, DicomWebError> {
    use std::io::Read;
    let path: PathBuf = path.into();
    let failed = |error: std::io::Error| refuse(variable, format!("cannot read {}: {error}", path.display()));
    let mut bytes = Vec::new();
    std::fs::File::open(&path).map_err(failed)?.take(MAX_PEM).read_to_end(&mut bytes).map_err(failed)?;
    parse_pem(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|_| refuse(variable, format!("{} is not a PEM file", path.display())))
}

fn certificates(variable: &'static str, path: &Path) -> Result<Vec<Certificate<'static>>, DicomWebError> {
    let certificate = |item| match item {
        PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    };
    let found: Vec<_> = pem(variable, path)?.into_iter().filter_map(certificate).collect();
    if found.is_empty() {
        return Err(refuse(variable, format!("{} has no certificate", path.display())));
    }
    Ok(found)
}

fn private_key(path: &Path) -> Result<PrivateKey<'static>, DicomWebError> {
    let key = |item| match item {
        PemItem::PrivateKey(key) => Some(key),
        _ => None,
    };
    let found = pem(KEY, path)?.into_iter().find_map(key);
    found.ok_or_else(|| refuse(KEY, format!("{} has no private key", path.display())))
}
