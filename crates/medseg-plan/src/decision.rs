//! A setting with its reason.

use serde::Serialize;

/// A chosen setting and the reason for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The setting, in words.
    pub setting: String,
    /// Its value, as a reader takes it.
    pub value: String,
    /// The facts that led to it, in a sentence or two.
    pub reason: String,
}

impl Decision {
    pub(crate) fn new(setting: &str, value: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { setting: setting.into(), value: value.into(), reason: reason.into() }
    }
}
