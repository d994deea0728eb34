//! The whole network on the GPU.

use burn::tensor::Tensor;
use medseg::Device;
use medseg::unet::UNetConfig;

use crate::device::gpu;
use crate::same::{F32, assert_close, numbers, values};

#[test]
fn the_network_predicts_what_it_does_on_the_cpu() {
    let config = UNetConfig { channels: vec![4, 8, 16], dropout: 0.0, ..UNetConfig::default() };
    let run = |device: &Device| {
        let network = config.init_seeded(1, device).expect("a network");
        values(network.forward(Tensor::<5>::from_data(numbers(2, [1, 1, 16, 8, 12]), device)))
    };
    assert_close("logits", &run(&gpu()), &run(&Device::flex()), F32);
}
