//! JSON and YAML as one.

use serde_json::Value as Json;

use crate::BundleProblem;

/// True for a file name of YAML.
pub(crate) fn is_yaml(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with(".yaml") || name.ends_with(".yml")
}

/// The content of a file of this name.
pub(super) fn parsed(name: &str, text: &str) -> Result<Json, BundleProblem> {
    match is_yaml(name) {
        true => serde_saphyr::from_str(text)
            .map_err(|error| BundleProblem::Yaml(crate::problem::shortened(&error.to_string()))),
        false => serde_json::from_str(text).map_err(BundleProblem::Json),
    }
}
