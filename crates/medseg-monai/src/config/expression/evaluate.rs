//! Values of trees.

use super::tree::Tree;
use crate::BundleProblem;
use crate::config::resolve::BYTES;
use crate::config::{Config, Value};

/// Modules whose names stand for themselves, as in `torch.float32`.
const MODULES: [&str; 4] = ["torch", "np", "numpy", "monai"];
/// Longest text that an expression makes.
pub(super) const LONGEST_TEXT: usize = 1 << 16;

/// The evaluation of one expression.
pub(super) struct Evaluation<'a, 'b> {
    pub config: &'a Config,
    pub id: &'b str,
    pub text: &'b str,
}

pub(super) type Result<T> = std::result::Result<T, BundleProblem>;

impl<'a> Evaluation<'a, '_> {
    pub fn value(&self, tree: &Tree) -> Result<Value<'a>> {
        let value = self.config.nested(self.id, || self.of_tree(tree))?;
        if let Value::Text(text) = &value {
            self.config.count(self.id, text.len() / BYTES)?;
        }
        Ok(value)
    }

    fn of_tree(&self, tree: &Tree) -> Result<Value<'a>> {
        match tree {
            Tree::Int(value) => Ok(Value::Int(*value)),
            Tree::Float(value) => Ok(Value::Float(*value)),
            Tree::Text(text) => Ok(Value::Text(text.clone())),
            Tree::Name(name) => match name.as_str() {
                "None" => Ok(Value::None),
                "True" => Ok(Value::Bool(true)),
                "False" => Ok(Value::Bool(false)),
                _ => Err(self.fail(format!("the name {name} is not known"))),
            },
            Tree::Reference(id) => self.config.referred(self.id, id),
            Tree::List(items) => Ok(Value::List(items.iter().map(|item| self.value(item)).collect::<Result<_>>()?)),
            Tree::Unary(operator, value) => self.unary(operator, self.value(value)?),
            Tree::Binary("and", left, right) => {
                let left = self.value(left)?;
                if left.truth() { self.value(right) } else { Ok(left) }
            }
            Tree::Binary("or", left, right) => {
                let left = self.value(left)?;
                if left.truth() { Ok(left) } else { self.value(right) }
            }
            Tree::Binary(operator, left, right) => self.binary(operator, self.value(left)?, self.value(right)?),
            Tree::Choice(parts) => {
                let [condition, yes, no] = parts.as_ref();
                if self.value(condition)?.truth() { self.value(yes) } else { self.value(no) }
            }
            Tree::Call(function, arguments) => self.call(function, arguments),
            Tree::Attribute(_, name) => match dotted(tree) {
                Some(symbol) if constant(&symbol).is_some() => {
                    Ok(Value::Text(constant(&symbol).unwrap_or_default().to_owned()))
                }
                Some(symbol) if MODULES.contains(&symbol.split('.').next().unwrap_or_default()) => {
                    Ok(Value::Symbol(symbol))
                }
                _ => Err(self.fail(format!("the attribute {name} is not recognised"))),
            },
            Tree::Index(of, index) => match (self.value(of)?, self.value(index)?) {
                (Value::List(mut values), Value::Int(index)) => {
                    let length = values.len() as i64;
                    let at = if index < 0 { index.checked_add(length) } else { Some(index) };
                    match at.filter(|at| (0..length).contains(at)) {
                        Some(at) => Ok(values.swap_remove(at as usize)),
                        None => Err(self.fail(format!("a list of {length} has no element {index}"))),
                    }
                }
                (of, _) => Err(self.fail(format!("an index into {} is not recognised", of.kind()))),
            },
        }
    }

    pub(super) fn fail(&self, reason: impl Into<String>) -> BundleProblem {
        BundleProblem::expression(self.id, self.text, reason)
    }
}

/// Texts that MONAI gives names.
fn constant(symbol: &str) -> Option<&'static str> {
    match symbol.strip_prefix("monai.utils.")?.trim_start_matches("enums.") {
        "CommonKeys.IMAGE" => Some("image"),
        "CommonKeys.PRED" => Some("pred"),
        "CommonKeys.LABEL" => Some("label"),
        _ => None,
    }
}

/// The dotted name of a tree that is nothing else.
pub(super) fn dotted(tree: &Tree) -> Option<String> {
    match tree {
        Tree::Name(name) => Some(name.clone()),
        Tree::Attribute(of, name) => Some(format!("{}.{name}", dotted(of)?)),
        _ => None,
    }
}
