//! Settings by id, with references, macros and expressions resolved.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::identifier::{absolute, id_length, normal};
use super::macros::{file_of_macro, macro_files};
use super::text::parsed;
use super::{Node, Value, expression};
use crate::BundleProblem;
use crate::folder::Folder;

/// Most settings that are resolved, references counted each time.
const MOST_STEPS: usize = 200_000;
/// Bytes of text that count as a value.
pub(super) const BYTES: usize = 16;
/// Longest chain of references and macros.
const DEEPEST: usize = 64;
/// Deepest nesting of values that are being resolved.
const MOST_NESTED: usize = 200;
/// Id whose value is always the bundle's folder.
const BUNDLE_ROOT: &str = "bundle_root";

/// The settings of `inference.json` with those of the files that its macros name.
#[derive(Debug)]
pub(crate) struct Config {
    root: Json,
    /// Files by the path that macros write; an error says why a file is not read.
    files: BTreeMap<String, Result<Json, String>>,
    folder: Option<Folder>,
    steps: Cell<usize>,
    depth: Cell<usize>,
    /// Ids that are being resolved.
    active: RefCell<Vec<String>>,
}

impl Config {
    /// Reads the text of a file of this name in a folder. Without a folder, macros of other files are refused.
    pub fn new(name: &str, text: &str, folder: Option<&Folder>) -> Result<Self, BundleProblem> {
        let root = parsed(name, text)?;
        if !root.is_object() {
            return Err(BundleProblem::value("the file", "an object"));
        }
        let mut names = Vec::new();
        macro_files(&root, &mut names);
        let read = |name: &String| {
            let text = folder.ok_or("it is another file")?.text_of_macro(name)?;
            parsed(name, &text).map_err(|problem| problem.to_string())
        };
        let files = names.into_iter().map(|name| (name.clone(), read(&name))).collect();
        Ok(Self {
            root,
            files,
            folder: folder.cloned(),
            steps: Cell::new(0),
            depth: Cell::new(0),
            active: RefCell::default(),
        })
    }

    /// The whole configuration.
    pub fn root(&self) -> Node<'_> {
        Node { id: String::new(), raw: &self.root, copied: false }
    }

    /// A setting of the first level as it is written.
    pub fn raw(&self, key: &str) -> Option<Node<'_>> {
        self.root.get(key).map(|raw| self.root().below(key, raw))
    }

    /// True if a path of the bundle exists; nothing for one that leads out of it.
    pub(super) fn exists(&self, path: &str) -> Option<bool> {
        let inside = crate::checkpoint::inside(path)?;
        Some(self.folder.as_ref()?.exists(&inside))
    }

    /// Resolves a setting by its id, such as `network_def` or `preprocessing#transforms#0`.
    pub fn by_id(&self, id: &str) -> Result<Value<'_>, BundleProblem> {
        self.referred(id, id)
    }

    /// Resolves a setting.
    pub fn resolve<'a>(&'a self, node: &Node<'a>) -> Result<Value<'a>, BundleProblem> {
        self.nested(&node.id, || self.value(node))
    }

    fn value<'a>(&'a self, node: &Node<'a>) -> Result<Value<'a>, BundleProblem> {
        match node.raw {
            Json::Null => Ok(Value::None),
            Json::Bool(value) => Ok(Value::Bool(*value)),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Ok(Value::Int(whole)),
                (None, Some(value)) if value.is_finite() => Ok(Value::Float(value)),
                _ => Err(BundleProblem::value(&node.id, "a finite number")),
            },
            Json::String(text) => self.text(node, text),
            Json::Array(items) => {
                let mut values = Vec::new();
                for (number, item) in items.iter().enumerate() {
                    let item = node.below(&number.to_string(), item);
                    if !self.is_disabled(&item)? {
                        values.push(self.resolve(&item)?);
                    }
                }
                Ok(Value::List(values))
            }
            Json::Object(_) if self.is_disabled(node)? => Ok(Value::None),
            Json::Object(_) => Ok(Value::Object(node.clone())),
        }
    }

    /// True for a component with `_disabled_`, which MONAI leaves out.
    pub fn is_disabled(&self, node: &Node<'_>) -> Result<bool, BundleProblem> {
        let Some(disabled) = node.raw.as_object().and_then(|object| object.get("_disabled_")) else { return Ok(false) };
        if node.target().is_none() {
            return Ok(false);
        }
        let disabled = Node { id: node.below("_disabled_", disabled).id, raw: disabled, copied: node.copied };
        Ok(match self.resolve(&disabled)? {
            Value::Text(text) => text.trim().eq_ignore_ascii_case("true"),
            value => value.truth(),
        })
    }

    /// The value of the setting `to`, to which the setting `id` refers.
    pub(super) fn referred(&self, id: &str, to: &str) -> Result<Value<'_>, BundleProblem> {
        let to = normal(to);
        if to == BUNDLE_ROOT {
            return Ok(Value::Text(".".into()));
        }
        self.entered(&to, || {
            let node = self.find(id, &to)?;
            self.resolve(&node)
        })
    }

    /// Runs a step one level deeper, and counts it.
    pub(super) fn nested<T>(
        &self,
        id: &str,
        run: impl FnOnce() -> Result<T, BundleProblem>,
    ) -> Result<T, BundleProblem> {
        self.count(id, 1)?;
        if self.depth.get() >= MOST_NESTED {
            return Err(BundleProblem::bound(id, format!("values nested more than {MOST_NESTED} times")));
        }
        self.depth.set(self.depth.get() + 1);
        let result = run();
        self.depth.set(self.depth.get() - 1);
        result
    }

    /// Counts values, and texts by their length, against the bound of the whole file.
    pub fn count(&self, id: &str, values: usize) -> Result<(), BundleProblem> {
        self.steps.set(self.steps.get().saturating_add(values));
        match self.steps.get() <= MOST_STEPS {
            true => Ok(()),
            false => Err(BundleProblem::bound(id, format!("the settings expand to more than {MOST_STEPS} values"))),
        }
    }

    fn text<'a>(&'a self, node: &Node<'a>, text: &str) -> Result<Value<'a>, BundleProblem> {
        if !text.starts_with(['@', '$', '%']) {
            self.count(&node.id, text.len() / BYTES)?;
            return Ok(Value::Text(text.to_owned()));
        }
        let text = absolute(&node.id, text)?;
        if let Some(id) = text.strip_prefix('@').filter(|id| id_length(id) == id.len()) {
            self.referred(&node.id, id)
        } else if let Some(expression) = text.strip_prefix('$') {
            expression::evaluate(self, &node.id, expression)
        } else if let Some(path) = text.strip_prefix('%') {
            if node.copied {
                return Err(unread(&node.id, &text, "it stands in a file that another macro copies"));
            }
            self.entered(&text, || {
                let node = self.copied(&node.id, path)?;
                self.resolve(&node)
            })
        } else {
            Ok(Value::Text(text))
        }
    }

    /// Runs a step while an id is marked as being resolved.
    fn entered<T>(&self, id: &str, run: impl FnOnce() -> Result<T, BundleProblem>) -> Result<T, BundleProblem> {
        if self.active.borrow().iter().any(|active| active == id) {
            return Err(BundleProblem::Circle { id: crate::problem::shortened(id) });
        }
        if self.active.borrow().len() >= DEEPEST {
            return Err(BundleProblem::bound(id, format!("a chain of more than {DEEPEST} references")));
        }
        self.active.borrow_mut().push(id.to_owned());
        let result = run();
        self.active.borrow_mut().pop();
        result
    }

    /// The node of an id, with macros on its way resolved.
    fn find(&self, id: &str, to: &str) -> Result<Node<'_>, BundleProblem> {
        self.walk(id, self.root(), to)
    }

    fn walk<'a>(&'a self, id: &str, from: Node<'a>, to: &str) -> Result<Node<'a>, BundleProblem> {
        let unknown = || BundleProblem::reference(id, to);
        let mut at = from;
        for part in to.split('#').filter(|_| !to.is_empty()) {
            self.count(id, 1)?;
            if let Some(text) = at.raw.as_str().filter(|text| text.starts_with('%') && !at.copied) {
                let text = absolute(&at.id, text)?;
                at = self.entered(&text, || self.copied(&at.id, &text[1..]))?;
            }
            let below = match at.raw {
                Json::Object(object) => object.get(part),
                Json::Array(items) => part.parse().ok().and_then(|number: usize| items.get(number)),
                _ => None,
            };
            at = at.below(part, below.ok_or_else(unknown)?);
        }
        Ok(at)
    }

    /// The node that a macro copies, with the id of the macro.
    fn copied(&self, id: &str, path: &str) -> Result<Node<'_>, BundleProblem> {
        let path = normal(path);
        let node = match file_of_macro(&path) {
            None => self.find(id, &path)?,
            Some((file, to)) => {
                let root = match self.files.get(file) {
                    Some(Ok(root)) => root,
                    Some(Err(reason)) => return Err(unread(id, &path, reason)),
                    None => return Err(unread(id, &path, "its file is not known")),
                };
                self.walk(id, Node { id: String::new(), raw: root, copied: true }, to)?
            }
        };
        let id = if node.copied { id.to_owned() } else { node.id };
        Ok(Node { id, ..node })
    }
}

fn unread(id: &str, text: &str, reason: &str) -> BundleProblem {
    BundleProblem::Macro { id: id.to_owned(), text: crate::problem::shortened(text), reason: reason.to_owned() }
}
