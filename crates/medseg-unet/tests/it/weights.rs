//! Weight files: there and back, and everything that can be wrong with one.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use burn::tensor::{Device, TensorData};
use medseg_unet::{
    Activation, Norm, StateDictKeys, UNet, UNetConfig, UNetError, load_state_dict, load_weights, save_state_dict,
    save_weights,
};
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
    let every_option = UNetConfig {
        channels: vec![2, 4, 6],
        norm: Norm::Batch { momentum: 0.25 },
        activation: Activation::LeakyRelu { slope: 0.01 },
        deep_supervision: 1,
        ..small()
    };
    let dir = tempfile::tempdir().unwrap();
    for (config, name) in
        [small(), every_option].into_iter().flat_map(|c| [(c.clone(), "net.safetensors"), (c, "net.bpk")])
    {
        let path = dir.path().join(name);
        let saved = network(&config);
        save_weights(&saved, &path).unwrap();
        save_weights(&saved, &path).unwrap();
        for device in [Device::flex(), Device::flex().autodiff()] {
            let loaded = load_weights(&path, &device).unwrap();
            assert_eq!(loaded.config(), &config);
            assert_eq!(loaded.named_parameters(), saved.named_parameters());
            assert_eq!(loaded.named_statistics(), saved.named_statistics());
            let stated = load_state_dict(&path, &config, &device).unwrap();
            assert_eq!(stated.named_parameters(), saved.named_parameters());
        }
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
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
    for name in ["net.safetensors", "net.bpk"] {
        let path = dir.path().join(name);
        save_weights(&network(&small()), &path).unwrap();
        let bytes = fs::read(&path).unwrap();
        // What is after the last tensor of a burnpack file is padding.
        for length in (0..bytes.len() - 256).step_by(97) {
            fs::write(&path, &bytes[..length]).unwrap();
            let error = load_weights(&path, &Device::flex()).unwrap_err().to_string();
            assert!(error.contains(name) && !error.contains('\n'), "{error}");
        }
        // Flipped bits in the header and behind it: an error that names the file, or a network of other numbers.
        for at in (0..bytes.len()).step_by(23) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            fs::write(&path, damaged).unwrap();
            if let Err(error) = load_weights(&path, &Device::flex()) {
                assert!(error.to_string().contains(name), "{error}");
            }
        }
        let error = load_weights(dir.path().join("none"), &Device::flex()).unwrap_err().to_string();
        assert!(error.contains("none"), "{error}");
        assert!(save_weights(&network(&small()), dir.path().join("no").join(name)).is_err());
    }
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

/// A number as a file holds it.
type Bytes = fn(f32) -> Vec<u8>;

#[test]
fn other_numbers_are_widened_or_refused_and_files_need_settings() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.safetensors");
    let saved = network(&small());
    save_weights(&saved, &path).unwrap();
    with_settings(&path, None);
    assert!(load_weights(&path, &Device::flex()).unwrap_err().to_string().contains("settings"));
    // Halves are numbers that f16, bf16, f32 and f64 all hold.
    let halves = |data: &TensorData| data.iter::<f32>().map(|v| (v * 64.0).round() / 64.0).collect::<Vec<f32>>();
    let write = |dtype: Dtype, bytes: Bytes| {
        let stored: Vec<_> = saved
            .named_parameters()
            .into_iter()
            .map(|(name, data)| {
                (name, data.shape().to_vec(), halves(&data).into_iter().flat_map(bytes).collect::<Vec<_>>())
            })
            .collect();
        let views = stored.iter().map(|(n, s, b)| (n, TensorView::new(dtype, s.clone(), b).unwrap()));
        fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
        load_state_dict(&path, &small(), &Device::flex())
    };
    let kinds: [(Dtype, Bytes); 4] = [
        (Dtype::F16, |v| burn::tensor::f16::from_f32(v).to_le_bytes().to_vec()),
        (Dtype::BF16, |v| burn::tensor::bf16::from_f32(v).to_le_bytes().to_vec()),
        (Dtype::F32, |v| v.to_le_bytes().to_vec()),
        (Dtype::F64, |v| f64::from(v).to_le_bytes().to_vec()),
    ];
    for (dtype, bytes) in kinds {
        let loaded = write(dtype, bytes).unwrap();
        for ((name, got), (_, data)) in loaded.named_parameters().iter().zip(saved.named_parameters()) {
            let far = got.iter::<f32>().zip(halves(&data)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            // Eight bits of mantissa for numbers below 2.
            assert!(far <= if dtype == Dtype::BF16 { 0.008 } else { 0.0 }, "{name} as {dtype:?}: {far}");
        }
    }
    let error = write(Dtype::I32, |v| (v as i32).to_le_bytes().to_vec()).unwrap_err().to_string();
    assert!(error.contains("net.safetensors") && error.contains("I32"), "{error}");
}

#[test]
fn only_names_that_say_a_kind_are_written() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["net", "net.pth", "net.bin"] {
        let path = dir.path().join(name);
        let error = save_weights(&network(&small()), &path).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(".bpk"), "{error}");
        assert!(!path.exists());
    }
    let keys = StateDictKeys::own(&small());
    let error = save_state_dict(&network(&small()), dir.path().join("net.bpk"), &keys).unwrap_err().to_string();
    assert!(error.contains(".safetensors"), "{error}");
}

#[test]
fn a_weight_that_is_no_finite_number_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.safetensors");
    save_weights(&network(&small()), &path).unwrap();
    let sound = fs::read(&path).unwrap();
    let file = SafeTensors::deserialize(&sound).unwrap();
    for (name, _) in file.tensors() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let stored: Vec<_> = file
                .iter()
                .map(|(other, view)| {
                    let mut bytes = view.data().to_vec();
                    if other == name {
                        let last = bytes.len() - 4;
                        bytes[last..].copy_from_slice(&value.to_le_bytes());
                    }
                    (other.to_string(), view.shape().to_vec(), bytes)
                })
                .collect();
            let views = stored.iter().map(|(n, s, b)| (n, TensorView::new(Dtype::F32, s.clone(), b).unwrap()));
            let (_, header) = SafeTensors::read_metadata(&sound).unwrap();
            fs::write(&path, safetensors::serialize(views, header.metadata().clone()).unwrap()).unwrap();
            let error = load_weights(&path, &Device::flex()).unwrap_err();
            assert!(matches!(&error, UNetError::NotFinite { tensor, .. } if *tensor == name), "{error}");
            assert!(error.to_string().contains("net.safetensors") && error.to_string().contains(&name), "{error}");
        }
    }
}
