//! Random weights from Burn's generator and from a seed.

use burn::tensor::Device;
use medseg_unet::UNetConfig;

use crate::behaviour::GENERATOR;

#[test]
fn init_draws_its_seed_from_burns_generator() {
    let _turn = GENERATOR.lock();
    let device = Device::flex();
    let config = UNetConfig::default().with_channels(vec![2, 3]);
    let seeded = |seed: u64| {
        device.seed(seed);
        config.init(&device).unwrap().named_parameters()
    };
    assert_eq!(seeded(1), seeded(1));
    assert_ne!(seeded(1), seeded(2));
    device.seed(1);
    let (first, second) = (config.init(&device).unwrap(), config.init(&device).unwrap());
    assert_ne!(first.named_parameters(), second.named_parameters());
}
