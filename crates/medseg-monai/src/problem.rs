//! The ways in which a bundle's settings can be wrong.

use medseg_architecture::ArchitectureError;

/// The reason why `inference.json` or `metadata.json` is not read. Settings are called by their ids, such as
/// `network_def#channels`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleProblem {
    /// The text is no JSON.
    #[error("{0}")]
    Json(serde_json::Error),
    /// The text is no YAML, or expands beyond all reason.
    #[error("{0}")]
    Yaml(String),
    /// A setting is missing.
    #[error("{id} is missing")]
    Missing {
        /// Id of the setting.
        id: String,
    },
    /// A setting has a value of another kind, or one out of range.
    #[error("{id} should be {expected}")]
    Value {
        /// Id of the setting.
        id: String,
        /// The values that it may have.
        expected: String,
    },
    /// A setting names something that is not supported.
    #[error("{id} is {name:?}, which is not supported; supported are {supported}")]
    Unsupported {
        /// Id of the setting.
        id: String,
        /// Its value.
        name: String,
        /// The supported values.
        supported: String,
    },
    /// A class that is not supported.
    #[error("{id}: the class {class} is not supported; supported are {supported}")]
    Class {
        /// Id of the component.
        id: String,
        /// Its `_target_`.
        class: String,
        /// The supported classes.
        supported: String,
    },
    /// A class has an argument that is not supported.
    #[error("{id}: the argument {argument} of {class} is not supported")]
    Argument {
        /// Id of the component.
        id: String,
        /// Its class.
        class: String,
        /// Name of the argument.
        argument: String,
    },
    /// The network's numbers do not fit together.
    #[error("{id}: {source}")]
    Network {
        /// Id of the network.
        id: String,
        /// The reason.
        source: ArchitectureError,
    },
    /// An expression is none of the recognised ones. None is ever run as Python.
    #[error("{id}: the expression {text:?} is not read: {reason}")]
    Expression {
        /// Id of the setting.
        id: String,
        /// The expression, shortened.
        text: String,
        /// The reason.
        reason: String,
    },
    /// A reference to a setting that does not exist.
    #[error("{id} refers to {to}, which does not exist")]
    Reference {
        /// Id of the setting that refers.
        id: String,
        /// The id that it refers to.
        to: String,
    },
    /// References or macros form a circle.
    #[error("{id} refers to itself")]
    Circle {
        /// An id on the circle.
        id: String,
    },
    /// A macro copies from a file that is not read.
    #[error("{id}: the macro {text:?} is not read: {reason}")]
    Macro {
        /// Id of the setting.
        id: String,
        /// The macro.
        text: String,
        /// The reason.
        reason: String,
    },
    /// Settings expand beyond all reason.
    #[error("{id}: {bound}")]
    Bound {
        /// Id of the setting.
        id: String,
        /// The bound.
        bound: String,
    },
}

impl BundleProblem {
    pub(crate) fn missing(id: impl Into<String>) -> Self {
        Self::Missing { id: id.into() }
    }

    pub(crate) fn value(id: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Value { id: id.into(), expected: expected.into() }
    }

    pub(crate) fn unsupported(id: impl Into<String>, name: impl Into<String>, supported: impl Into<String>) -> Self {
        Self::Unsupported { id: id.into(), name: shortened(&name.into()), supported: supported.into() }
    }

    pub(crate) fn expression(id: &str, text: &str, reason: impl Into<String>) -> Self {
        Self::Expression { id: id.to_owned(), text: shortened(text), reason: reason.into() }
    }

    pub(crate) fn reference(id: &str, to: &str) -> Self {
        Self::Reference { id: id.to_owned(), to: shortened(to) }
    }

    pub(crate) fn bound(id: &str, bound: impl Into<String>) -> Self {
        Self::Bound { id: shortened(id), bound: bound.into() }
    }
}

/// The first 200 characters of a text.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
