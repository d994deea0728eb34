//! Components: classes with arguments.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Config, Node, Value};
use crate::BundleProblem;

/// A class with its arguments. Arguments are resolved when they are read; [`finish`](Self::finish) refuses those that no one
/// has read.
pub(crate) struct Component<'a> {
    config: &'a Config,
    /// Id of the component.
    pub id: String,
    /// Name of the class without its modules.
    pub class: String,
    arguments: BTreeMap<String, Node<'a>>,
}

/// Keys that are no arguments.
const NO_ARGUMENTS: [&str; 5] = ["_target_", "_disabled_", "_requires_", "_desc_", "_mode_"];

impl<'a> Component<'a> {
    /// The component at a node, which must have a `_target_` of MONAI.
    pub fn new(config: &'a Config, node: &Node<'a>) -> Result<Self, BundleProblem> {
        let object = node.raw.as_object();
        let object = object.filter(|object| object.contains_key("_target_"));
        let object = object.ok_or_else(|| BundleProblem::value(&node.id, "a component with a _target_"))?;
        let class = class_name(node)?;
        config.count(&node.id, object.len())?;
        if let Some(mode) = object.get("_mode_").filter(|mode| mode.as_str() != Some("default")) {
            return Err(BundleProblem::unsupported(format!("{}#_mode_", node.id), mode.to_string(), "default"));
        }
        let arguments = object.iter().filter(|(name, _)| !NO_ARGUMENTS.contains(&name.as_str()));
        let arguments = arguments.map(|(name, raw)| (name.clone(), node.below(name, raw))).collect();
        Ok(Self { config, id: node.id.clone(), class, arguments })
    }

    /// The component of a resolved value.
    pub fn of_value(config: &'a Config, id: &str, value: &Value<'a>) -> Result<Self, BundleProblem> {
        match value {
            Value::Object(node) => Self::new(config, node),
            _ => Err(BundleProblem::value(id, "a component with a _target_")),
        }
    }

    /// Id of an argument.
    pub fn argument(&self, name: &str) -> String {
        format!("{}#{name}", self.id)
    }

    /// An argument, resolved; nothing if it is not given or is a disabled component.
    pub fn take(&mut self, name: &str) -> Result<Option<Value<'a>>, BundleProblem> {
        match self.arguments.remove(name) {
            Some(node) if !self.config.is_disabled(&node)? => self.config.resolve(&node).map(Some),
            _ => Ok(None),
        }
    }

    /// An argument, resolved and left for the next reader.
    pub fn peek(&self, name: &str) -> Result<Option<Value<'a>>, BundleProblem> {
        self.arguments.get(name).map(|node| self.config.resolve(node)).transpose()
    }

    /// An argument that is not resolved.
    pub fn take_raw(&mut self, name: &str) -> Option<Node<'a>> {
        self.arguments.remove(name)
    }

    /// Arguments that decide nothing.
    pub fn ignore(&mut self, names: &[&str]) {
        names.iter().for_each(|name| {
            self.arguments.remove(*name);
        });
    }

    /// An argument other than `None`.
    pub fn some(&mut self, name: &str) -> Result<Option<Value<'a>>, BundleProblem> {
        Ok(self.take(name)?.filter(|value| *value != Value::None))
    }

    /// An argument that must be there.
    pub fn required(&mut self, name: &str) -> Result<Value<'a>, BundleProblem> {
        self.take(name)?.ok_or_else(|| BundleProblem::missing(self.argument(name)))
    }

    /// A truth value; `[value]` is one too, as keyed transforms take a value a key.
    pub fn flag(&mut self, name: &str, default: bool) -> Result<bool, BundleProblem> {
        match self.take(name)?.map(single) {
            None => Ok(default),
            Some(Value::Bool(value)) => Ok(value),
            Some(_) => Err(BundleProblem::value(self.argument(name), "true or false")),
        }
    }

    /// A number, or nothing for `None` and for an argument that is not given.
    pub fn optional_number(&mut self, name: &str) -> Result<Option<f64>, BundleProblem> {
        let Some(value) = self.some(name)? else { return Ok(None) };
        single(value).number().map(Some).ok_or_else(|| BundleProblem::value(self.argument(name), "a number"))
    }

    /// A number that must be there.
    pub fn required_number(&mut self, name: &str) -> Result<f64, BundleProblem> {
        let value = single(self.required(name)?);
        value.number().ok_or_else(|| BundleProblem::value(self.argument(name), "a number"))
    }

    /// A whole number from `least` to `most`.
    pub fn whole(
        &mut self,
        name: &str,
        default: Option<usize>,
        least: usize,
        most: usize,
    ) -> Result<usize, BundleProblem> {
        match (self.take(name)?, default) {
            (None, Some(default)) => Ok(default),
            (None, None) => Err(BundleProblem::missing(self.argument(name))),
            (Some(value), _) => whole(&value, least, most).ok_or_else(|| {
                BundleProblem::value(self.argument(name), format!("a whole number from {least} to {most}"))
            }),
        }
    }

    /// A text, or nothing for `None` and for an argument that is not given.
    pub fn optional_text(&mut self, name: &str) -> Result<Option<String>, BundleProblem> {
        match self.some(name)?.map(single) {
            None | Some(Value::None) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(BundleProblem::value(self.argument(name), "a text")),
        }
    }

    /// A list of whole numbers that must be there.
    pub fn wholes(&mut self, name: &str, most: usize) -> Result<Vec<usize>, BundleProblem> {
        let value = self.required(name)?;
        self.wholes_of(name, &value, most)
    }

    /// A list of whole numbers of an argument's value.
    pub fn wholes_of(&self, name: &str, value: &Value<'_>, most: usize) -> Result<Vec<usize>, BundleProblem> {
        let wrong = || BundleProblem::value(self.argument(name), format!("a list of whole numbers up to {most}"));
        let Value::List(values) = value else { return Err(wrong()) };
        values.iter().map(|value| whole(value, 0, most).ok_or_else(wrong)).collect()
    }

    /// One of the modes that are supported, in lower case.
    pub fn one_of(
        &mut self,
        name: &str,
        default: &str,
        supported: &[&'static str],
    ) -> Result<&'static str, BundleProblem> {
        let given = self.optional_text(name)?.unwrap_or_else(|| default.to_owned());
        let found = supported.iter().find(|mode| mode.eq_ignore_ascii_case(&given));
        found.copied().ok_or_else(|| BundleProblem::unsupported(self.argument(name), given, supported.join(", ")))
    }

    /// Refuses an argument unless it is `None` or not given.
    pub fn refuse(&mut self, name: &str) -> Result<(), BundleProblem> {
        match self.arguments.remove(name) {
            Some(node) if *node.raw != Json::Null => Err(self.refusal(name)),
            _ => Ok(()),
        }
    }

    /// The refusal of an argument.
    pub fn refusal(&self, name: &str) -> BundleProblem {
        BundleProblem::Argument { id: self.id.clone(), class: self.class.clone(), argument: name.to_owned() }
    }

    /// Refuses the first argument that no one has read.
    pub fn finish(self) -> Result<(), BundleProblem> {
        match self.arguments.keys().next() {
            Some(name) => Err(self.refusal(name)),
            None => Ok(()),
        }
    }

    /// The refusal of the class.
    pub fn unknown(&self, supported: &str) -> BundleProblem {
        BundleProblem::Class { id: self.id.clone(), class: self.class.clone(), supported: supported.to_owned() }
    }

    /// The configuration that it stands in.
    pub fn config(&self) -> &'a Config {
        self.config
    }
}

/// The only element of a list of one, or the value itself.
pub(crate) fn single(value: Value<'_>) -> Value<'_> {
    match value {
        Value::List(mut values) if values.len() == 1 => values.remove(0),
        value => value,
    }
}

/// The whole number of a value, if it lies in a range.
pub(crate) fn whole(value: &Value<'_>, least: usize, most: usize) -> Option<usize> {
    let Value::Int(number) = value else { return None };
    usize::try_from(*number).ok().filter(|number| (least..=most).contains(number))
}

/// Last part of a `_target_`: a bare name, or a path within MONAI.
fn class_name(node: &Node<'_>) -> Result<String, BundleProblem> {
    let target = node.target();
    let foreign = |class: &str| BundleProblem::Class {
        id: node.id.clone(),
        class: crate::problem::shortened(class),
        supported: "classes of MONAI by their names".to_owned(),
    };
    let Some(text) = target.and_then(Json::as_str) else {
        return Err(foreign(&target.map(Json::to_string).unwrap_or_default()));
    };
    let (modules, class) = text.rsplit_once('.').unwrap_or(("", text));
    let is_name = !class.is_empty() && class.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name || !(modules.is_empty() || modules == "monai" || modules.starts_with("monai.")) {
        return Err(foreign(text));
    }
    Ok(class.to_owned())
}
