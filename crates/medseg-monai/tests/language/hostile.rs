//! Bundles that would read, run or take what they should not.

use std::fs;

use medseg_monai::{MonaiBundle, MonaiError};
use serde_json::json;

use super::settings::{opened, settings};

#[cfg(unix)]
#[test]
fn links_out_of_the_bundle_are_not_followed() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("bundle");
    fs::create_dir_all(folder.join("configs")).unwrap();
    fs::create_dir_all(folder.join("models")).unwrap();
    fs::write(scratch.path().join("secret.json"), "{\"x\": 2}").unwrap();
    std::os::unix::fs::symlink(scratch.path().join("secret.json"), folder.join("configs/link.json")).unwrap();
    std::os::unix::fs::symlink(scratch.path().join("secret.json"), folder.join("models/model.pt")).unwrap();
    let mut settings = settings();
    fs::write(folder.join("configs/inference.json"), settings.to_string()).unwrap();
    let bundle = MonaiBundle::open(&folder).unwrap();
    assert!(matches!(bundle.checkpoint_file(), Err(MonaiError::Outside { .. })));
    settings["network_def"]["out_channels"] = "%configs/link.json#x".into();
    fs::write(folder.join("configs/inference.json"), settings.to_string()).unwrap();
    let error = MonaiBundle::open(&folder).unwrap_err().to_string();
    assert!(error.contains("leads out of the bundle"), "{error}");
    // The settings themselves may be no link either.
    fs::remove_file(folder.join("configs/inference.json")).unwrap();
    std::os::unix::fs::symlink(scratch.path().join("secret.json"), folder.join("configs/inference.json")).unwrap();
    assert!(matches!(MonaiBundle::open(&folder), Err(MonaiError::Outside { .. })));
}

#[test]
fn bombs_of_references_are_bounded() {
    for mark in ["@", "%"] {
        let mut settings = settings();
        settings["level0"] = json!([1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
        for level in 1..12 {
            settings[format!("level{level}")] = vec![format!("{mark}level{}", level - 1); 10].into();
        }
        settings["network_def"]["channels"] = "@level11".into();
        let error = opened(&settings).unwrap_err().to_string();
        assert!(error.contains("expand to more than"), "{error}");
    }
    let mut settings = settings();
    settings["text0"] = "aaaaaaaaaa".into();
    for level in 1..40 {
        settings[format!("text{level}")] = format!("$@text{0} + @text{0}", level - 1).into();
    }
    settings["network_def"]["norm"] = "@text39".into();
    let error = opened(&settings).unwrap_err().to_string();
    assert!(error.contains("network") || error.contains("text"), "{error}");
    for level in 0..500 {
        settings[format!("chain{level}")] = format!("@chain{}", level + 1).into();
    }
    settings["network_def"]["norm"] = "@chain0".into();
    let error = opened(&settings).unwrap_err().to_string();
    assert!(error.contains("a chain of more than"), "{error}");
}

#[test]
fn bombs_of_copies_are_bounded() {
    let long = "a".repeat(1 << 20);
    let many = serde_json::Value::from(vec![1; 150_000]);
    let wide: serde_json::Map<_, _> = (0..50_000).map(|n| (format!("x{n}"), json!(1))).collect();
    let mut wide = serde_json::Value::from(wide);
    wide["_target_"] = "Spacingd".into();
    let cases = [
        ("long", json!(long), "$[@bomb] * 100000"),
        ("long", json!(long), "$len([@bomb + 'x'] * 100000)"),
        ("many", many.clone(), "$[@bomb] * 100000"),
        ("many", many, "$len([@bomb, @bomb, @bomb])"),
        ("wide", wide, "$[@bomb] * 5000"),
    ];
    for (name, bomb, expression) in cases {
        let mut settings = settings();
        settings["bomb"] = bomb;
        settings["preprocessing"]["transforms"] = expression.into();
        let started = std::time::Instant::now();
        let error = opened(&settings).unwrap_err().to_string();
        assert!(error.contains("more than") || error.contains("Spacingd"), "{name}: {error}");
        assert!(started.elapsed().as_secs() < 20, "{name} took {:?}", started.elapsed());
    }
    let mut settings = settings();
    settings[&long] = json!({"x": vec![1; 100_000]});
    settings["preprocessing"]["transforms"] = format!("%{long}#x").into();
    let error = opened(&settings).unwrap_err().to_string();
    assert!(error.len() < 2000, "{} bytes", error.len());
    for mark in ["@", "%", "$@", "$"] {
        settings["preprocessing"]["transforms"] = format!("{mark}{long}_").into();
        let error = opened(&settings).unwrap_err().to_string();
        assert!(error.len() < 2000, "{} bytes", error.len());
    }
}

#[test]
fn settings_that_decide_nothing_are_not_evaluated() {
    let mut settings = settings();
    for id in ["imports", "initialize", "run", "device", "dataloader", "output_dir", "finalize", "datalist"] {
        settings[id] = "$__import__('os').system('x')".into();
    }
    settings["dataset"]["data"] = "$glob.glob('/x')".into();
    settings["evaluator"]["key_val_metric"] = "$scripts.metric()".into();
    settings["handlers"][1] = json!({"_target_": "scripts.Handler", "x": "$exec('x')"});
    settings["handlers"][0]["map_location"] = "$exec('x')".into();
    settings["bundle_root"] = "$exec('x')".into();
    settings["preprocessing"]["transforms"][3]["_requires_"] = "$exec('x')".into();
    settings["preprocessing"]["transforms"][3]["_desc_"] = "$exec('x')".into();
    assert_eq!(opened(&settings).unwrap().preprocessing.len(), 6);
}

#[test]
fn other_texts_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    fs::create_dir(scratch.path().join("configs")).unwrap();
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for text in ["", "[]", "3", "{", "{\"x\": NaN}", "{\"x\": 1e999}", "{\"network_def\": 1e300}", &deep] {
        fs::write(scratch.path().join("configs/inference.json"), text).unwrap();
        assert!(
            matches!(MonaiBundle::open(scratch.path()), Err(MonaiError::Config { .. })),
            "{}",
            &text[..text.len().min(9)]
        );
    }
}
