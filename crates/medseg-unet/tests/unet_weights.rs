//! Weight files: there and back, and everything that can be wrong with one.

use std::collections::HashMap;
use std::fs;

use burn::tensor::Device;
use medseg_unet::{UNet, UNetConfig, UNetError, load_state_dict, load_weights, save_weights};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

fn network(config: &UNetConfig) -> UNet {
    config.init_seeded(9, &Device::flex()).unwrap()
}

fn small() -> UNetConfig {
    UNetConfig { channels: vec![2, 3, 4], conv_bias: true, dropout: 0.125, ..UNetConfig::default() }
}

#[test]
fn a_file_alone_rebuilds_the_network_bit_for_bit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.safetensors");
    let saved = network(&small());
    save_weights(&saved, &path).unwrap();
    save_weights(&saved, &path).unwrap();
    for device in [Device::flex(), Device::flex().autodiff()] {
        let loaded = load_weights(&path, &device).unwrap();
        assert_eq!(loaded.config(), &small());
        assert_eq!(loaded.named_parameters(), saved.named_parameters());
        let stated = load_state_dict(&path, &small(), &device).unwrap();
        assert_eq!(stated.named_parameters(), saved.named_parameters());
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn weights_of_another_network_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.safetensors");
    save_weights(&network(&small()), &path).unwrap();
    let refused = |config: UNetConfig| {
        let error = load_state_dict(&path, &config, &Device::flex()).unwrap_err();
        assert!(matches!(error, UNetError::Weights { .. }), "{error}");
        error.to_string()
    };
    assert!(
        refused(UNetConfig { channels: vec![2, 3, 5], ..small() }).contains("conv2_0.conv1.weight [4, 3, 3, 3, 3]")
    );
    assert!(refused(UNetConfig { conv_bias: false, ..small() }).contains("unexpected: conv0_0.conv1.bias"));
    assert!(refused(UNetConfig { final_bias: true, ..small() }).contains("missing: final.bias"));
}

#[test]
fn a_damaged_file_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.safetensors");
    save_weights(&network(&small()), &path).unwrap();
    let bytes = fs::read(&path).unwrap();
    for length in (0..bytes.len()).step_by(97) {
        fs::write(&path, &bytes[..length]).unwrap();
        let error = load_weights(&path, &Device::flex()).unwrap_err().to_string();
        assert!(error.contains("net.safetensors") && !error.contains('\n'), "{error}");
    }
    for at in 0..bytes.len().min(4000) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x20;
        fs::write(&path, damaged).unwrap();
        let _ = load_weights(&path, &Device::flex());
    }
    let missing = dir.path().join("none.safetensors");
    assert!(load_weights(&missing, &Device::flex()).unwrap_err().to_string().contains("none.safetensors"));
    assert!(save_weights(&network(&small()), dir.path().join("no/net.safetensors")).is_err());
}

#[test]
fn other_types_and_files_without_settings_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.safetensors");
    save_weights(&network(&small()), &path).unwrap();
    let bytes = fs::read(&path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    fs::write(&path, safetensors::serialize(file.iter(), None).unwrap()).unwrap();
    assert!(load_weights(&path, &Device::flex()).unwrap_err().to_string().contains("settings"));
    let zeros = [0u8; 2 * 2 * 27];
    let half = TensorView::new(Dtype::F16, vec![2, 1, 3, 3, 3], &zeros).unwrap();
    let only: HashMap<&str, TensorView<'_>> = HashMap::from([("conv0_0.conv1.weight", half)]);
    fs::write(&path, safetensors::serialize(only, None).unwrap()).unwrap();
    assert!(load_state_dict(&path, &small(), &Device::flex()).unwrap_err().to_string().contains("F16"));
}
