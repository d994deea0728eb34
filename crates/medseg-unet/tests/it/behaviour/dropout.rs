//! Dropout in training, none in prediction.

use burn::module::Module;
use burn::tensor::Device;
use medseg_unet::UNetConfig;

use super::GENERATOR;
use super::networks::{noise, small, values};

#[test]
fn training_drops_as_the_seed_says() {
    let _turn = GENERATOR.lock();
    let device = Device::flex().autodiff();
    for channel_dropout in [true, false] {
        let config = UNetConfig { dropout: 0.5, channel_dropout, ..small() };
        let network = config.init_seeded(1, &device).unwrap();
        let trained = |seed: u64| {
            device.seed(seed);
            values(network.forward(noise([1, 1, 16, 16, 16], 1, &device)))
        };
        assert_eq!(trained(1), trained(1));
        assert_ne!(trained(1), trained(2));
    }
}

#[test]
fn prediction_is_that_of_a_network_without_dropout() {
    let plain = Device::flex();
    let x = || noise([1, 1, 16, 16, 16], 1, &plain);
    let network = |dropout: f64, device: &Device| UNetConfig { dropout, ..small() }.init_seeded(1, device).unwrap();
    let want = values(network(0.0, &plain).forward(x()));
    assert_eq!(values(network(0.5, &plain).forward(x())), want);
    assert_eq!(values(network(0.5, &plain.clone().autodiff()).valid().forward(x())), want);
}
