//! Text that a model carries.

use std::collections::BTreeMap;

/// Text that a model carries beside the network.
///
/// ```
/// use medseg_onnx::OnnxOptions;
///
/// let options = OnnxOptions::default().with_description("liver on CT").with_metadata("labels", r#"{"liver": 1}"#);
/// assert_eq!(options.metadata["labels"], r#"{"liver": 1}"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct OnnxOptions {
    /// Description of the model, ONNX's `doc_string`.
    pub description: String,
    /// Entries of ONNX's `metadata_props`, such as label values.
    ///
    /// The entry `size_multiple` holds the network's, such as `[16, 16, 16]`, unless it is given here.
    pub metadata: BTreeMap<String, String>,
}

impl OnnxOptions {
    /// The same options with a description.
    #[must_use]
    pub fn with_description(self, description: impl Into<String>) -> Self {
        Self { description: description.into(), ..self }
    }

    /// The same options with one more entry; it replaces an entry of the same key.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }
}
