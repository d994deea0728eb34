//! A pickle that was read, and its parts.

use std::ops::Range;

use super::machine::Machine;
use super::object::{Object, Value};
use super::pickle_problem::PickleProblem;

/// A pickle that was read.
#[derive(Debug)]
pub(super) struct Pickle {
    bytes: Vec<u8>,
    objects: Vec<Object>,
    result: Value,
}

impl Pickle {
    /// Reads a pickle. An error comes with its position in bytes.
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self, (usize, PickleProblem)> {
        let (objects, result) = Machine::new(&bytes).run()?;
        Ok(Self { bytes, objects, result })
    }

    /// The value of the whole pickle.
    pub(super) fn result(&self) -> Value {
        self.result
    }

    fn object(&self, value: Value) -> Option<&Object> {
        match value {
            Value::Object(number) => self.objects.get(number as usize),
            _ => None,
        }
    }

    /// The bytes of a text.
    pub(super) fn text_bytes(&self, value: Value) -> Option<&[u8]> {
        match self.object(value)? {
            Object::Text(place) => self.bytes.get(place.clone()),
            _ => None,
        }
    }

    /// A text.
    pub(super) fn text(&self, value: Value) -> Option<&str> {
        std::str::from_utf8(self.text_bytes(value)?).ok()
    }

    /// The values of a list, tuple or set.
    pub(super) fn sequence(&self, value: Value) -> Option<&[Value]> {
        match self.object(value)? {
            Object::Sequence(values) => Some(values),
            _ => None,
        }
    }

    /// The keys and values of a dictionary.
    pub(super) fn mapping(&self, value: Value) -> Option<&[(Value, Value)]> {
        match self.object(value)? {
            Object::Mapping(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// The value of a key in a dictionary.
    pub(super) fn get(&self, mapping: Value, key: &str) -> Option<Value> {
        let is_key = |(name, _): &&(Value, Value)| self.text_bytes(*name) == Some(key.as_bytes());
        self.mapping(mapping)?.iter().rev().find(is_key).map(|(_, value)| *value)
    }

    /// The description of a storage.
    pub(super) fn persistent(&self, value: Value) -> Option<Value> {
        match self.object(value)? {
            Object::Persistent(description) => Some(*description),
            _ => None,
        }
    }

    /// Function and arguments of a call.
    pub(super) fn call(&self, value: Value) -> Option<(Value, &[Value])> {
        match self.object(value)? {
            Object::Call { function, arguments } => Some((*function, self.sequence(*arguments).unwrap_or_default())),
            _ => None,
        }
    }

    /// Module and name of a global.
    pub(super) fn global(&self, value: Value) -> Option<(&str, &str)> {
        match self.object(value)? {
            Object::Global { module, name } => Some((self.at(module)?, self.at(name)?)),
            _ => None,
        }
    }

    /// A short name. A long one that many objects share would take long to look at.
    fn at(&self, place: &Range<usize>) -> Option<&str> {
        std::str::from_utf8(self.bytes.get(place.clone()).filter(|name| name.len() <= LONGEST_NAME)?).ok()
    }

    /// The function of a call as a person reads it, for messages.
    pub(super) fn function_name(&self, function: Value) -> String {
        match self.global(function) {
            Some((module, name)) => format!("{module}.{name}").escape_debug().take(MESSAGE).collect(),
            None => "a function without a name".to_owned(),
        }
    }
}

/// Longest name of a module, function or class, in bytes.
const LONGEST_NAME: usize = 1024;
/// Longest name in a message, in characters.
const MESSAGE: usize = 120;
