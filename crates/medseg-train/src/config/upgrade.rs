//! Settings of older layouts, as files and finished runs hold them.

use medseg_inference::Blend;
use serde_json::{Map, Value, json};

use super::{Cleaning, EXPERIMENT_SCHEMA, ExperimentConfig};

/// True for settings of an older layout that [`upgraded`] knows.
pub(super) fn is_old(settings: &Value) -> bool {
    settings.get("schema").and_then(Value::as_u64).is_some_and(|schema| schema < u64::from(EXPERIMENT_SCHEMA))
}

/// The settings in a file's value, brought to this version's layout first.
pub(crate) fn upgraded(mut settings: Value) -> Result<ExperimentConfig, serde_json::Error> {
    if settings.get("schema").and_then(Value::as_u64) == Some(1) {
        from_first(&mut settings);
    }
    if settings.get("schema").and_then(Value::as_u64) == Some(2) {
        from_second(&mut settings);
    }
    serde_json::from_value(settings)
}

/// Schema 1 had `data.orientation` and `data.intensity` where schema 2 has `data.preprocessing`, and settings of its own where
/// schema 2 has those of the sliding window and the cascade.
fn from_first(settings: &mut Value) {
    if let Some(data) = settings.get_mut("data").and_then(Value::as_object_mut) {
        let moved = ["orientation", "intensity"].into_iter().filter_map(|key| data.remove_entry(key));
        let preprocessing: Map<String, Value> = moved.collect();
        data.entry("preprocessing").or_insert(Value::Object(preprocessing));
    }
    for stage in ["coarse", "fine"] {
        let Some(stage) = settings.get_mut(stage).and_then(Value::as_object_mut) else { continue };
        let size = stage.get("size").cloned();
        let Some(window) = stage.get_mut("window").and_then(Value::as_object_mut) else { continue };
        if let Some(size) = size {
            window.entry("roi").or_insert(size);
        }
        if let Some(gaussian) = window.remove("gaussian") {
            let blend = if gaussian == json!(true) { Blend::gaussian() } else { Blend::Constant };
            window.entry("blend").or_insert(json!(blend));
        }
    }
    if let Some(cascade) = settings.get_mut("cascade").and_then(Value::as_object_mut) {
        if let Some(margin) = cascade.remove("margin") {
            cascade.insert("coarse_margin".into(), json!([margin, margin, margin]));
        }
        if let Some(largest) = cascade.remove("largest_component") {
            cascade.insert("min_component_share".into(), json!(if largest == json!(true) { 1.0 } else { 0.0 }));
        }
        // Left out they were those of the reference experiments.
        for (key, value) in [("margin_mm", json!(0.0)), ("min_component_share", json!(0.0)), ("growth", json!("none"))]
        {
            cascade.entry(key).or_insert(value);
        }
    }
    settings["schema"] = 2.into();
}

/// Schema 2 had `largest_component`, true or false, where schema 3 has `cleaning`.
fn from_second(settings: &mut Value) {
    if let Some(settings) = settings.as_object_mut()
        && let Some(largest) = settings.remove("largest_component")
    {
        let cleaning = if largest == json!(true) { Cleaning::LargestOfEachLabel } else { Cleaning::None };
        settings.insert("cleaning".into(), json!(cleaning));
    }
    settings["schema"] = 3.into();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Experiment, Preset};

    fn second(config: &ExperimentConfig) -> Value {
        let mut old = serde_json::to_value(config).unwrap();
        old["schema"] = json!(2);
        old.as_object_mut().unwrap().remove("cleaning");
        old["largest_component"] = json!(config.cleaning == Cleaning::LargestOfEachLabel);
        old
    }

    fn first(config: &ExperimentConfig) -> Value {
        let mut old = second(config);
        old["schema"] = json!(1);
        for stage in ["coarse", "fine"] {
            let Some(window) = old.get_mut(stage).map(|stage| stage["window"].as_object_mut().unwrap()) else {
                continue;
            };
            let gaussian = window["blend"] != json!("constant");
            window.retain(|key, _| ["overlap", "batch"].contains(&key.as_str()));
            window.insert("gaussian".into(), json!(gaussian));
        }
        let margin = config.cascade.coarse_margin.d;
        old["cascade"] = json!({ "margin": margin, "largest_component": config.cascade.min_component_share > 0.0 });
        let data = old["data"].as_object_mut().unwrap();
        data.remove("label_interpolation");
        let preprocessing = data.remove("preprocessing").unwrap();
        preprocessing.as_object().unwrap().iter().for_each(|(key, value)| {
            data.insert(key.clone(), value.clone());
        });
        old
    }

    fn without_nulls(value: Value) -> Value {
        match value {
            Value::Object(map) => {
                map.into_iter().filter(|(_, v)| !v.is_null()).map(|(key, v)| (key, without_nulls(v))).collect()
            }
            other => other,
        }
    }

    #[test]
    fn settings_of_older_schemas_mean_what_they_meant() {
        for preset in [Preset::Quick, Preset::Reference] {
            let config = preset.config(Experiment::TwoStage);
            let old = first(&config);
            assert!(is_old(&old) && old["data"].get("intensity").is_some());
            assert_eq!(upgraded(old).unwrap(), config);
            let old = second(&config);
            assert!(is_old(&old) && old["largest_component"].is_boolean());
            assert_eq!(upgraded(old).unwrap(), config);
        }
    }

    #[test]
    fn files_of_schema_1_are_read_and_their_mistakes_named() {
        let folder = tempfile::tempdir().unwrap();
        let config = Preset::Quick.config(Experiment::OneStage);
        let old = first(&config);
        let write = |name: &str, text: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            ExperimentConfig::read(&path)
        };
        assert_eq!(write("old.json", old.to_string()).unwrap(), config);
        assert_eq!(write("run.json", json!({ "settings": old.clone() }).to_string()).unwrap(), config);
        // TOML has no null.
        let mut table = toml::Table::try_from(without_nulls(old)).unwrap();
        assert_eq!(write("old.toml", table.to_string()).unwrap(), config);
        table["data"].as_table_mut().unwrap().insert("intensitty".into(), 1.into());
        assert!(write("wrong.toml", table.to_string()).unwrap_err().to_string().contains("intensitty"));
    }
}
