//! Tensors from the calls that PyTorch would make to build them.

use std::sync::Arc;

use super::archive::Archive;
use super::element::{ByteOrder, Element};
use super::object::Value;
use super::pickle::Pickle;
use super::problem::CheckpointProblem;
use super::tensor::{MOST_AXES, StoredTensor, extent};

/// A parameter wraps a tensor; a wrapped wrapper does not occur.
const MOST_WRAPPERS: usize = 4;

/// Makes tensors of a pickle.
pub(super) struct Rebuilder<'a> {
    pub(super) archive: &'a Arc<Archive>,
    pub(super) root: &'a str,
    pub(super) pickle: &'a Pickle,
    pub(super) order: ByteOrder,
}

impl Rebuilder<'_> {
    /// The tensor that a value stands for, or nothing for a plain value such as a number.
    pub(super) fn tensor(&self, key: &str, value: Value) -> Result<Option<StoredTensor>, CheckpointProblem> {
        let mut value = value;
        for _ in 0..MOST_WRAPPERS {
            let Some((function, arguments)) = self.pickle.call(value) else { return Ok(None) };
            match self.pickle.global(function) {
                Some(("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state")) => {
                    value = arguments.first().copied().unwrap_or(Value::Opaque);
                }
                Some(("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2")) => {
                    return self.stored(key, arguments, None).map(Some);
                }
                Some(("torch._utils", "_rebuild_tensor_v3")) => {
                    let element = arguments.get(6).copied().unwrap_or(Value::Opaque);
                    return self.stored(key, arguments, Some(element)).map(Some);
                }
                _ => break,
            }
        }
        match self.pickle.call(value) {
            Some((function, _)) => Err(CheckpointProblem::NotExecuted {
                part: key.to_owned(),
                function: self.pickle.function_name(function),
            }),
            None => Ok(None),
        }
    }

    /// A tensor from storage, offset, sizes and strides. The storage says the type unless `element` does.
    fn stored(
        &self,
        key: &str,
        arguments: &[Value],
        element: Option<Value>,
    ) -> Result<StoredTensor, CheckpointProblem> {
        let fault = |fault| CheckpointProblem::Tensor { key: key.to_owned(), fault };
        let [storage, offset, shape, strides, ..] = *arguments else {
            return Err(fault("its description is too short"));
        };
        let description = self.pickle.persistent(storage).and_then(|value| self.pickle.sequence(value));
        let Some([_, class, name, ..]) = description else {
            return Err(fault("its storage is not described"));
        };
        let element = self.pickle.global(element.unwrap_or(*class)).map(|(_, name)| Element::of(name));
        let element = element.ok_or_else(|| fault("its type has no name"))?;
        let name = self.pickle.text(*name).filter(|name| name.len() <= 100);
        let entry = format!("{}/data/{}", self.root, name.ok_or_else(|| fault("its storage has no name"))?);
        let bytes = self.archive.bytes(&entry);
        let bytes = bytes.ok_or_else(|| CheckpointProblem::MissingEntry { entry: entry.clone() })?;

        let shape = self.sizes(shape).ok_or_else(|| fault("its shape is not a few sizes"))?;
        let strides = self.sizes(strides).ok_or_else(|| fault("its strides are not a few sizes"))?;
        if shape.len() != strides.len() {
            return Err(fault("its shape and strides differ in length"));
        }
        let Value::Int(offset) = offset else { return Err(fault("its offset is no number")) };
        let offset = u64::try_from(offset).map_err(|_| fault("its offset is negative"))?;
        let available = (bytes / element.bytes()).checked_sub(offset);
        let available = available.ok_or_else(|| fault("it begins past the end of its storage"))?;
        let extent = if shape.contains(&0) { 0 } else { extent(&shape, &strides, available).map_err(fault)? };
        let start = offset * element.bytes();
        let (archive, key, order) = (Arc::clone(self.archive), key.to_owned(), self.order);
        Ok(StoredTensor { archive, key, shape, strides, entry, start, extent, element, order })
    }

    fn sizes(&self, value: Value) -> Option<Vec<usize>> {
        let values = self.pickle.sequence(value).filter(|values| values.len() <= MOST_AXES)?;
        let size = |value: &Value| match value {
            Value::Int(size) => usize::try_from(*size).ok(),
            _ => None,
        };
        values.iter().map(size).collect()
    }
}
