//! Weight files.

use std::fs;

use burn::tensor::Device;
use medseg_architecture::networks::VNetConfig;
use medseg_network::{Network, NetworkError};

use crate::shaken;

fn small() -> medseg_architecture::Architecture {
    VNetConfig { channels: vec![2, 3], convs: vec![1, 1], kernel: 3, ..VNetConfig::default() }.architecture().unwrap()
}

#[test]
fn a_saved_network_is_the_same_again() {
    let (device, folder) = (Device::flex(), tempfile::tempdir().unwrap());
    let (path, network) = (folder.path().join("network.safetensors"), shaken(&small(), 4, &device));
    network.save(&path).unwrap();
    for same in [Network::load(&path, &device), Network::load_weights(&small(), &path, &device)] {
        let same = same.unwrap();
        assert_eq!(same.named_tensors(), network.named_tensors());
        assert_eq!(same.architecture(), network.architecture());
    }
}

#[test]
fn foreign_and_damaged_files_are_refused() {
    let (device, folder) = (Device::flex(), tempfile::tempdir().unwrap());
    let path = folder.path().join("network.safetensors");
    assert!(matches!(Network::load(&path, &device), Err(NetworkError::Io { .. })));
    shaken(&small(), 4, &device).save(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    for length in [0, 7, 8, 9, 100, bytes.len() - 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        assert!(matches!(Network::load(&path, &device), Err(NetworkError::Malformed { .. })), "{length} bytes");
    }
    fs::write(&path, &bytes).unwrap();
    let wide = VNetConfig { channels: vec![2, 4], convs: vec![1, 1], kernel: 3, ..VNetConfig::default() };
    let shape = Network::load_weights(&wide.architecture().unwrap(), &path, &device);
    assert!(matches!(shape, Err(NetworkError::Shape { .. })));
    let deep = VNetConfig { channels: vec![2, 3, 4], convs: vec![1, 1, 1], kernel: 3, ..VNetConfig::default() };
    let missing = Network::load_weights(&deep.architecture().unwrap(), &path, &device);
    assert!(matches!(missing, Err(NetworkError::Missing { .. })));
    let more = VNetConfig { channels: vec![2, 3], convs: vec![2, 1], kernel: 3, ..VNetConfig::default() };
    shaken(&more.architecture().unwrap(), 4, &device).save(&path).unwrap();
    let unexpected = Network::load_weights(&small(), &path, &device);
    assert!(matches!(unexpected, Err(NetworkError::Unexpected { .. })));
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    let read = |_: &medseg_architecture::Parameter| Ok::<_, NetworkError>(vec![f32::NAN]);
    let wrong = Network::from_values(&small(), "here", read, &Device::flex());
    assert!(matches!(wrong, Err(NetworkError::Shape { .. })));
    let read = |p: &medseg_architecture::Parameter| Ok::<_, NetworkError>(vec![f32::NAN; p.len() as usize]);
    let wrong = Network::from_values(&small(), "here", read, &Device::flex());
    assert!(matches!(wrong, Err(NetworkError::NotFinite { ref place, .. }) if place == "here"));
}
