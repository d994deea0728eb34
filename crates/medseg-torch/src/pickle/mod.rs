//! A pickle that was read, and its parts.

mod machine;
mod object;
mod problem;

use std::ops::Range;

use machine::Machine;
use object::Object;
pub(crate) use object::Value;
pub use problem::PickleProblem;

/// Largest pickle that is read. That of the largest published models has about 2 MB.
pub(crate) const LARGEST_PICKLE: u64 = 64 << 20;
/// Longest text, key or name of a function, in bytes. A long one that many objects share would take long to look at.
pub(crate) const LONGEST_TEXT: usize = 1024;
/// Longest name in a message, in characters.
const MESSAGE: usize = 120;

/// A pickle that was read.
#[derive(Debug)]
pub(crate) struct Pickle {
    bytes: Vec<u8>,
    objects: Vec<Object>,
    result: Value,
}

impl Pickle {
    /// Reads the pickle at the beginning of the bytes. An error comes with its position in bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, (usize, PickleProblem)> {
        let (objects, result, length) = Machine::new(bytes).run()?;
        Ok(Self { bytes: bytes[..length].to_vec(), objects, result })
    }

    /// Length of the pickle in bytes.
    pub(crate) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// The value of the whole pickle.
    pub(crate) fn result(&self) -> Value {
        self.result
    }

    fn object(&self, value: Value) -> Option<&Object> {
        self.objects.get(value.number()? as usize)
    }

    /// A short text.
    pub(crate) fn text(&self, value: Value) -> Option<&str> {
        match self.object(value)? {
            Object::Text(place) => self.at(place),
            _ => None,
        }
    }

    /// True for a text that [`text`](Self::text) does not give for its length.
    pub(crate) fn is_long_text(&self, value: Value) -> bool {
        matches!(self.object(value), Some(Object::Text(place)) if place.len() > LONGEST_TEXT)
    }

    /// A short text at its place.
    fn at(&self, place: &Range<usize>) -> Option<&str> {
        std::str::from_utf8(self.bytes.get(place.clone()).filter(|text| text.len() <= LONGEST_TEXT)?).ok()
    }

    /// The values of a list, tuple or set.
    pub(crate) fn sequence(&self, value: Value) -> Option<&[Value]> {
        match self.object(value)? {
            Object::Sequence(values) => Some(values),
            _ => None,
        }
    }

    /// The keys and values of a dictionary, in order.
    pub(crate) fn mapping(&self, value: Value) -> Option<impl DoubleEndedIterator<Item = (Value, Value)>> {
        let Object::Mapping { initial, pairs } = self.object(value)? else { return None };
        let initial = initial.and_then(|number| self.sequence(Value::Object(number))).unwrap_or_default();
        let pair = |item: &Value| match self.sequence(*item) {
            Some([key, value]) => Some((*key, *value)),
            _ => None,
        };
        Some(initial.iter().filter_map(pair).chain(pairs.iter().copied()))
    }

    /// True for a dictionary.
    pub(crate) fn is_mapping(&self, value: Value) -> bool {
        matches!(self.object(value), Some(Object::Mapping { .. }))
    }

    /// The values of a key in a dictionary, from the last, which counts in Python, to the first.
    pub(crate) fn all(&self, mapping: Value, key: &str) -> impl Iterator<Item = Value> {
        let is_key = move |(name, _): &(Value, Value)| match self.object(*name) {
            Some(Object::Text(place)) => self.bytes.get(place.clone()) == Some(key.as_bytes()),
            _ => false,
        };
        self.mapping(mapping).into_iter().flat_map(Iterator::rev).filter(is_key).map(|(_, value)| value)
    }

    /// The value of a key in a dictionary.
    pub(crate) fn get(&self, mapping: Value, key: &str) -> Option<Value> {
        self.all(mapping, key).next()
    }

    /// The description of a storage.
    pub(crate) fn persistent(&self, value: Value) -> Option<Value> {
        match self.object(value)? {
            Object::Persistent(description) => Some(*description),
            _ => None,
        }
    }

    /// The descriptions of all storages, in the order in which Python would look at them.
    pub(crate) fn persistents(&self) -> impl Iterator<Item = Value> {
        self.objects.iter().filter_map(|object| match object {
            Object::Persistent(description) => Some(*description),
            _ => None,
        })
    }

    /// Function and arguments of a call.
    pub(crate) fn call(&self, value: Value) -> Option<(Value, &[Value])> {
        let Object::Call { function, arguments, .. } = self.object(value)? else { return None };
        let arguments = arguments.and_then(|number| self.sequence(Value::Object(number)));
        Some((*function, arguments.unwrap_or_default()))
    }

    /// The state that the result of a call would get.
    pub(crate) fn state(&self, value: Value) -> Option<Value> {
        match self.object(value)? {
            Object::Call { state, .. } => state.map(Value::Object),
            _ => None,
        }
    }

    /// Module and name of a global.
    pub(crate) fn global(&self, value: Value) -> Option<(&str, &str)> {
        match self.object(value)? {
            Object::Global { module, name } => Some((self.at(module)?, self.at(name)?)),
            _ => None,
        }
    }

    /// The function of a call as a person reads it, for messages.
    pub(crate) fn function_name(&self, function: Value) -> String {
        match self.global(function) {
            Some((module, name)) => format!("{module}.{name}").escape_debug().take(MESSAGE).collect(),
            None => "a function without a name".to_owned(),
        }
    }
}
