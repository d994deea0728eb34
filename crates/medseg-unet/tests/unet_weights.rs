//! Weight files: there and back, and everything that can be wrong with one.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

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
    let fewer = refused(UNetConfig { channels: vec![2, 3], ..small() });
    assert!(fewer.contains("unexpected: conv0_2.conv1.bias") && fewer.contains("and 14 more"), "{fewer}");
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
    // Flipped bits in the header and behind it: an error that names the file, or a network of other numbers.
    for at in (0..bytes.len()).step_by(23) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&path, damaged).unwrap();
        if let Err(error) = load_weights(&path, &Device::flex()) {
            assert!(error.to_string().contains("net.safetensors"), "{error}");
        }
    }
    let missing = dir.path().join("none.safetensors");
    assert!(load_weights(&missing, &Device::flex()).unwrap_err().to_string().contains("none.safetensors"));
    assert!(save_weights(&network(&small()), dir.path().join("no/net.safetensors")).is_err());
}

/// A file like `path` with other metadata.
fn with_settings(path: &Path, settings: Option<&str>) {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let metadata = settings.map(|text| HashMap::from([("medseg_unet_config".to_string(), text.to_string())]));
    fs::write(path, safetensors::serialize(file.iter(), metadata).unwrap()).unwrap();
}

#[test]
fn damaged_settings_are_errors_that_name_file_and_setting() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.safetensors");
    save_weights(&network(&small()), &path).unwrap();
    for (settings, what) in [
        ("", "settings"),
        ("null", "settings"),
        (r#"{"channels": [2, 3, 4], "depth": 3}"#, "depth"),
        (r#"{"channels": []}"#, "levels"),
        (r#"{"channels": [2, 3, 99999999999]}"#, "99999999999 channels"),
        (r#"{"pool_kernel": 7}"#, "pool_kernel"),
        // Those of another, enormous network: it is refused, not made.
        (r#"{"channels": [65536, 65536, 65536, 65536, 65536]}"#, "conv0_0.conv1.weight [2, 1, 3, 3, 3] instead of"),
    ] {
        with_settings(&path, Some(settings));
        let error = load_weights(&path, &Device::flex()).unwrap_err().to_string();
        assert!(error.contains("net.safetensors") && error.contains(what), "{settings}: {error}");
    }
}

#[test]
fn other_types_and_files_without_settings_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.safetensors");
    save_weights(&network(&small()), &path).unwrap();
    with_settings(&path, None);
    assert!(load_weights(&path, &Device::flex()).unwrap_err().to_string().contains("settings"));
    let zeros = [0u8; 2 * 2 * 27];
    let half = TensorView::new(Dtype::F16, vec![2, 1, 3, 3, 3], &zeros).unwrap();
    let only: HashMap<&str, TensorView<'_>> = HashMap::from([("conv0_0.conv1.weight", half)]);
    fs::write(&path, safetensors::serialize(only, None).unwrap()).unwrap();
    assert!(load_state_dict(&path, &small(), &Device::flex()).unwrap_err().to_string().contains("F16"));
}
