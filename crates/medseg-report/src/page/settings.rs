//! The settings, read from `config.json` whatever keys it has.

use std::collections::BTreeMap;

use serde_json::Value;

use super::html::{escape, table};
use crate::run::RunResults;

/// The stages' settings side by side, then all others, the split, and how to repeat the run.
pub(super) fn tables(run: &RunResults) -> String {
    let Some(settings) = run.config.get("settings").and_then(Value::as_object) else { return String::new() };
    let is_stage = |key: &str| key == "coarse" || key == "fine";
    let stages: Vec<(&String, &Value)> = settings.iter().filter(|(k, v)| is_stage(k) && v.is_object()).collect();
    let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (at, (_, value)) in stages.iter().enumerate() {
        for (key, text) in leaves(value) {
            keys.entry(key).or_insert_with(|| vec!["–".into(); stages.len()])[at] = text;
        }
    }
    let mut header = vec!["stage".to_string()];
    header.extend(stages.iter().map(|(name, _)| escape(name)));
    let rows: Vec<Vec<String>> = keys
        .into_iter()
        .map(|(key, values)| std::iter::once(key).chain(values).map(|text| escape(&text)).collect())
        .collect();
    let mut page = table("settings", &header, &rows);
    let rest: serde_json::Map<String, Value> =
        settings.iter().filter(|(k, _)| !is_stage(k)).map(|(k, v)| (k.clone(), v.clone())).collect();
    let rows: Vec<Vec<String>> =
        leaves(&Value::Object(rest)).into_iter().map(|(k, v)| vec![escape(&k), escape(&v)]).collect();
    page += "<h3>Common</h3>";
    page += &table("settings", &["setting".into(), "value".into()], &rows);
    page += &split(run);
    let json = serde_json::to_string_pretty(&run.config).unwrap_or_default();
    page + &format!("<details><summary>config.json</summary><pre>{}</pre></details>", escape(&json))
}

/// Every leaf with its dotted key; lists stay together.
fn leaves(value: &Value) -> Vec<(String, String)> {
    let Some(object) = value.as_object() else { return Vec::new() };
    let mut found = Vec::new();
    for (key, value) in object {
        match value {
            Value::Object(_) => found.extend(leaves(value).into_iter().map(|(k, v)| (format!("{key}.{k}"), v))),
            Value::Array(list) => {
                let items: Vec<String> = list.iter().map(plain).collect();
                found.push((key.clone(), if items.is_empty() { "none".into() } else { items.join(", ") }));
            }
            other => found.push((key.clone(), plain(other))),
        }
    }
    found
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToString::to_string)
}

fn split(run: &RunResults) -> String {
    let mut page = String::from("<h3>Split</h3>");
    for (name, cases) in
        [("training", &run.split.train), ("validation", &run.split.validation), ("left out", &run.split.unused)]
    {
        let list = escape(&cases.join(", "));
        page += &format!(
            "<details><summary>{name}: {} cases</summary><p class=\"soft\"><code>{list}</code></p></details>",
            cases.len()
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_settings_get_dotted_keys() {
        let found = leaves(&json!({"a": {"b": 1, "c": {"d": "x"}}, "e": [1, 2], "f": []}));
        let expected = [("a.b", "1"), ("a.c.d", "x"), ("e", "1, 2"), ("f", "none")];
        assert_eq!(found, expected.map(|(k, v)| (k.to_string(), v.to_string())));
    }
}
