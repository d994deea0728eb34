//! Every parameter takes part in training.

use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Device;
use medseg_optim::NovoGradConfig;

use super::GENERATOR;
use super::networks::{kinds, noise};

#[test]
fn every_kind_learns_with_every_parameter() {
    let _turn = GENERATOR.lock();
    let device = Device::flex().autodiff();
    device.seed(1);
    for mut config in kinds() {
        // Of two channels dropout may take both, and with them every gradient of the layer.
        if config.channel_dropout {
            config.dropout = 0.0;
        }
        let network = config.init_seeded(1, &device).unwrap();
        let before = network.named_parameters();
        // Two voxels along each side at the bottom: the norm of a single one would be 0.
        let length = 2 * config.size_multiple();
        let outputs = network.forward_deep(noise([1, config.in_channels, length, length, length], 2, &device));
        assert_eq!(outputs[0].dims(), [1, config.out_channels, length, length, length]);
        let losses = outputs.into_iter().map(|y| (y.clone() - noise(y.dims(), 3, &device)).powi_scalar(2).mean());
        let grads = losses.reduce(|a, b| a + b).unwrap().backward();
        let named = network.named_gradients(&grads);
        assert_eq!(named.len(), before.len(), "{config:?}");
        for ((name, parameter), (of, gradient)) in before.iter().zip(&named) {
            assert_eq!((name, parameter.shape()), (of, gradient.shape()));
        }
        let mut optimizer: ModuleOptimizer = NovoGradConfig::default().init().unwrap();
        let grads = GradientsParams::from_grads(grads, &network);
        let after = optimizer.step(0.01, network, grads).named_parameters();
        for ((name, before), (_, after)) in before.iter().zip(&after) {
            assert_ne!(before, after, "{name} of {config:?}");
        }
    }
}
