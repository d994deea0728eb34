//! Random settings, expressions and files.

use std::fs;

use medseg_monai::MonaiBundle;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::settings::{opened, settings};

/// Texts that look like settings.
fn texts() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("@network_def"),
        Just("@a"),
        Just("@#x"),
        Just("@##x"),
        Just("%a"),
        Just("$"),
        Just("+"),
        Just("-"),
        Just("*"),
        Just("//"),
        Just("%"),
        Just("**"),
        Just("("),
        Just(")"),
        Just("["),
        Just("]"),
        Just(","),
        Just("len"),
        Just("range"),
        Just("if"),
        Just("else"),
        Just("and"),
        Just("not"),
        Just("1"),
        Just("0"),
        Just("9223372036854775807"),
        Just("1e300"),
        Just("'a'"),
        Just("\""),
        Just("."),
        Just("to"),
        Just("None"),
        Just("=="),
        Just("<"),
        Just("::"),
        Just("#"),
        Just("é"),
        Just("max"),
        Just("sum"),
        Just(" "),
    ]; // fmt: skip
    let words = prop::collection::vec(word, 0..24).prop_map(|words| words.concat());
    prop_oneof![words.clone(), words.prop_map(|text| format!("${text}")), "\\PC{0,40}", "[$@%]\\PC{0,40}"]
}

/// Any JSON, with keys that settings have.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-4_i64..40).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        let key =
            prop_oneof![Just("_target_"), Just("_disabled_"), Just("keys"), Just("transforms"), Just("a"), Just("x")];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(key.prop_map(String::from), inner, 0..6).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn random_settings_do_not_panic(value in any_json(), other in any_json(), place in 0_usize..40) {
        let mut settings = settings();
        settings["a"] = other;
        let places = places(&settings);
        *settings.pointer_mut(&places[place % places.len()]).unwrap() = value;
        let _ = opened(&settings);
    }

    #[test]
    fn random_expressions_do_not_panic(text in texts(), other in any_json()) {
        let mut settings = settings();
        settings["a"] = other;
        settings["network_def"]["out_channels"] = format!("${text}").into();
        let _ = opened(&settings);
    }

    #[test]
    fn random_files_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let scratch = tempfile::tempdir().unwrap();
        fs::create_dir(scratch.path().join("configs")).unwrap();
        fs::write(scratch.path().join("configs/inference.json"), bytes).unwrap();
        prop_assert!(MonaiBundle::open(scratch.path()).is_err());
    }
}

/// Pointers to settings that are read.
fn places(settings: &Value) -> Vec<String> {
    let mut places = Vec::new();
    for root in ["network_def", "preprocessing", "inferer", "postprocessing", "handlers", "evaluator"] {
        let mut open = vec![(format!("/{root}"), &settings[root])];
        while let Some((place, value)) = open.pop() {
            match value {
                Value::Array(items) => {
                    open.extend(items.iter().enumerate().map(|(n, item)| (format!("{place}/{n}"), item)))
                }
                Value::Object(object) => open.extend(object.iter().map(|(key, item)| (format!("{place}/{key}"), item))),
                _ => {}
            }
            places.push(place);
        }
    }
    places
}
