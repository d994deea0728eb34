//! Expressions, macros and components.

use medseg_monai::{Checkpoint, Postprocess, Preprocess};
use serde_json::json;

use super::settings::{channels, opened, opened_with, settings};

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
