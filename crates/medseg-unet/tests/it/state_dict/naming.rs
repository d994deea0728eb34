//! Names that modules may have, and the report of keys that do not fit.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Device, TensorData};
use medseg_unet::{
    BlockKind, Norm, StateDictOptions, UNet, UNetConfig, UNetError, load_state_dict, load_state_dict_with,
};
use safetensors::tensor::{Dtype, TensorView};

fn network(config: &UNetConfig) -> UNet {
    config.init_seeded(4, &Device::flex()).unwrap()
}

fn residual(norm: Norm) -> UNetConfig {
    UNetConfig { channels: vec![2, 4], conv_bias: true, norm, dropout: 0.0, ..UNetConfig::default() }
}

/// Writes a network's tensors under other names, and more.
fn write(path: &Path, network: &UNet, rename: impl Fn(&str) -> Vec<String>, more: &[(&str, Vec<usize>)]) {
    let tensors: BTreeMap<String, TensorData> = network
        .named_parameters()
        .into_iter()
        .chain(network.named_statistics())
        .flat_map(|(name, data)| rename(&name).into_iter().map(move |name| (name, data.clone())))
        .collect();
    let bytes = |data: &TensorData| data.iter::<f32>().flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
    let mut stored: Vec<(String, Vec<usize>, Vec<u8>)> =
        tensors.iter().map(|(name, data)| (name.clone(), data.shape().to_vec(), bytes(data))).collect();
    for (name, shape) in more {
        stored.push(((*name).to_string(), shape.clone(), vec![0; 4 * shape.iter().product::<usize>()]));
    }
    let views = stored.iter().map(|(n, s, b)| (n, TensorView::new(Dtype::F32, s.clone(), b).unwrap()));
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

/// The name with each left part of a pair replaced by the right one.
fn renamed(name: &str, pairs: &[(&str, &str)]) -> Vec<String> {
    vec![pairs.iter().fold(name.to_string(), |name, (from, to)| name.replace(from, to))]
}

#[test]
fn modules_may_be_nested_and_called_anything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let nestings: [&[(&str, &str)]; 5] = [
        &[],
        // One sequence a stage, the shortcut in another.
        &[
            (".conv1.", ".body.0."),
            (".norm1.", ".body.1."),
            (".conv2.", ".body.10."),
            (".norm2.", ".body.11."),
            (".shortcut.", ".skip.0."),
            (".shortcut_norm.", ".skip.1."),
        ],
        // Flat, the norms before the convolutions in the alphabet, the shortcut the third convolution.
        &[(".norm", ".bn"), (".shortcut.", ".conv3."), (".shortcut_norm.", ".bn3."), ("final.", "final.conv.layer.")],
        // The reference's, on several devices.
        &[
            (".conv1.", ".residual_unit.0.conv."),
            (".norm1.", ".residual_unit.0.norm."),
            (".conv2.", ".residual_unit.1.conv."),
            (".norm2.", ".residual_unit.1.norm."),
            (".shortcut.", ".shortcut_unit.conv."),
            (".shortcut_norm.", ".shortcut_unit.norm."),
            ("conv0_", "net.module.conv0_"),
            ("conv1_", "net.module.conv1_"),
            ("final", "net.module.final"),
        ],
        // The convolutions as here, the norms not.
        &[("norm1", "n.1"), (".norm2", ".n.2"), (".shortcut_norm", ".n.3")],
    ];
    for norm in [Norm::Instance { affine: true }, Norm::Batch { momentum: 0.1 }] {
        let config = residual(norm);
        let saved = network(&config);
        for pairs in &nestings[..4] {
            write(&path, &saved, |name| renamed(name, pairs), &[]);
            let loaded = load_state_dict(&path, &config, &Device::flex()).unwrap();
            assert_eq!(loaded.named_parameters(), saved.named_parameters(), "{pairs:?}");
            assert_eq!(loaded.named_statistics(), saved.named_statistics(), "{pairs:?}");
        }
        // Whose norm a norm is cannot be told if they are elsewhere.
        write(&path, &saved, |name| renamed(name, nestings[4]), &[]);
        let error = load_state_dict(&path, &config, &Device::flex()).unwrap_err().to_string();
        assert!(
            error.contains("missing: conv0_0.norm1.weight") && error.contains("unexpected: conv0_0.n.1"),
            "{error}"
        );
    }
}

#[test]
fn four_layers_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let config = UNetConfig {
        encoder: BlockKind::ResFourLayer,
        decoder: BlockKind::ResFourLayer,
        ..residual(Norm::Group { groups: 2 })
    };
    let saved = network(&config);
    let pairs = [
        (".conv1.", ".unit_1.0.0."),
        (".norm1.", ".unit_1.0.1."),
        (".conv2.", ".unit_1.1.0."),
        (".norm2.", ".unit_1.1.1."),
        (".conv3.", ".unit_2.0.0."),
        (".norm3.", ".unit_2.0.1."),
        (".conv4.", ".unit_10.0.0."),
        (".norm4.", ".unit_10.0.1."),
        (".shortcut.", ".short.0."),
        (".shortcut_norm.", ".short.1."),
    ];
    write(&path, &saved, |name| renamed(name, &pairs), &[]);
    let loaded = load_state_dict(&path, &config, &Device::flex()).unwrap();
    assert_eq!(loaded.named_parameters(), saved.named_parameters());
}

#[test]
fn missing_and_unexpected_keys_are_errors_or_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let config = residual(Norm::Instance { affine: false });
    let saved = network(&config);
    let without = |name: &str| if name == "conv1_0.conv2.bias" { vec![] } else { vec![name.to_string()] };
    write(&path, &saved, without, &[("conv0_0.se.fc.weight", vec![2, 2]), ("head.weight", vec![1])]);
    let error = load_state_dict(&path, &config, &Device::flex()).unwrap_err();
    let UNetError::Weights { missing, unexpected, shapes, .. } = &error else { panic!("{error}") };
    assert_eq!(missing, &["conv1_0.conv2.bias"]);
    assert_eq!(unexpected, &["conv0_0.se.fc.weight", "head.weight"]);
    assert!(shapes.is_empty() && error.to_string().contains("w.safetensors"));

    let options = StateDictOptions { strict: false, seed: 4, ..StateDictOptions::default() };
    let loaded = load_state_dict_with(&path, &config, &options, &Device::flex()).unwrap();
    assert_eq!((loaded.missing, loaded.unexpected), (missing.clone(), unexpected.clone()));
    // Its initial value, zero, which it had.
    assert_eq!(loaded.network.named_parameters(), saved.named_parameters());

    // Another shape is an error all the same.
    let wider = UNetConfig { out_channels: 2, ..config };
    let error = load_state_dict_with(&path, &wider, &options, &Device::flex()).unwrap_err().to_string();
    assert!(error.contains("final.weight [1, 2, 1, 1, 1] instead of [2, 2, 1, 1, 1]"), "{error}");
}

#[test]
fn of_two_networks_one_is_chosen_by_its_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let config = residual(Norm::default());
    let saved = network(&config);
    write(&path, &saved, |name| vec![format!("coarse.{name}"), format!("fine.{name}")], &[]);
    let error = load_state_dict(&path, &config, &Device::flex()).unwrap_err().to_string();
    assert!(error.contains("\"coarse\"") && error.contains("\"fine\"") && error.contains("prefix"), "{error}");
    let options = StateDictOptions { prefix: Some("fine".into()), ..StateDictOptions::default() };
    let loaded = load_state_dict_with(&path, &config, &options, &Device::flex()).unwrap();
    assert_eq!(loaded.network.named_parameters(), saved.named_parameters());
    assert!(loaded.unexpected.is_empty());
}
