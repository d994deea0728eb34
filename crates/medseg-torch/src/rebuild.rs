//! Tensors from the calls that PyTorch would make to build them.

use std::sync::Arc;

use crate::TorchProblem;
use crate::container::Container;
use crate::element::{ByteOrder, Element};
use crate::pickle::{Pickle, Value};
use crate::tensor::{MOST_AXES, StoredTensor, extent};

/// A parameter wraps a tensor, or a class of its own does; deeper wrappers do not occur.
const MOST_WRAPPERS: usize = 4;
/// Longest key of a storage, in bytes.
pub(crate) const LONGEST_KEY: usize = 100;

/// Makes tensors of a pickle.
pub(crate) struct Rebuilder<'a> {
    pub(crate) container: &'a Arc<Container>,
    pub(crate) pickle: &'a Pickle,
    pub(crate) order: ByteOrder,
}

impl Rebuilder<'_> {
    /// The tensor that a value stands for, or nothing for a plain value such as a number.
    pub(crate) fn tensor(&self, key: &str, value: Value) -> Result<Option<StoredTensor>, TorchProblem> {
        let Some((mut function, mut arguments)) = self.pickle.call(value) else { return Ok(None) };
        for _ in 0..MOST_WRAPPERS {
            match self.pickle.global(function) {
                Some(("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state")) => {
                    let wrapped = arguments.first().and_then(|value| self.pickle.call(*value));
                    let Some(wrapped) = wrapped else { return Ok(None) };
                    (function, arguments) = wrapped;
                }
                // The class of a tensor, such as one with metadata, leaves the numbers as they are.
                Some(("torch._tensor", "_rebuild_from_type_v2")) => {
                    let [inner, _, values, ..] = *arguments else { break };
                    (function, arguments) = (inner, self.pickle.sequence(values).unwrap_or_default());
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
        Err(TorchProblem::NotExecuted { part: key.to_owned(), function: self.pickle.function_name(function) })
    }

    /// A tensor from storage, offset, sizes and strides. The storage says the type unless `element` does.
    fn stored(&self, key: &str, arguments: &[Value], element: Option<Value>) -> Result<StoredTensor, TorchProblem> {
        let fault = |fault| TorchProblem::Tensor { key: key.to_owned(), fault };
        let [storage, offset, shape, strides, ..] = *arguments else {
            return Err(fault("its description is too short"));
        };
        let description = self.pickle.persistent(storage).and_then(|value| self.pickle.sequence(value));
        let Some([_, class, name, further @ ..]) = description else {
            return Err(fault("its storage is not described"));
        };
        let element = self.pickle.global(element.unwrap_or(*class)).map(|(_, name)| Element::of(name));
        let element = element.ok_or_else(|| fault("its type has no name"))?;
        let name = self.pickle.text(*name).filter(|name| name.len() <= LONGEST_KEY);
        let name = name.ok_or_else(|| fault("its storage has no name"))?;
        let stored = self.container.bytes(name)? / element.bytes();
        let view = further.get(2).copied().unwrap_or(Value::None);
        let (first, size) = self.view(view, stored).map_err(fault)?;

        let shape = self.sizes(shape).ok_or_else(|| fault("its shape is not a few sizes"))?;
        let strides = self.sizes(strides).ok_or_else(|| fault("its strides are not a few sizes"))?;
        if shape.len() != strides.len() {
            return Err(fault("its shape and strides differ in length"));
        }
        let Value::Int(offset) = offset else { return Err(fault("its offset is no number")) };
        let offset = u64::try_from(offset).map_err(|_| fault("its offset is negative"))?;
        let available = size.checked_sub(offset).ok_or_else(|| fault("it begins past the end of its storage"))?;
        let extent = if shape.contains(&0) { 0 } else { extent(&shape, &strides, available).map_err(fault)? };
        let start = (first + offset) * element.bytes();
        let (container, key, order) = (Arc::clone(self.container), key.to_owned(), self.order);
        Ok(StoredTensor { container, key, shape, strides, storage: name.to_owned(), start, extent, element, order })
    }

    /// First value and number of values of a part of a storage, which files before PyTorch 0.4 describe.
    fn view(&self, view: Value, stored: u64) -> Result<(u64, u64), &'static str> {
        if view == Value::None {
            return Ok((0, stored));
        }
        let Some([_, Value::Int(first), Value::Int(size)]) = self.pickle.sequence(view) else {
            return Err("its part of a storage is not described");
        };
        let (first, size) = (u64::try_from(*first), u64::try_from(*size));
        let (Ok(first), Ok(size)) = (first, size) else { return Err("its part of a storage is negative") };
        match first.checked_add(size) {
            Some(end) if end <= stored => Ok((first, size)),
            _ => Err("its part of a storage reaches past the end of it"),
        }
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
