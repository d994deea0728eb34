//! Resolved settings.

use super::Node;

/// A resolved setting. Objects stay as they are until someone reads their fields.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// Always finite.
    Float(f64),
    Text(String),
    /// A dotted name such as `torch.float32`.
    Symbol(String),
    List(Vec<Value<'a>>),
    /// A dictionary or a component.
    Object(Node<'a>),
}

impl Value<'_> {
    /// The number, if it is one. As in Python, a truth value is none here.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// Python's truth of the value.
    pub fn truth(&self) -> bool {
        match self {
            Self::None => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(value) => !value.is_empty(),
            Self::List(values) => !values.is_empty(),
            Self::Symbol(_) | Self::Object(_) => true,
        }
    }

    /// The name of its kind, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "a truth value",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::Symbol(_) => "a name",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}
