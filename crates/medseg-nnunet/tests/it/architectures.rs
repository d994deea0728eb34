//! Keys and shapes of parameters, against PyTorch's.

use std::collections::BTreeMap;

use medseg_nnunet::{Checkpoint, ModelFolder, NetworkKeys, Plans};
use serde_json::{Value, json};

use crate::fixture;

#[test]
fn every_parameter_of_the_models_is_named_once() {
    for name in ["cascade", "plain_2d", "plain_aniso", "plain_regions", "res_iso_transposed"] {
        let model = ModelFolder::open(fixture(name)).unwrap();
        let keys = model.network_keys();
        let named: BTreeMap<&str, &[usize]> =
            keys.parameters().iter().map(|parameter| (&parameter.key[..], &parameter.shape[..])).collect();
        assert_eq!(named.len(), keys.parameters().len());
        for fold in &model.folds {
            let checkpoint: Checkpoint = model.checkpoint(*fold).unwrap();
            let stored: BTreeMap<&str, &[usize]> = checkpoint
                .weights
                .iter()
                .filter(|(key, _)| !key.contains("all_modules") && !key.starts_with("decoder.encoder"))
                .map(|(key, tensor)| (&key[..], tensor.shape()))
                .collect();
            assert_eq!(named, stored, "{name}");
        }
    }
}

/// Plans around an architecture.
fn plans(architecture: &Value, dimensions: usize) -> Plans {
    let plans = std::fs::read_to_string(fixture("plain_regions/plans.json")).unwrap();
    let mut plans: Value = serde_json::from_str(&plans).unwrap();
    let configuration = &mut plans["configurations"]["3d_fullres"];
    configuration["architecture"] = architecture.clone();
    configuration["patch_size"] = json!(vec![16; dimensions]);
    configuration["spacing"] = json!(vec![1.0; dimensions]);
    Plans::from_json(&plans.to_string()).unwrap()
}

#[test]
fn other_networks_have_the_parameters_of_pytorch() {
    let golden = std::fs::read_to_string(fixture("architectures.json")).unwrap();
    let golden: BTreeMap<String, Value> = serde_json::from_str(&golden).unwrap();
    assert_eq!(golden.len(), 5);
    for (case, golden) in golden {
        let plans = plans(&golden["architecture"], if case.ends_with("2d") { 2 } else { 3 });
        let architecture = plans.configuration("3d_fullres").unwrap().architecture;
        let keys = NetworkKeys::new(&architecture, 3, 5);
        let named: BTreeMap<String, Vec<usize>> =
            keys.parameters().into_iter().map(|parameter| (parameter.key.clone(), parameter.shape.clone())).collect();
        let expected: BTreeMap<String, Vec<usize>> = serde_json::from_value(golden["parameters"].clone()).unwrap();
        assert_eq!(named, expected, "{case}");
    }
}
