//! Components of MONAI's configurations: whatever the text, an error or a sound network.
#![no_main]

use libfuzzer_sys::fuzz_target;
use medseg_monai::{Metadata, MonaiNetwork};

fuzz_target!(|text: &str| {
    let _ = Metadata::from_json(text);
    let expression = format!("$[{}]", text.replace(['"', '\\'], "'"));
    let given = serde_json::json!({"_target_": "SegResNet", "blocks_down": expression, "act": text}).to_string();
    for text in [text, given.as_str()] {
        let Ok(network) = MonaiNetwork::from_json(text) else { continue };
        assert!(network.architecture.graph().is_ok());
    }
});
