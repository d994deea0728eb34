//! Settings of older layouts, as files and finished runs hold them.

use serde_json::{Map, Value};

use super::{ExperimentConfig, SCHEMA};

/// True for settings of an older layout that [`upgraded`] knows.
pub(super) fn is_old(settings: &Value) -> bool {
    settings.get("schema").and_then(Value::as_u64).is_some_and(|schema| schema < u64::from(SCHEMA))
}

/// The settings in a file's value, brought to this version's layout first.
pub(crate) fn upgraded(mut settings: Value) -> Result<ExperimentConfig, serde_json::Error> {
    if settings.get("schema").and_then(Value::as_u64) == Some(1) {
        from_first(&mut settings);
    }
    serde_json::from_value(settings)
}

/// Schema 1 had `data.orientation` and `data.intensity` where schema 2 has `data.preprocessing`.
fn from_first(settings: &mut Value) {
    if let Some(data) = settings.get_mut("data").and_then(Value::as_object_mut) {
        let moved = ["orientation", "intensity"].into_iter().filter_map(|key| data.remove_entry(key));
        let preprocessing: Map<String, Value> = moved.collect();
        data.entry("preprocessing").or_insert(Value::Object(preprocessing));
    }
    settings["schema"] = 2.into();
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::{Experiment, Preset};

    fn first(config: &ExperimentConfig) -> Value {
        let mut old = serde_json::to_value(config).unwrap();
        old["schema"] = json!(1);
        let data = old["data"].as_object_mut().unwrap();
        data.remove("label_interpolation");
        let preprocessing = data.remove("preprocessing").unwrap();
        preprocessing.as_object().unwrap().iter().for_each(|(key, value)| {
            data.insert(key.clone(), value.clone());
        });
        old
    }

    #[test]
    fn settings_of_schema_1_mean_what_they_meant() {
        for preset in [Preset::Quick, Preset::Paper] {
            let config = preset.config(Experiment::TwoStage);
            let old = first(&config);
            assert!(is_old(&old) && old["data"].get("intensity").is_some());
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
        // TOML has no null: `toml` leaves such keys out where it writes the settings themselves.
        let mut table = toml::Table::try_from(&config).unwrap();
        let data = table["data"].as_table_mut().unwrap();
        data.remove("label_interpolation");
        let preprocessing = data.remove("preprocessing").unwrap();
        data.extend(preprocessing.as_table().unwrap().clone());
        table["schema"] = 1.into();
        assert_eq!(write("old.toml", table.to_string()).unwrap(), config);
        table["data"].as_table_mut().unwrap().insert("intensitty".into(), 1.into());
        assert!(write("wrong.toml", table.to_string()).unwrap_err().to_string().contains("intensitty"));
    }
}
