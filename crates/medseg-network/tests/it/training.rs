//! Networks learn.

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor};
use medseg_architecture::Architecture;
use medseg_architecture::networks::{NormActivation, UNetPlusPlusConfig, VNetConfig};
use medseg_network::Network;

use crate::image;

/// Mean squared error before and after some steps on one image; the target is a smooth function of it.
fn trained(architecture: &Architecture) -> (f32, f32, Network) {
    let device = Device::flex().autodiff();
    let mut network = Network::seeded(architecture, 7, &device).unwrap();
    let mut optimizer = AdamConfig::new().init();
    let x = image([2, 1, 8, 8, 8], 5, &device);
    let target = (x.clone() * 0.5).tanh();
    let loss = |network: &Network| (network.forward(x.clone()) - target.clone()).square().mean();
    let first = loss(&network).into_scalar::<f32>();
    for _ in 0..40 {
        let gradients = GradientsParams::from_grads(loss(&network).backward(), &network);
        network = optimizer.step(0.01, network, gradients);
    }
    (first, loss(&network).into_scalar::<f32>(), network)
}

#[test]
fn the_published_networks_can_be_trained() {
    let plus = UNetPlusPlusConfig { channels: vec![4, 6, 8], ..UNetPlusPlusConfig::default() };
    let vnet = VNetConfig { channels: vec![4, 6], convs: vec![1, 2], ..VNetConfig::default() };
    let plain = VNetConfig { then: NormActivation::default(), kernel: 3, ..vnet.clone() };
    for architecture in [plus.architecture(), vnet.architecture(), plain.architecture()] {
        let architecture = architecture.unwrap();
        let (first, last, network) = trained(&architecture);
        assert!(last < 0.5 * first, "from {first} to {last}: {architecture:?}");
        // Running statistics moved with the weights, so prediction knows the data too.
        let valid = network.valid();
        let x = image([2, 1, 8, 8, 8], 5, &Device::flex());
        let target = (x.clone() * 0.5).tanh();
        let error = (valid.forward(x) - target).square().mean().into_scalar::<f32>();
        assert!(error < first, "prediction is off by {error}, at first {first}");
    }
}

#[test]
fn every_weight_has_a_gradient() {
    let device = Device::flex().autodiff();
    let config =
        UNetPlusPlusConfig { channels: vec![2, 3, 4], deep_supervision: true, ..UNetPlusPlusConfig::default() };
    let network = Network::seeded(&config.architecture().unwrap(), 3, &device).unwrap();
    let outputs = network.forward_deep(image([1, 1, 8, 4, 4], 1, &device));
    let loss = outputs.into_iter().map(|y: Tensor<5>| y.square().mean()).reduce(|a, b| a + b).unwrap();
    let gradients = GradientsParams::from_grads(loss.backward(), &network);
    assert_eq!(gradients.len(), network.graph().parameters().len());
}
