//! The weights that a bundle loads.

use serde_json::Value as Json;

use crate::BundleProblem;
use crate::config::{Component, Config, Node, Value};

/// The state dict of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpoint {
    /// Path relative to the bundle's folder, with `/`.
    pub path: String,
    /// Key of the file's dictionary that holds the state dict. A file without it is the state dict itself.
    pub key: String,
}

/// Path and key that bundles use unless they say something else.
const USUAL: (&str, &str) = ("models/model.pt", "model");

/// Reads the loader that runs last: one of the evaluator's handlers, or `checkpointloader`.
pub(crate) fn read(config: &Config) -> Result<Checkpoint, BundleProblem> {
    let mut loaders = Vec::new();
    loaders.extend(config.raw("checkpointloader"));
    for (owner, key) in [("handlers", None), ("evaluator", Some("val_handlers")), ("evaluator", Some("handlers"))] {
        let Some(owner) = config.raw(owner) else { continue };
        let list = match key {
            None => Some(owner),
            Some(key) => owner.raw.as_object().and_then(|object| object.get(key)).map(|raw| owner.below(key, raw)),
        };
        let Some((list, items)) = list.and_then(|list| Some((list.clone(), list.raw.as_array()?))) else { continue };
        loaders.extend(items.iter().enumerate().map(|(number, item)| list.below(&number.to_string(), item)));
    }
    for loader in loaders.into_iter().rev().filter(is_loader) {
        if !config.is_disabled(&loader)? {
            return of_loader(config, &loader);
        }
    }
    Ok(Checkpoint { path: USUAL.0.into(), key: USUAL.1.into() })
}

fn is_loader(node: &Node<'_>) -> bool {
    let target = node.target().and_then(Json::as_str).unwrap_or_default();
    target.rsplit('.').next() == Some("CheckpointLoader")
}

fn of_loader(config: &Config, node: &Node<'_>) -> Result<Checkpoint, BundleProblem> {
    let mut component = Component::new(config, node)?;
    let path = match component.required("load_path")? {
        Value::Text(path) => inside(&path).ok_or_else(|| {
            BundleProblem::unsupported(component.argument("load_path"), path, "files within the bundle")
        })?,
        _ => return Err(BundleProblem::value(component.argument("load_path"), "the path of a file")),
    };
    for name in ["strict", "strict_shape"] {
        // Bundles write "True" too, a text that Python takes for true.
        if component.take(name)?.is_some_and(|value| !value.truth()) {
            return Err(component.refusal(name));
        }
    }
    component.ignore(&["map_location", "name"]);
    let id = component.argument("load_dict");
    let node = component.take_raw("load_dict").ok_or_else(|| BundleProblem::missing(&id))?;
    component.finish()?;
    // Values are references to the network, which need no evaluation.
    let keys: Option<Vec<&String>> = node.raw.as_object().map(|object| object.keys().collect());
    match keys.as_deref() {
        Some([key]) => Ok(Checkpoint { path, key: (*key).clone() }),
        _ => Err(BundleProblem::value(id, "one key with the network")),
    }
}

/// A path without `.`, if it leads nowhere out of the bundle.
pub(crate) fn inside(path: &str) -> Option<String> {
    if path.starts_with(['/', '\\', '~']) || path.contains(['\0', '\\', ':']) {
        return None;
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    (!parts.is_empty() && !parts.contains(&"..")).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::inside;

    #[test]
    fn paths_stay_inside() {
        assert_eq!(inside("./models//model.pt").as_deref(), Some("models/model.pt"));
        for path in ["", ".", "/etc/passwd", "../x", "a/../../x", "a/..", "C:\\x", "\\\\host\\x", "~/x", "a\0b"] {
            assert_eq!(inside(path), None, "{path:?}");
        }
    }
}
