//! The configuration language: forms that are read, and hostile ones.

use std::fs;
use std::path::Path;

use medseg_monai::{Checkpoint, MonaiBundle, MonaiError, Postprocess, Preprocess};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The settings of a small bundle.
fn settings() -> Value {
    let text = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/bundles/spleen/configs/inference.json"),
    );
    serde_json::from_str(&text.unwrap()).unwrap()
}

/// Opens a bundle of these settings and further files.
fn opened_with(settings: &Value, files: &[(&str, &str)]) -> Result<MonaiBundle, MonaiError> {
    let scratch = tempfile::tempdir().unwrap();
    fs::create_dir(scratch.path().join("configs")).unwrap();
    for (name, text) in files {
        fs::write(scratch.path().join(name), text).unwrap();
    }
    fs::write(scratch.path().join("configs/inference.json"), settings.to_string()).unwrap();
    MonaiBundle::open(scratch.path())
}

fn opened(settings: &Value) -> Result<MonaiBundle, MonaiError> {
    opened_with(settings, &[])
}

/// The channels of the network for an expression in their place.
fn channels(expression: Value, more: Value) -> Result<usize, String> {
    let mut settings = settings();
    settings["network_def"]["out_channels"] = expression;
    for (key, value) in more.as_object().unwrap() {
        settings[key] = value.clone();
    }
    let bundle = opened(&settings).map_err(|error| error.to_string())?;
    Ok(bundle.network.architecture.graph().unwrap().out_channels())
}

#[test]
fn recognised_forms_have_their_value_in_python() {
    let more = json!({
        "classes": {"names": ["a", "b", "c"], "count": "$len(@classes#names)"},
        "n": 3, "half": 0.5, "again": "@n", "copied": "%classes", "text": "ab", "on": true,
    });
    let cases = [
        ("@n", 3),
        ("@again", 3),
        ("@classes#count", 3),
        ("@classes::count", 3),
        ("@copied#count", 3),
        ("%n", 3),
        ("%classes#count", 3),
        ("@##n", 3),
        ("@#in_channels", 1),
        ("$@##n + 1", 4),
        ("$len(@classes#names) + 1", 4),
        ("$@n * 2 - -1", 7),
        ("$2 ** 3 ** 1", 8),
        ("$-2 ** 2 + 7", 3),
        ("$-7 // 2 + 6", 2),
        ("$-7 % 4", 1),
        ("$7 // 2", 3),
        ("$int(@n / 2 + @half)", 2),
        ("$int('4')", 4),
        ("$max(1, 5, 2)", 5),
        ("$min([4, 2])", 2),
        ("$sum((1, 2, 3,))", 6),
        ("$[1, 2, 3][-1]", 3),
        ("$len([1] * 4 + [2])", 5),
        ("$len(@text + 'c')", 3),
        ("$len(range(2, 6))", 4),
        ("$2 if @on else 3", 2),
        ("$2 if not @on or None else 3", 3),
        ("$2 if @n == 3 and @half < 1 else 5", 2),
        ("$2 if os.path.exists(@bundle_root + '/models') else 3", 3),
        ("$2 if os.path.isfile('configs/inference.json') else 3", 2),
        ("$len(monai.utils.CommonKeys.IMAGE)", 5),
        ("$(((2)))", 2),
        ("$ 1_0 ", 10),
    ];
    for (expression, expected) in cases {
        assert_eq!(channels(expression.into(), more.clone()), Ok(expected), "{expression}");
    }
}

#[test]
fn other_expressions_are_refused_by_name() {
    let cases = [
        ("$__import__('os').system('x')", "system"),
        ("$exec('x')", "exec is not among"),
        ("$eval('1')", "eval is not among"),
        ("$open('/etc/passwd').read()", "call of this kind"),
        ("$().__class__.__bases__[0]", "attribute"),
        ("$lambda: 1", "lambda"),
        ("$[x for x in (1,)][0]", "for"),
        ("$import os", "import"),
        ("$f'{1}'", "the text"),
        ("$1 / 0", "divides by zero"),
        ("$2 ** 1000", "too large"),
        ("$9223372036854775807 + 1", "too large"),
        ("$99999999999999999999", "too large"),
        ("$-(-9223372036854775807 - 1)", "too large"),
        ("$(-9223372036854775807 - 1) // -1", "too large"),
        ("$1e308 * 10", "not finite"),
        ("$1e999", "not finite"),
        ("$float('nan')", "arguments of float"),
        ("$'a' * 1000000000", "is not recognised"),
        ("$[1] * 1000000000", "expand to more than"),
        ("$len(range(1000000000000))", "expand to more than"),
        ("$[1][5]", "no element 5"),
        ("$nothing", "the name nothing"),
        ("$@nothing", "refers to nothing, which does not exist"),
        ("@nothing", "refers to nothing, which does not exist"),
        ("@network_def#9", "which does not exist"),
        ("%nothing", "which does not exist"),
        ("$", "ends too early"),
        ("$1 +", "ends too early"),
        ("$(1", "is missing"),
        ("$'a", "not closed"),
        ("$1; 2", "';'"),
        ("$é", "the name é"),
        ("@#out_channels", "refers to itself"),
        ("@network_def#out_channels", "refers to itself"),
        ("$@out + 1", "refers to itself"),
        ("%out", "refers to itself"),
        ("@####x", "which does not exist"),
        ("%../../etc/passwd.json#x", "macro"),
        ("%/etc/passwd.json", "macro"),
        ("%configs/none.json#x", "macro"),
        ("%configs/other.yaml#x", "macro"),
        ("$os.path.exists('/etc/passwd')", "outside the bundle"),
    ];
    for (expression, expected) in cases {
        let more = json!({"out": "@network_def#out_channels"});
        let error = channels(expression.into(), more).unwrap_err();
        assert!(error.contains(expected), "{expression}: {error}");
        assert!(error.contains("inference.json"), "{error}");
    }
    for deep in
        [format!("${}1{}", "(".repeat(4000), ")".repeat(4000)), format!("${}1", "-".repeat(4000)), "$1".repeat(9000)]
    {
        assert!(channels(deep.into(), json!({})).is_err());
    }
}

#[test]
fn macros_copy_from_files_of_the_bundle_alone() {
    let mut settings = settings();
    settings["network_def"]["out_channels"] = "%configs/more.json#network::out".into();
    let more = r#"{"network": {"out": 5, "again": "%more.json#network#out"}}"#;
    let bundle = opened_with(&settings, &[("configs/more.json", more)]).unwrap();
    assert_eq!(bundle.network.architecture.graph().unwrap().out_channels(), 5);
    settings["network_def"]["out_channels"] = "%more.json#network#again".into();
    let error = opened_with(&settings, &[("configs/more.json", more)]).unwrap_err().to_string();
    assert!(error.contains("another macro"), "{error}");
}

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
fn disabled_components_are_left_out() {
    let mut settings = settings();
    settings["flag"] = true.into();
    settings["preprocessing"]["transforms"][4]["_disabled_"] = "@flag".into();
    settings["preprocessing"]["transforms"][2] =
        json!({"_target_": "scripts.Unknown", "keys": "image", "_disabled_": "True"});
    let bundle = opened(&settings).unwrap();
    assert_eq!(bundle.preprocessing.len(), 4);
    assert!(matches!(bundle.preprocessing[2], Preprocess::Spacing(_)));
    settings["handlers"][0]["_disabled_"] = true.into();
    settings["checkpointloader"] = json!({"_target_": "monai.handlers.CheckpointLoader", "load_dict": {"net": "@network"},
        "load_path": "$os.path.join(@bundle_root, 'models', 'best.pt')"});
    let checkpoint: Checkpoint = opened(&settings).unwrap().checkpoint;
    assert_eq!((checkpoint.path.as_str(), checkpoint.key.as_str()), ("models/best.pt", "net"));
}

#[test]
fn other_settings_are_refused_by_name() {
    let cases = [
        ("/preprocessing/transforms/2", json!({"_target_": "Lambdad", "keys": "image"}), "the class Lambdad"),
        ("/preprocessing/transforms/2", json!({"_target_": "Spacing", "pixdim": 1.0}), "the class Spacing"),
        ("/preprocessing/transforms/2", json!({"_target_": "scripts.x.Spacingd"}), "the class scripts.x.Spacingd"),
        ("/preprocessing/transforms/2", json!({"_target_": "$@network.forward"}), "the class $@network.forward"),
        ("/preprocessing/transforms/2", json!({"_target_": 3}), "the class 3"),
        ("/preprocessing/transforms/2", json!("$exec('x')"), "preprocessing#transforms#2: the expression"),
        ("/preprocessing/transforms/2/axcodes", json!("RAR"), "transforms#2#axcodes should be"),
        ("/preprocessing/transforms/2/keys", json!(["image", "label"]), "transforms#2#keys should be"),
        ("/preprocessing/transforms/3/pixdim", json!([1.0, "a"]), "transforms#3#pixdim should be"),
        ("/preprocessing/transforms/3/mode", json!("bicubic"), "transforms#3#mode is \"bicubic\""),
        ("/preprocessing/transforms/3/max_pixdim", json!(2.0), "the argument max_pixdim of Spacingd"),
        ("/preprocessing/transforms/3/unknown", json!(2.0), "the argument unknown of Spacingd"),
        ("/preprocessing/transforms/3/_mode_", json!("callable"), "transforms#3#_mode_ is"),
        ("/preprocessing/lazy", json!(true), "the argument lazy of Compose"),
        ("/preprocessing/transforms", json!(3), "preprocessing#transforms should be"),
        ("/inferer/_target_", json!("SliceInferer"), "the class SliceInferer"),
        ("/inferer/overlap", json!(1.0), "inferer#overlap should be"),
        ("/inferer/roi_size", json!([16, 16]), "inferer#roi_size should be"),
        ("/inferer/mode", json!("linear"), "inferer#mode is \"linear\""),
        ("/inferer/padding_mode", json!("circular"), "inferer#padding_mode is \"circular\""),
        ("/postprocessing/transforms/0/other", json!("$torch.exp"), "the argument other of Activationsd"),
        ("/postprocessing/transforms/1/transform", json!("@inferer"), "transforms#1#transform should be"),
        ("/postprocessing/transforms/1/post_func", json!("$lambda x: x"), "the argument post_func of Invertd"),
        ("/postprocessing/transforms/2/logit_thresh", json!(0.5), "the argument logit_thresh of AsDiscreted"),
        ("/handlers/0/load_path", json!("/etc/passwd"), "handlers#0#load_path is"),
        ("/handlers/0/load_path", json!("$@bundle_root + '/../../etc/passwd'"), "handlers#0#load_path is"),
        ("/handlers/0/load_path", json!("$os.path.join(@bundle_root, '/etc/passwd')"), "handlers#0#load_path is"),
        ("/handlers/0/load_path", json!(null), "handlers#0#load_path should be"),
        ("/handlers/0/load_dict", json!({"a": 1, "b": 2}), "handlers#0#load_dict should be"),
        ("/evaluator/_target_", json!("EnsembleEvaluator"), "the class EnsembleEvaluator"),
        ("/evaluator/_target_", json!("scripts.SupervisedEvaluator"), "the class scripts.SupervisedEvaluator"),
        ("/network_def", json!("$torch.jit.load('x')"), "network_def: the expression"),
    ];
    for (place, value, expected) in cases {
        let mut settings = settings();
        let (parent, key) = place.rsplit_once('/').unwrap();
        let parent = settings.pointer_mut(parent).unwrap();
        match key.parse::<usize>() {
            Ok(number) if parent.is_array() => parent[number] = value,
            _ => parent[key] = value,
        }
        let error = opened(&settings).unwrap_err().to_string();
        assert!(error.contains(expected), "{place}: {error}\nlacks {expected}");
    }
}

#[test]
fn labels_of_channels_are_read_from_nested_conditions() {
    let mut settings = settings();
    let function = "$lambda x: torch.where(x[[2]] > 0, 4, torch.where(x[[0]] > 0, 1, torch.where(x[[1]] > 0, 2, 0)))";
    settings["postprocessing"]["transforms"][2] = json!({"_target_": "Lambdad", "keys": "pred", "func": function});
    let bundle = opened(&settings).unwrap();
    let Postprocess::Labels(labels) = &bundle.postprocessing[2] else { panic!("{:?}", bundle.postprocessing[2]) };
    assert_eq!((&labels.labels[..], labels.otherwise), (&[(2, 4), (0, 1), (1, 2)][..], 0));
    for other in [
        "$lambda x: x",
        "$lambda x: torch.where(x[[2]] > 1, 4, 0)",
        "$lambda x: torch.where(y[[2]] > 0, 4, 0)",
        "$lambda x: torch.where(x[2] > 0, 4, 0)",
        "$lambda x: torch.where(x[[-1]] > 0, 4, 0)",
        "$lambda x: torch.where(x[[2]] > 0, 4, x)",
        "$lambda x: 0",
        "$scripts.merge",
        "",
    ] {
        settings["postprocessing"]["transforms"][2]["func"] = other.into();
        let error = opened(&settings).unwrap_err().to_string();
        assert!(error.contains("transforms#2#func: the expression"), "{error}");
    }
}

#[test]
fn yaml_is_read_as_json() {
    let scratch = tempfile::tempdir().unwrap();
    fs::create_dir(scratch.path().join("configs")).unwrap();
    let file = scratch.path().join("configs/inference.yaml");
    let yaml = r"
image: $monai.utils.CommonKeys.IMAGE
num_classes: 4 # the background too
ckpt_path: $@bundle_root + '/models/best.pt'
network_def:
  _target_: UNet
  spatial_dims: 3
  in_channels: 1
  out_channels: '@num_classes'
  channels: [8, 16]
  strides:
  - 2
network: $@network_def.to(@device)
transforms:
- _target_: LoadImaged
  keys: '@image'
- _target_: ScaleIntensityd
  keys: ['@image']
preprocessing: {_target_: Compose, transforms: $@transforms}
inferer: {_target_: SimpleInferer}
postprocessing:
  _target_: Compose
  transforms:
  - {_target_: AsDiscreted, keys: pred, argmax: true}
  - {_target_: SaveImaged, keys: pred, dtype: $None, output_dtype: $None, output_postfix: ''}
handlers:
- _target_: CheckpointLoader
  _disabled_: $not os.path.exists(@ckpt_path)
  load_path: '@ckpt_path'
  load_dict:
    model: '@network'
";
    fs::write(&file, yaml).unwrap();
    let bundle = MonaiBundle::open(scratch.path()).unwrap();
    assert_eq!(bundle.network.architecture.graph().unwrap().out_channels(), 4);
    assert_eq!((bundle.preprocessing.len(), bundle.postprocessing.len()), (2, 2));
    // The loader is disabled as long as its file is missing.
    assert_eq!(bundle.checkpoint.path, "models/model.pt");
    fs::create_dir(scratch.path().join("models")).unwrap();
    fs::write(scratch.path().join("models/best.pt"), "").unwrap();
    assert_eq!(MonaiBundle::open(scratch.path()).unwrap().checkpoint.path, "models/best.pt");

    let mut bomb = String::from("a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
    for level in 1..12 {
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(", "));
    }
    let deep = "[".repeat(100_000);
    for text in [bomb.as_str(), &deep, "a: [", "- 1", "a: !!python/object/apply:os.system ['x']", "a: &a [*a]"] {
        fs::write(&file, text).unwrap();
        assert!(
            matches!(MonaiBundle::open(scratch.path()), Err(MonaiError::Config { .. })),
            "{}",
            &text[..text.len().min(30)]
        );
    }
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
