//! Parameters and costs counted by hand.

use medseg_architecture::networks::{NormActivation, UNetPlusPlusConfig, VNetConfig};
use medseg_architecture::{Architecture, Cost, Graph, Layer};

use crate::single;

fn graph(architecture: Architecture) -> Graph {
    architecture.graph().unwrap()
}

fn cost(graph: &Graph, size: usize) -> Cost {
    graph.cost([size; 3]).unwrap()
}

#[test]
fn unet_plus_plus_has_the_parameters_of_its_paper() {
    let config = UNetPlusPlusConfig { out_channels: 2, channels: vec![2, 3, 4], ..UNetPlusPlusConfig::default() };
    // A block of two convolutions without bias: 27 · (inputs · channels + channels²).
    let block = |inputs: u64, channels: u64| 27 * (inputs * channels + channels * channels);
    let encoder = block(1, 2) + block(2, 3) + block(3, 4);
    let decoder = block(2 + 3, 2) + block(3 + 4, 3) + block(2 + 2 + 3, 2);
    let head = 2 * 2 + 2;
    assert_eq!(encoder + decoder + head, 3003);
    assert_eq!(cost(&graph(config.architecture().unwrap()), 8).parameters, 3003);

    let deep = UNetPlusPlusConfig { deep_supervision: true, ..config.clone() };
    let deep = graph(deep.architecture().unwrap());
    assert_eq!((cost(&deep, 8).parameters, deep.outputs().len()), (3003 + head, 2));
    assert_eq!(cost(&deep.for_prediction(), 8).parameters, 3003);

    let norm = Layer::InstanceNorm { affine: true, eps: 1e-5 };
    let then = NormActivation { norm, activation: Layer::Prelu { per_channel: false } };
    let affine = UNetPlusPlusConfig { then, ..config };
    // Two norms and two slopes a block, on levels of 2, 3, 4, 2, 3 and 2 channels.
    let more: u64 = [2, 3, 4, 2, 3, 2].iter().map(|channels| 2 * (2 * channels + 1)).sum();
    assert_eq!(cost(&graph(affine.architecture().unwrap()), 8).parameters, 3003 + more);
}

#[test]
fn vnet_has_the_parameters_of_its_paper() {
    let config =
        VNetConfig { out_channels: 3, channels: vec![2, 4], convs: vec![1, 2], kernel: 3, ..VNetConfig::default() };
    // Behind each convolution: weight and bias of the norm, and a slope.
    let then = |channels: u64| 3 * channels;
    let conv = |inputs: u64, channels: u64| 27 * inputs * channels + then(channels);
    let down0 = conv(1, 2);
    let down1 = 8 * 2 * 4 + then(4) + 2 * conv(4, 4);
    let up0 = 8 * 4 * 2 + then(2) + conv(4, 2) + 4 * 2;
    let head = 2 * 3 + 3;
    assert_eq!(down0 + down1 + up0 + head, 1333);
    let graph = graph(config.architecture().unwrap());
    assert_eq!(cost(&graph, 8).parameters, 1333);
    let statistics: u64 = graph.parameters().iter().filter(|p| p.role.is_statistic()).map(|p| p.len()).sum();
    assert_eq!(statistics, 2 * (2 + 3 * 4 + 2 * 2));
}

#[test]
fn vnet_projects_an_image_whose_channels_cannot_be_added() {
    for (channels, projected) in [(1, 0), (2, 0), (3, 3 * 2), (4, 4 * 2)] {
        let config =
            VNetConfig { in_channels: channels, channels: vec![2, 4], convs: vec![1, 1], ..VNetConfig::default() };
        let graph = graph(config.architecture().unwrap());
        let found: Vec<u64> =
            graph.parameters().iter().filter(|p| p.name == "down0.projection.weight").map(|p| p.len()).collect();
        assert_eq!(found.iter().sum::<u64>(), projected as u64);
    }
}

#[test]
fn arithmetic_is_counted_by_hand() {
    let conv =
        Layer::Conv { channels: Some(3), kernel: [3, 1, 2], stride: [2; 3], padding: Some([1, 0, 0]), bias: true };
    let up = Layer::TransposedConv {
        channels: Some(5),
        kernel: [2; 3],
        stride: [2; 3],
        padding: [0; 3],
        output_padding: [0; 3],
        bias: false,
    };
    let graph = graph(single([conv, up]));
    let cost = graph.cost([4, 6, 8]).unwrap();
    let small = 2 * 3 * 4;
    assert_eq!(cost.flops, 2 * (6 * 2 * 3 * small + 8 * 3 * 5 * small));
    assert_eq!(cost.parameters, 6 * 2 * 3 + 3 + 8 * 3 * 5);
    // The last operation reads 3 channels of the small grid and writes 5 of the large one; the image is gone by then.
    assert_eq!(cost.peak_bytes, 4 * (3 * small + 5 * 8 * small));
}

#[test]
fn costs_grow_with_the_image_and_parameters_do_not() {
    for graph in [
        graph(UNetPlusPlusConfig { channels: vec![2, 3, 4], ..Default::default() }.architecture().unwrap()),
        graph(
            VNetConfig { channels: vec![2, 3, 4], convs: vec![1, 2, 3], ..Default::default() }.architecture().unwrap(),
        ),
    ] {
        for pair in [4, 8, 12, 16, 64].windows(2) {
            let [small, large] = [pair[0], pair[1]].map(|size| cost(&graph, size));
            assert_eq!(small.parameters, large.parameters);
            let times = (pair[1] as u64).pow(3) / 64;
            assert!(small.flops < large.flops && small.peak_bytes < large.peak_bytes);
            assert_eq!(large.flops, cost(&graph, 4).flops * times);
        }
        let huge = graph.cost([1 << 20; 3]).unwrap();
        assert!(huge.flops > cost(&graph, 64).flops && huge.peak_bytes > 1 << 62);
    }
}

#[test]
fn networks_without_meaning_are_refused() {
    let unet = UNetPlusPlusConfig::default();
    for channels in [vec![], vec![4], vec![1; 9], vec![4, 0], vec![4, usize::MAX]] {
        assert!(UNetPlusPlusConfig { channels: channels.clone(), ..unet.clone() }.architecture().is_err());
        let convs = vec![1; channels.len()];
        assert!(VNetConfig { channels, convs, ..VNetConfig::default() }.architecture().is_err());
    }
    for dropout in [1.0, 2.0, f64::INFINITY] {
        assert!(UNetPlusPlusConfig { dropout, ..unet.clone() }.architecture().is_err());
    }
    // A number below 0, or none at all, must not pass as no dropout.
    for dropout in [-0.5, f64::NAN] {
        assert!(UNetPlusPlusConfig { dropout, ..unet.clone() }.architecture().is_err(), "{dropout}");
    }
    for (in_channels, out_channels) in [(0, 1), (1, 0), (usize::MAX, 1), (1, usize::MAX)] {
        assert!(UNetPlusPlusConfig { in_channels, out_channels, ..unet.clone() }.architecture().is_err());
        assert!(VNetConfig { in_channels, out_channels, ..VNetConfig::default() }.architecture().is_err());
    }
    for kernel in [0, 2, 4, 65, usize::MAX] {
        assert!(VNetConfig { kernel, ..VNetConfig::default() }.architecture().is_err(), "{kernel}");
    }
    for convs in [vec![0; 5], vec![65; 5], vec![1; 4]] {
        assert!(VNetConfig { convs, ..VNetConfig::default() }.architecture().is_err());
    }
    let text = r#"{"channels": [4, 8], "drop_out": 0.5}"#;
    assert!(serde_json::from_str::<UNetPlusPlusConfig>(text).is_err());
}
