//! Names and shapes of MONAI's state dicts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use medseg_monai::{BundleProblem, MonaiNetwork};
use serde_json::{Value, json};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The network of a class and its arguments.
fn network(class: &str, arguments: &Value) -> Result<MonaiNetwork, BundleProblem> {
    let mut component = arguments.clone();
    component["_target_"] = class.into();
    MonaiNetwork::from_json(&component.to_string())
}

/// Checks that names and shapes are those of a state dict, whose kernels are in MONAI's order of axes.
fn check(network: &MonaiNetwork, mut state: BTreeMap<String, Vec<usize>>, case: &str) {
    state.retain(|name, _| !network.is_repeat(name));
    for shape in state.values_mut().filter(|shape| shape.len() == 5) {
        shape[2..].reverse();
    }
    let graph = network.architecture.graph().unwrap();
    let ours: BTreeMap<_, _> = graph.parameters().into_iter().map(|of| (of.name, of.shape)).collect();
    for (name, shape) in &state {
        assert_eq!(ours.get(name), Some(shape), "{name} of {case}");
    }
    let further: Vec<_> = ours.keys().filter(|name| !state.contains_key(*name)).collect();
    assert!(further.is_empty(), "{further:?} of {case}");
}

#[test]
fn names_and_shapes_are_those_of_monai() {
    let entries: Vec<Value> = serde_json::from_str(&fs::read_to_string(golden().join("shapes.json")).unwrap()).unwrap();
    assert_eq!(entries.len(), 48);
    for entry in &entries {
        let case = format!("{} {}", entry["class"], entry["arguments"]);
        let network = network(entry["class"].as_str().unwrap(), &entry["arguments"]);
        let network = network.unwrap_or_else(|problem| panic!("{problem} of {case}"));
        check(&network, serde_json::from_value(entry["state"].clone()).unwrap(), &case);
    }
}

#[test]
fn networks_with_weights_have_their_names_and_shapes() {
    let mut cases = 0;
    for file in fs::read_dir(golden().join("networks")).unwrap() {
        let path = file.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        let case: Value = serde_json::from_str(&header.metadata().as_ref().unwrap()["case"]).unwrap();
        let network = network(case["params"]["class"].as_str().unwrap(), &case["params"]["arguments"]).unwrap();
        let tensors = header.tensors();
        let state = tensors.iter().filter_map(|(name, info)| Some((name.strip_prefix("state.")?, info)));
        check(
            &network,
            state.map(|(name, info)| (name.into(), info.shape.clone())).collect(),
            &path.display().to_string(),
        );
        // The golden input fits the network, and its output has its size.
        let graph = network.architecture.graph().unwrap();
        let (input, output) = (&tensors["input"].shape, &tensors["output"].shape);
        let shapes = graph.shapes([input[4], input[3], input[2]]).unwrap();
        assert_eq!(shapes[graph.outputs()[0]], [output[1], output[4], output[3], output[2]]);
        cases += 1;
    }
    assert_eq!(cases, 8);
}

#[test]
fn the_widest_networks_have_the_parameters_of_monai() {
    // Numbers of parameters as MONAI counts them, without running statistics.
    let spleen = json!({"spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [16, 32, 64, 128, 256],
        "strides": [2, 2, 2, 2], "num_res_units": 2, "norm": "batch"});
    let whole_body = json!({"spatial_dims": 3, "in_channels": 1, "out_channels": 105, "init_filters": 32,
        "blocks_down": [1, 2, 2, 4], "blocks_up": [1, 1, 1], "dropout_prob": 0.2});
    for (class, arguments, expected) in
        [("UNet", spleen, 4_808_917), ("monai.networks.nets.SegResNet", whole_body, 18_799_401)]
    {
        let graph = network(class, &arguments).unwrap().architecture.graph().unwrap();
        assert_eq!(graph.cost([96; 3]).unwrap().parameters, expected, "{class}");
    }
}

#[test]
fn unsupported_settings_are_named() {
    let unet = json!({"spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [4, 8], "strides": [2]});
    let dynunet = json!({"spatial_dims": 3, "in_channels": 1, "out_channels": 2, "kernel_size": [3, 3, 3],
        "strides": [1, 2, 2], "upsample_kernel_size": [2, 2]});
    let cases = [
        ("SwinUNETR", json!({}), "network_def: the class SwinUNETR is not supported"),
        ("scripts.net.UNet", json!({}), "network_def: the class scripts.net.UNet is not supported"),
        ("UNet", json!({}), "network_def#spatial_dims is missing"),
        ("UNet", merged(&unet, json!({"spatial_dims": 2})), "network_def#spatial_dims is \"2\""),
        ("UNet", merged(&unet, json!({"dilation": 2})), "network_def: the argument dilation of UNet is not supported"),
        ("UNet", merged(&unet, json!({"norm": "layer"})), "network_def#norm is \"layer\""),
        ("UNet", merged(&unet, json!({"norm": "group"})), "network_def#norm#num_groups is missing"),
        ("UNet", merged(&unet, json!({"norm": ["batch", {"affine": false}]})), "network_def#norm#affine is \"false\""),
        (
            "UNet",
            merged(&unet, json!({"norm": ["instance", {"num_features": 4}]})),
            "argument num_features of instance",
        ),
        ("UNet", merged(&unet, json!({"act": ["prelu", {"num_parameters": 4}]})), "network_def#act#num_parameters"),
        ("UNet", merged(&unet, json!({"act": "mish"})), "network_def#act is \"mish\""),
        ("UNet", merged(&unet, json!({"adn_ordering": "NNA"})), "network_def#adn_ordering is \"NNA\""),
        ("UNet", merged(&unet, json!({"kernel_size": 2})), "network_def#kernel_size should be odd"),
        ("UNet", merged(&unet, json!({"strides": []})), "network_def#strides should be"),
        ("UNet", merged(&unet, json!({"channels": [4, 0]})), "0 channels"),
        ("UNet", merged(&unet, json!({"channels": [4, 1e99]})), "network_def#channels should be"),
        ("SegResNet", json!({"upsample_mode": "pixelshuffle"}), "network_def#upsample_mode is \"pixelshuffle\""),
        ("SegResNet", json!({"act": "PRELU"}), "network_def#act is \"prelu\""),
        ("SegResNet", json!({"init_filters": 4}), "4 channels cannot be cut into 8 groups"),
        ("SegResNet", json!({"blocks_up": [1, 1]}), "network_def#blocks_up should be"),
        ("DynUNet", merged(&dynunet, json!({"strides": [2, 2, 2]})), "is not on the image's grid"),
        ("DynUNet", merged(&dynunet, json!({"upsample_kernel_size": [2, 4]})), "network_def: "),
        (
            "DynUNet",
            merged(&dynunet, json!({"strides": [1, 3, 3], "upsample_kernel_size": [3, 3], "res_block": true})),
            "network_def#strides",
        ),
        ("VNet", json!({"in_channels": 2}), "network_def#in_channels is \"2\""),
        ("BasicUNet", json!({"upsample": "pixelshuffle"}), "network_def#upsample is"),
    ];
    for (class, arguments, expected) in cases {
        let problem = network(class, &arguments).unwrap_err().to_string();
        assert!(problem.contains(expected), "{problem}\nlacks\n{expected}");
    }
}

fn merged(base: &Value, with: Value) -> Value {
    let mut base = base.clone();
    for (key, value) in with.as_object().unwrap() {
        base[key] = value.clone();
    }
    base
}
