//! Networks as data: parameters, outputs and costs are the networks' own.

mod random;

use burn::tensor::{Device, TensorData};
use medseg_architecture::{Architecture, Graph};
use medseg_unet::{StageConfig, StagedUNetConfig, UNetConfig, describe, describe_staged, parameter_shapes};

use crate::{behaviour, staged};

type Shapes = Vec<(String, Vec<usize>)>;

fn shapes_of(graph: &Graph) -> Shapes {
    let mut shapes: Shapes = graph.parameters().into_iter().map(|of| (of.name, of.shape)).collect();
    shapes.sort();
    shapes
}

fn sorted(tensors: impl IntoIterator<Item = (String, TensorData)>) -> Shapes {
    let mut shapes: Shapes = tensors.into_iter().map(|(name, data)| (name, data.shape().to_vec())).collect();
    shapes.sort();
    shapes
}

/// The architecture survives JSON, and its graph.
fn graph(architecture: Architecture) -> Graph {
    let text = serde_json::to_string(&architecture).unwrap();
    assert_eq!(serde_json::from_str::<Architecture>(&text).unwrap(), architecture);
    architecture.graph().unwrap()
}

fn check(config: &UNetConfig) {
    let graph = graph(config.architecture().unwrap());
    let network = config.init_seeded(1, &Device::flex()).unwrap();
    let own = network.named_parameters().into_iter().chain(network.named_statistics());
    assert_eq!(shapes_of(&graph), sorted(own), "{config:?}");
    assert_eq!(graph.size_multiple(), [config.size_multiple(); 3]);
    assert_eq!((graph.in_channels(), graph.out_channels()), (config.in_channels, config.out_channels));
    assert_eq!(graph.outputs().len(), 1 + config.deep_supervision);
    let (ours, described) = (graph.cost([256; 3]).unwrap(), describe(config, [256; 3]).unwrap());
    assert_eq!((ours.parameters, ours.flops), (described.parameters, described.flops), "{config:?}");
}

fn check_staged(config: &StagedUNetConfig) {
    let graph = graph(config.architecture().unwrap());
    let mut own = parameter_shapes(config).unwrap();
    own.sort();
    let mut found = shapes_of(&graph);
    // In 2D files hold kernels without depth.
    for (_, shape) in found.iter_mut().filter(|(_, shape)| config.dimensions == 2 && shape.len() == 5) {
        assert_eq!(shape.remove(2), 1);
    }
    assert_eq!(found, own, "{config:?}");
    assert_eq!(graph.size_multiple(), config.size_multiple());
    assert_eq!((graph.in_channels(), graph.out_channels()), (config.in_channels, config.out_channels));
    let divisors: Vec<[usize; 3]> = graph.outputs().iter().map(|output| graph.nodes()[*output].divisor).collect();
    assert_eq!(divisors.len(), config.decoder_convs.len());
    assert!(divisors[0] == [1; 3] && divisors.is_sorted());
    let mut image = config.size_multiple().map(|multiple| 2 * multiple);
    if config.dimensions == 2 {
        image[0] = 1;
    }
    let (ours, described) = (graph.cost(image).unwrap(), describe_staged(config, image).unwrap());
    assert_eq!((ours.parameters, ours.flops), (described.parameters, described.flops), "{config:?}");
}

#[test]
fn every_kind_of_network_has_its_own_parameters_and_costs() {
    behaviour::networks::kinds().iter().for_each(check);
    staged::kinds().iter().for_each(check_staged);
    check(&UNetConfig::default());
    check_staged(&StagedUNetConfig::default());
}

#[test]
fn random_networks_have_their_own_parameters_and_costs() {
    for seed in 0..100 {
        check(&random::unet(seed));
        check_staged(&random::staged(seed));
    }
}

#[test]
fn impossible_settings_are_refused() {
    let config = UNetConfig { channels: vec![4], ..UNetConfig::default() };
    assert!(config.architecture().unwrap_err().to_string().contains("2 to 8 levels"));
    let strided = vec![StageConfig::new(2, [2; 3]), StageConfig::new(4, [2; 3])];
    let config = StagedUNetConfig::default().with_stages(strided).with_decoder_convs(vec![1]);
    let error = config.architecture().unwrap_err().to_string();
    assert!(error.contains("not on the image's grid"), "{error}");
    assert!(StagedUNetConfig::default().with_dimensions(4).architecture().is_err());
}
