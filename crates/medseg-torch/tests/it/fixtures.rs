//! Every tensor that PyTorch saved.

use std::collections::BTreeMap;

use medseg_torch::{StoredTensor, TorchFile, TorchFormat};

use crate::fixture;

/// CRC-32 of the values as little-endian f32.
fn checksum(tensor: &StoredTensor) -> u32 {
    let bytes: Vec<u8> = tensor.values().unwrap().iter().flat_map(|value| value.to_le_bytes()).collect();
    crc32fast::hash(&bytes)
}

#[test]
fn every_value_is_the_one_that_pytorch_has() {
    let golden = std::fs::read_to_string(fixture("values.json")).unwrap();
    let golden: BTreeMap<String, serde_json::Value> = serde_json::from_str(&golden).unwrap();
    assert_eq!(golden.len(), 9);
    for (name, entry) in golden {
        let file = TorchFile::open(fixture(&name)).unwrap();
        let keys: Vec<String> = serde_json::from_value(entry["keys"].clone()).unwrap();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let tensors = file.state_dict(&keys).unwrap();
        let expected: BTreeMap<String, (Vec<usize>, u32)> = serde_json::from_value(entry["tensors"].clone()).unwrap();
        assert_eq!(tensors.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{name}");
        for (key, (shape, crc)) in expected {
            assert_eq!(tensors[&key].key(), key);
            assert_eq!(tensors[&key].shape(), shape, "{name}: {key}");
            assert_eq!(checksum(&tensors[&key]), crc, "{name}: {key}");
        }
    }
}

#[test]
fn formats_are_known() {
    for (name, format) in [
        ("checkpoint.pt", TorchFormat::Zip),
        ("module.pt", TorchFormat::Zip),
        ("legacy.pth", TorchFormat::Legacy),
        ("legacy_protocol4.pth", TorchFormat::Legacy),
        ("script.pt", TorchFormat::TorchScript),
    ] {
        let file = TorchFile::open(fixture(name)).unwrap();
        assert_eq!((file.format(), file.path()), (format, fixture(name).as_path()), "{name}");
    }
}
