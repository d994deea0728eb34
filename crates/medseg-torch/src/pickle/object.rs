//! Objects of a pickle. They refer to each other by number, so cycles and deep nesting cost nothing.

use std::ops::Range;

/// A small value, or the number of an object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    /// Python's `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// An object, by its number.
    Object(u32),
    /// A value that is walked past.
    Opaque,
}

impl Value {
    /// Number of the object, if it is one.
    pub(crate) fn number(self) -> Option<u32> {
        match self {
            Self::Object(number) => Some(number),
            _ => None,
        }
    }
}

/// An object.
#[derive(Debug)]
pub(super) enum Object {
    /// Text, at this place in the pickle.
    Text(Range<usize>),
    /// A list, tuple or set.
    Sequence(Vec<Value>),
    /// A dictionary, in order; the last of equal keys counts.
    Mapping {
        /// Number of a list of pairs with which it begins.
        initial: Option<u32>,
        /// Its further keys and values.
        pairs: Vec<(Value, Value)>,
    },
    /// A name that Python would import: module and name, at these places in the pickle.
    Global {
        /// The module.
        module: Range<usize>,
        /// The name in it.
        name: Range<usize>,
    },
    /// A storage, by its description.
    Persistent(Value),
    /// A call that Python would make. Here it is only noted.
    Call {
        /// The function or class.
        function: Value,
        /// Number of its arguments, a sequence.
        arguments: Option<u32>,
        /// Number of the state that the new object would get.
        state: Option<u32>,
    },
}

impl Object {
    /// A dictionary without keys.
    pub(super) fn empty_mapping() -> Self {
        Self::Mapping { initial: None, pairs: Vec::new() }
    }
}
