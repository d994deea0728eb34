//! Settings that are refused by name.

use serde_json::json;

use super::settings::{channels, opened, settings};

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
