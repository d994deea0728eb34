//! Weight files and given parameters: there and back, and everything that can be wrong.

use std::fs;

use burn::tensor::{Device, TensorData, f16};
use medseg_unet::{StagedUNet, UNetError, load_weights};

use super::{image, kinds, plain};

fn given(network: &StagedUNet) -> Vec<(String, TensorData)> {
    network.named_parameters().into_iter().chain(network.named_statistics()).collect()
}

#[test]
fn a_file_alone_rebuilds_the_network_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    for (config, name) in kinds().into_iter().flat_map(|c| [(c.clone(), "net.safetensors"), (c, "net.bpk")]) {
        let path = folder.path().join(name);
        let saved = config.init_seeded(9, &Device::flex()).unwrap();
        saved.save(&path).unwrap();
        for device in [Device::flex(), Device::flex().autodiff()] {
            let loaded = StagedUNet::load(&path, &device).unwrap();
            assert_eq!(loaded.config(), &config);
            assert_eq!(given(&loaded), given(&saved));
        }
        let given = StagedUNet::from_parameters(&config, given(&saved), &Device::flex()).unwrap();
        let depth = if config.dimensions == 2 { 1 } else { 4 };
        let logits =
            |network: &StagedUNet| network.forward(image([1, 1, depth, 8, 8], 2, &Device::flex())).unwrap().into_data();
        assert_eq!(logits(&given), logits(&saved));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn other_weights_are_refused_by_name() {
    let network = plain().init_seeded(1, &Device::flex()).unwrap();
    let load = |parameters: Vec<(String, TensorData)>| {
        StagedUNet::from_parameters(&plain(), parameters, &Device::flex()).map(drop)
    };
    let mut parameters = given(&network);
    let (name, data) = parameters.pop().unwrap();
    assert_eq!(name, "decoder.seg_layers.1.bias");
    parameters.push(("more".into(), data.clone()));
    parameters[0].1 = TensorData::new(vec![0.0f32; 18], [2, 1, 3, 3, 1]);
    let error = load(parameters.clone()).unwrap_err();
    assert!(matches!(error, UNetError::Weights { .. }));
    assert_eq!(
        error.to_string(),
        "the given parameters: the weights do not fit the network (missing: decoder.seg_layers.1.bias; unexpected: more; \
         of another shape: encoder.stages.0.0.convs.0.conv.weight [2, 1, 3, 3, 1] instead of [2, 1, 1, 3, 3])"
    );
    // PyTorch's counter of batches is of no use.
    let mut parameters = given(&network);
    parameters.push(("encoder.stages.0.0.convs.0.norm.num_batches_tracked".into(), TensorData::from([3i64])));
    load(parameters).unwrap();
    for value in [f64::NAN, f64::INFINITY, 1e300] {
        let mut parameters = given(&network);
        parameters.last_mut().unwrap().1 = TensorData::new(vec![0.0, value], [2]);
        let error = load(parameters).unwrap_err();
        assert!(matches!(error, UNetError::NotFinite { .. }));
        assert!(error.to_string().starts_with("the given parameters: the tensor decoder.seg_layers.1.bias"), "{error}");
    }
    let mut parameters = given(&network);
    parameters.last_mut().unwrap().1 = TensorData::new(vec![1i32, 2], [2]);
    assert!(load(parameters).unwrap_err().to_string().contains("decoder.seg_layers.1.bias: numbers of type I32"));
    let mut parameters = given(&network);
    parameters.last_mut().unwrap().1 = TensorData::new(vec![f16::from_f32(0.5); 2], [2]);
    load(parameters).unwrap();
}

#[test]
fn damaged_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    plain().init_seeded(1, &Device::flex()).unwrap().save(&path).unwrap();
    let sound = fs::read(&path).unwrap();
    let load = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        StagedUNet::load(&path, &Device::flex()).map(drop)
    };
    for end in [0, 4, 100, sound.len() - 1] {
        assert!(load(&sound[..end]).unwrap_err().to_string().contains("net.safetensors"));
    }
    let replaced = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let at = sound.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        let mut bytes = sound.clone();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        bytes
    };
    let error = load(&replaced(r#"out_channels\":2"#, r#"out_channels\":3"#)).unwrap_err();
    assert!(error.to_string().contains("of another shape: decoder.seg_layers.0.weight"), "{error}");
    let error = load(&replaced(r#"out_channels\":2"#, r#"out_channels\":0"#)).unwrap_err();
    assert!(error.to_string().contains("its settings: network: out_channels"), "{error}");
    let error = load(&replaced("decoder.seg_layers.0.bias", "decoder.seg_layers.9.bias")).unwrap_err();
    assert!(error.to_string().contains("missing: decoder.seg_layers.0.bias"), "{error}");
    let mut nan = sound.clone();
    let end = nan.len();
    nan[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(matches!(load(&nan).unwrap_err(), UNetError::NotFinite { .. }));
    // The two kinds of networks do not read each other's files.
    fs::write(&path, &sound).unwrap();
    assert!(matches!(load_weights(&path, &Device::flex()).unwrap_err(), UNetError::NoConfig { .. }));
}
