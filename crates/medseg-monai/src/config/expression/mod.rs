//! Expressions: texts that begin with `$`. A small set is recognised and computed here; nothing runs as Python.

mod arithmetic;
mod evaluate;
mod functions;
mod labels;
mod parse;
mod token;
mod tree;

pub(crate) use labels::channel_labels;

use super::{Config, Value};
use crate::BundleProblem;

/// The value of an expression without its `$`.
pub(super) fn evaluate<'a>(config: &'a Config, id: &str, text: &str) -> Result<Value<'a>, BundleProblem> {
    if let Some(symbol) = foreground_test(text) {
        return Ok(Value::Symbol(symbol.to_owned()));
    }
    let tree = parse::parse(text).map_err(|reason| BundleProblem::expression(id, text, reason))?;
    evaluate::Evaluation { config, id, text }.value(&tree)
}

/// Functions that select voxels over 0, as one name.
fn foreground_test(text: &str) -> Option<&'static str> {
    let text: String = text.chars().take(80).filter(|c| !c.is_whitespace()).collect();
    let (variable, body) = text.strip_prefix("lambda")?.split_once(':')?;
    let is_name = !variable.is_empty() && variable.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (is_name && body == format!("{variable}>0")).then_some(POSITIVE)
}

/// Name of the function that selects voxels over 0.
pub(super) const POSITIVE: &str = "monai.transforms.utils.is_positive";
