//! Settings and seeds.

use burn::tensor::Device;
use medseg_unet::{Activation, Norm, UNetConfig, describe};

use super::networks::{kinds, small};

#[test]
fn a_seed_decides_the_weights_whatever_the_device() {
    let make = |seed: u64, device: &Device| small().init_seeded(seed, device).unwrap().named_parameters();
    let device = Device::flex();
    assert_eq!(make(7, &device), make(7, &device.clone().autodiff()));
    assert_ne!(make(7, &device), make(8, &device));
}

#[test]
fn impossible_settings_are_refused_by_name() {
    for (what, config) in [
        ("levels", UNetConfig { channels: vec![], ..small() }),
        ("levels", UNetConfig { channels: vec![4], ..small() }),
        ("levels", UNetConfig { channels: vec![4; 9], ..small() }),
        ("channels", UNetConfig { channels: vec![4, 0], ..small() }),
        ("channels", UNetConfig { channels: vec![4, usize::MAX], ..small() }),
        ("channels", UNetConfig { in_channels: 0, ..small() }),
        ("channels", UNetConfig { out_channels: 0, ..small() }),
        ("pool_kernel", UNetConfig { pool_kernel: 4, ..small() }),
        ("dropout", UNetConfig { dropout: 1.0, ..small() }),
        ("dropout", UNetConfig { dropout: -0.1, ..small() }),
        ("dropout", UNetConfig { dropout: f64::NAN, ..small() }),
        ("slope", UNetConfig { activation: Activation::LeakyRelu { slope: 1.0 }, ..small() }),
        ("slope", UNetConfig { activation: Activation::LeakyRelu { slope: -0.1 }, ..small() }),
        ("slope", UNetConfig { activation: Activation::LeakyRelu { slope: f64::NAN }, ..small() }),
        ("3 channels cannot be cut into 2 groups", UNetConfig { norm: Norm::Group { groups: 2 }, ..small() }),
        ("groups", UNetConfig { norm: Norm::Group { groups: 0 }, ..small() }),
        ("momentum", UNetConfig { norm: Norm::Batch { momentum: 0.0 }, ..small() }),
        ("momentum", UNetConfig { norm: Norm::Batch { momentum: f64::NAN }, ..small() }),
        ("deep_supervision must be at most 3", UNetConfig { deep_supervision: 4, ..small() }),
    ] {
        let error = config.init_seeded(1, &Device::flex()).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
        assert!(describe(&config, [32; 3]).is_err());
    }
}

#[test]
fn settings_survive_json_and_misspelt_ones_do_not() {
    for config in kinds() {
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<UNetConfig>(&text).unwrap(), config);
    }
    assert_eq!(serde_json::from_str::<UNetConfig>("{}").unwrap(), UNetConfig::default());
    let error = serde_json::from_str::<UNetConfig>(r#"{"chanels": [1, 2]}"#).unwrap_err().to_string();
    assert!(error.contains("chanels"), "{error}");
}
