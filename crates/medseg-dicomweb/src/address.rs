//! The address of a DICOMweb service.

use std::net::IpAddr;

use ureq::http::Uri;

use crate::DicomWebError;
use crate::error::printable;

/// The checked address of a service, without a slash at its end.
#[derive(Clone, Debug)]
pub struct Address {
    base: String,
    host: String,
    encrypted: bool,
}

/// The address of one request: with its query for the server, without it for messages.
#[derive(Clone, Debug)]
pub struct Url {
    pub full: String,
    pub shown: String,
}

impl Address {
    /// Checks an address. It must be `http` or `https`, and free of user names, passwords and queries.
    pub fn new(text: &str) -> Result<Self, DicomWebError> {
        let refuse = |reason: String| Err(DicomWebError::Address { reason });
        // Nothing of such an address is repeated in the message: it holds a secret.
        if text.contains('@') {
            return refuse(format!(
                "it has a user name or password; set {} and {}, or {}",
                crate::USER,
                crate::PASSWORD,
                crate::TOKEN
            ));
        }
        if text.contains(['?', '#']) {
            return refuse("it has a query or a fragment".into());
        }
        let Ok(uri) = text.parse::<Uri>() else {
            return refuse(format!("'{}' is no address", printable(text)));
        };
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return refuse(format!("'{}' does not begin with https:// or http:// and a host", printable(text)));
        };
        if scheme != "https" && scheme != "http" {
            return refuse(format!("its scheme is '{}', not https or http", printable(scheme)));
        }
        if host.is_empty() {
            return refuse("it has no host".into());
        }
        Ok(Self {
            base: text.trim_end_matches('/').to_owned(),
            host: host.to_ascii_lowercase(),
            encrypted: scheme == "https",
        })
    }

    /// The address of a resource below the service, with its query.
    pub fn join(&self, path: &str, query: &str) -> Url {
        let shown = format!("{}{path}", self.base);
        let full = if query.is_empty() { shown.clone() } else { format!("{shown}?{query}") };
        Url { full, shown }
    }

    /// The address without a slash at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The host, in lower case.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Says whether the connection is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Says whether the host is this machine, by name or number.
    pub fn is_loopback(&self) -> bool {
        let number = self.host.trim_start_matches('[').trim_end_matches(']');
        self.host == "localhost" || number.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// The target of a redirect for a message: scheme, host and path, without user, password and query.
pub fn redirect_target(location: &str) -> String {
    let plain = location.split(['?', '#']).next().unwrap_or_default();
    match plain.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = authority.rsplit('@').next().unwrap_or_default();
            printable(&format!("{scheme}://{host}/{path}"))
        }
        None => printable(plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_web_addresses_without_secrets() {
        let address = Address::new("https://PACS.example:8443/dicom-web/").unwrap();
        assert_eq!(address.join("/studies", "limit=1").full, "https://PACS.example:8443/dicom-web/studies?limit=1");
        assert_eq!(address.join("/studies", "limit=1").shown, "https://PACS.example:8443/dicom-web/studies");
        assert!(address.is_encrypted() && !address.is_loopback());
        for bad in [
            "",
            "pacs",
            "/dicom-web",
            "ftp://pacs/",
            "http://",
            "https://pacs/?token=hush",
            "https://pacs/#hush",
            "http:// x",
        ] {
            let text = Address::new(bad).unwrap_err().to_string();
            assert!(!text.contains("hush"), "{text}");
        }
        for secret in ["https://user:hush@pacs/dicom-web", "https://user:hush@bad host", "user:hush@pacs"] {
            let text = Address::new(secret).unwrap_err().to_string();
            assert!(text.contains("MEDSEG_DICOMWEB_USER") && !text.contains("hush"), "{text}");
        }
    }

    #[test]
    fn this_machine_is_known_by_name_and_number() {
        for here in [
            "http://localhost/x",
            "http://LOCALHOST:80",
            "http://127.0.0.1:8042",
            "http://127.9.9.9",
            "http://[::1]:80/",
        ] {
            assert!(Address::new(here).unwrap().is_loopback(), "{here}");
        }
        for there in [
            "http://localhost.example",
            "http://127.0.0.1.example",
            "http://10.0.0.1",
            "http://[::2]",
            "http://0.0.0.0",
        ] {
            assert!(!Address::new(there).unwrap().is_loopback(), "{there}");
        }
    }

    #[test]
    fn a_redirect_is_named_without_its_secrets() {
        assert_eq!(redirect_target("https://user:hush@evil.example/a?token=hush#hush"), "https://evil.example/a");
        assert_eq!(redirect_target("/login?next=hush"), "/login");
        assert_eq!(redirect_target("https://host"), "https://host/");
    }
}
