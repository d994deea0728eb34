//! A setting that is not resolved yet.

use serde_json::Value as Json;

/// Longest key that an id holds; no setting of MONAI comes near.
const LONGEST_KEY: usize = 256;

/// A setting: its id and its text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node<'a> {
    /// Keys and numbers that lead to it, joined by `#`.
    pub id: String,
    /// The JSON.
    pub raw: &'a Json,
    /// True if a macro copied it from another file.
    pub copied: bool,
}

impl<'a> Node<'a> {
    /// The setting of this key or number below it.
    pub fn below(&self, key: &str, raw: &'a Json) -> Self {
        let key = &key[..key.floor_char_boundary(LONGEST_KEY)];
        let id = if self.id.is_empty() { key.to_owned() } else { format!("{}#{key}", self.id) };
        Self { id, raw, copied: self.copied }
    }

    /// The class that it instantiates, if it says one.
    pub fn target(&self) -> Option<&'a Json> {
        self.raw.as_object().and_then(|object| object.get("_target_"))
    }
}
