//! Settings of a small bundle, changed in places.

use std::fs;
use std::path::Path;

use medseg_monai::{MonaiBundle, MonaiError};
use serde_json::Value;

/// The settings of a small bundle.
pub fn settings() -> Value {
    let text = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/bundles/spleen/configs/inference.json"),
    );
    serde_json::from_str(&text.unwrap()).unwrap()
}

/// Opens a bundle of these settings and further files.
pub fn opened_with(settings: &Value, files: &[(&str, &str)]) -> Result<MonaiBundle, MonaiError> {
    let scratch = tempfile::tempdir().unwrap();
    fs::create_dir(scratch.path().join("configs")).unwrap();
    for (name, text) in files {
        fs::write(scratch.path().join(name), text).unwrap();
    }
    fs::write(scratch.path().join("configs/inference.json"), settings.to_string()).unwrap();
    MonaiBundle::open(scratch.path())
}

pub fn opened(settings: &Value) -> Result<MonaiBundle, MonaiError> {
    opened_with(settings, &[])
}

/// The channels of the network for an expression in their place.
pub fn channels(expression: Value, more: Value) -> Result<usize, String> {
    let mut settings = settings();
    settings["network_def"]["out_channels"] = expression;
    for (key, value) in more.as_object().unwrap() {
        settings[key] = value.clone();
    }
    let bundle = opened(&settings).map_err(|error| error.to_string())?;
    Ok(bundle.network.architecture.graph().unwrap().out_channels())
}
