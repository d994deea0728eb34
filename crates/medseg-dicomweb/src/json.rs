//! The DICOM JSON model (PS3.18, annex F), as far as these answers need it: unknown attributes take no memory.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// An attribute with its values.
#[derive(Deserialize)]
pub struct Attribute<T> {
    #[serde(rename = "Value", default = "Option::default")]
    values: Option<Vec<T>>,
}

/// A value that may be a text or a number; archives write numbers of type IS as either.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Single {
    Number(u64),
    Text(String),
    Other(IgnoredAny),
}

impl<T> Attribute<T> {
    /// The values of an attribute that may be missing.
    pub fn values(attribute: Option<Self>) -> Vec<T> {
        attribute.and_then(|attribute| attribute.values).unwrap_or_default()
    }
}

impl Attribute<Single> {
    fn first(attribute: Option<Self>) -> Option<Single> {
        Self::values(attribute).into_iter().next()
    }

    /// The first value as a text without blanks around it; `None` if that is empty.
    pub fn text(attribute: Option<Self>) -> Option<String> {
        match Self::first(attribute)? {
            Single::Text(text) => Some(text.trim_matches([' ', '\0']).to_owned()).filter(|text| !text.is_empty()),
            Single::Number(number) => Some(number.to_string()),
            Single::Other(_) => None,
        }
    }

    /// The first value as a whole number.
    pub fn number(attribute: Option<Self>) -> Option<u64> {
        match Self::first(attribute)? {
            Single::Number(number) => Some(number),
            Single::Text(text) => text.trim().parse().ok(),
            Single::Other(_) => None,
        }
    }
}
