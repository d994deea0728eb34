//! Tensors of nested dictionaries, lists and modules, under names that dots join.

use std::collections::{BTreeMap, BTreeSet};

use crate::pickle::{LONGEST_TEXT, Value};
use crate::rebuild::Rebuilder;
use crate::{StoredTensor, TorchProblem};

/// Most levels of dictionaries, lists and modules.
const MOST_LEVELS: usize = 64;
/// Most values that are looked at. A small file may share one list a million times.
const MOST_VALUES: usize = 1 << 22;
/// Most tensors. The largest networks have some thousands.
const MOST_TENSORS: usize = 1 << 16;
/// Longest name in a message, in characters.
const MESSAGE: usize = 60;

/// Collects the tensors of a value.
pub(crate) struct Flattener<'a> {
    rebuilder: Rebuilder<'a>,
    tensors: BTreeMap<String, StoredTensor>,
    values: usize,
}

impl<'a> Flattener<'a> {
    /// Begins without any tensor.
    pub(crate) fn new(rebuilder: Rebuilder<'a>) -> Self {
        Self { rebuilder, tensors: BTreeMap::new(), values: 0 }
    }

    /// All tensors of a dictionary or module; `part` names it in errors.
    pub(crate) fn tensors(mut self, part: &str, value: Value) -> Result<BTreeMap<String, StoredTensor>, TorchProblem> {
        let pickle = self.rebuilder.pickle;
        if !pickle.is_mapping(value) && self.module(value)?.is_none() {
            return Err(match pickle.call(value) {
                Some((function, _)) => {
                    TorchProblem::NotExecuted { part: part.to_owned(), function: pickle.function_name(function) }
                }
                None => TorchProblem::Type { part: part.to_owned(), expected: "a dictionary or a module" },
            });
        }
        self.walk("", value, 0)?;
        Ok(self.tensors)
    }

    /// Takes the tensors of a value whose name is `path`.
    fn walk(&mut self, path: &str, value: Value, level: usize) -> Result<(), TorchProblem> {
        self.count(1)?;
        if level > MOST_LEVELS || path.len() > LONGEST_TEXT {
            return Err(nested(path));
        }
        let pickle = self.rebuilder.pickle;
        if pickle.is_mapping(value) {
            self.entries(path, value, level, |_| true)
        } else if let Some(values) = pickle.sequence(value) {
            let mut walk = |(number, value): (usize, &Value)| match value {
                Value::Object(_) => self.walk(&joined(path, &number.to_string()), *value, level + 1),
                _ => self.count(1),
            };
            values.iter().enumerate().try_for_each(&mut walk)
        } else if let Some(module) = self.module(value)? {
            match module {
                Module::Script { attributes } => self.entries(path, attributes, level, |_| true),
                Module::Eager { state } => self.module_state(path, state, level),
            }
        } else if self.is_tensor(value) {
            self.tensor(path, value)
        } else {
            Ok(())
        }
    }

    /// Counts values that are looked at.
    fn count(&mut self, values: usize) -> Result<(), TorchProblem> {
        self.values = self.values.saturating_add(values);
        match self.values > MOST_VALUES {
            true => Err(TorchProblem::TooMany { parts: "values", limit: MOST_VALUES }),
            false => Ok(()),
        }
    }

    /// Takes the values of a dictionary whose keys are texts or numbers.
    fn entries(
        &mut self,
        path: &str,
        mapping: Value,
        level: usize,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<(), TorchProblem> {
        let pickle = self.rebuilder.pickle;
        for (key, value) in pickle.mapping(mapping).into_iter().flatten() {
            if !matches!(value, Value::Object(_)) {
                self.count(1)?;
                continue;
            }
            let number;
            let key = match key {
                Value::Int(key) => {
                    number = key.to_string();
                    &number[..]
                }
                key => match pickle.text(key) {
                    Some(key) => key,
                    None if pickle.is_long_text(key) => return Err(nested(path)),
                    None => {
                        self.count(1)?;
                        continue;
                    }
                },
            };
            if wanted(key) {
                self.walk(&joined(path, key), value, level + 1)?;
            }
        }
        Ok(())
    }

    /// Takes what a module's `state_dict()` has: parameters, persistent buffers and those of its children.
    fn module_state(&mut self, path: &str, state: Value, level: usize) -> Result<(), TorchProblem> {
        let pickle = self.rebuilder.pickle;
        // Before protocol 4 a set is a call of its class with a list.
        let temporary = pickle.get(state, "_non_persistent_buffers_set").and_then(|names| match pickle.call(names) {
            Some((_, arguments)) => pickle.sequence(*arguments.first()?),
            None => pickle.sequence(names),
        });
        let temporary = temporary.unwrap_or_default();
        self.count(temporary.len())?;
        let temporary: BTreeSet<&str> = temporary.iter().filter_map(|name| pickle.text(*name)).collect();
        for part in ["_parameters", "_buffers", "_modules"] {
            let Some(mapping) = pickle.get(state, part) else { continue };
            self.entries(path, mapping, level, |name| part != "_buffers" || !temporary.contains(name))?;
        }
        Ok(())
    }

    /// The state of a module, or nothing for another object.
    fn module(&mut self, value: Value) -> Result<Option<Module>, TorchProblem> {
        let pickle = self.rebuilder.pickle;
        let class = pickle.call(value).map(|(class, _)| class);
        let state = pickle.state(value).filter(|state| pickle.is_mapping(*state));
        let (Some(class), Some(state)) = (class, state) else { return Ok(None) };
        let is_script = |module: &str| module == "__torch__" || module.starts_with("__torch__.");
        if pickle.global(class).is_some_and(|(module, _)| is_script(module)) {
            return Ok(Some(Module::Script { attributes: state }));
        }
        // Many objects may share one large state, which is searched for each.
        self.count(pickle.mapping(state).map_or(0, Iterator::count))?;
        let is_eager = ["_parameters", "_modules"].iter().all(|part| pickle.get(state, part).is_some());
        Ok(is_eager.then_some(Module::Eager { state }))
    }

    /// True for the result of a function of PyTorch that builds tensors, whether it is known here or not.
    fn is_tensor(&self, value: Value) -> bool {
        let function =
            self.rebuilder.pickle.call(value).and_then(|(function, _)| self.rebuilder.pickle.global(function));
        function.is_some_and(|(module, name)| module.starts_with("torch.") && name.starts_with("_rebuild_"))
    }

    fn tensor(&mut self, path: &str, value: Value) -> Result<(), TorchProblem> {
        let Some(tensor) = self.rebuilder.tensor(path, value)? else { return Ok(()) };
        if self.tensors.len() >= MOST_TENSORS {
            return Err(TorchProblem::TooMany { parts: "tensors", limit: MOST_TENSORS });
        }
        match self.tensors.insert(path.to_owned(), tensor) {
            Some(_) => Err(TorchProblem::Duplicate { key: path.to_owned() }),
            None => Ok(()),
        }
    }
}

/// A module that was saved with its state.
enum Module {
    /// A module of TorchScript, whose attributes are its parameters, buffers and children.
    Script { attributes: Value },
    /// A module of Python, whose parameters, buffers and children are three dictionaries.
    Eager { state: Value },
}

/// The error of a value below `path`.
fn nested(path: &str) -> TorchProblem {
    let part = if path.is_empty() { "the file" } else { path };
    TorchProblem::Nested { part: part.escape_debug().take(MESSAGE).collect(), limit: LONGEST_TEXT }
}

/// The name of a part of `path`.
fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
