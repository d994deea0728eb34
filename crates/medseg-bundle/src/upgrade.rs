//! Settings of older layouts.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Reads settings of schema 1, which had the coarse network's grid and the fine network's window inside `cascade`.
pub(crate) fn from_first<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    let mut settings: Value = serde_json::from_str(text)?;
    if let Some(stages) = settings.pointer_mut("/stages/two_stage").and_then(Value::as_object_mut) {
        let cascade = stages.get_mut("cascade").and_then(Value::as_object_mut);
        let moved = cascade.map(|cascade| ["coarse_size", "window"].map(|key| (key, cascade.remove(key))));
        for (key, value) in moved.into_iter().flatten() {
            let default = if key == "window" { json!({}) } else { json!([128, 128, 128]) };
            stages.entry(key).or_insert(value.unwrap_or(default));
        }
    }
    settings["schema"] = 2.into();
    serde_json::from_value(settings)
}
