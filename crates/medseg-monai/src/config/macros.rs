//! Macros: `%id` and `%file.json#id`.

use serde_json::Value as Json;

use super::identifier::normal;
use super::text::is_yaml;

/// Most files that a configuration names.
const MOST_FILES: usize = 64;

/// File and id of a macro without its `%`, or nothing for one within the same file.
pub(super) fn file_of_macro(path: &str) -> Option<(&str, &str)> {
    let (file, id) = path.split_once('#').unwrap_or((path, ""));
    (is_yaml(file) || file.to_ascii_lowercase().ends_with(".json")).then_some((file, id))
}

/// Files that the macros of a configuration name.
pub(super) fn macro_files(json: &Json, files: &mut Vec<String>) {
    match json {
        Json::String(text) => {
            let path = text.strip_prefix('%').map(normal);
            if let Some((file, _)) = path.as_deref().and_then(file_of_macro)
                && files.len() < MOST_FILES
                && !files.iter().any(|known| known == file)
            {
                files.push(file.to_owned());
            }
        }
        Json::Array(items) => items.iter().for_each(|item| macro_files(item, files)),
        Json::Object(object) => object.values().for_each(|item| macro_files(item, files)),
        _ => {}
    }
}
