//! Objects of a pickle. They refer to each other by number, so cycles and deep nesting cost nothing.

use std::ops::Range;

/// A small value, or the number of an object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    /// Python's `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number. No part that is read has one.
    Float,
    /// An object, by its number.
    Object(u32),
    /// A value that is walked past.
    Opaque,
}

/// An object.
#[derive(Debug)]
pub(super) enum Object {
    /// Text, at this place in the pickle.
    Text(Range<usize>),
    /// A list, tuple or set.
    Sequence(Vec<Value>),
    /// A dictionary, in order; the last of equal keys counts.
    Mapping(Vec<(Value, Value)>),
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
        /// Its arguments, a sequence.
        arguments: Value,
    },
}
