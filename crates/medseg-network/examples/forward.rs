//! Times the forward pass of a saved network on the CPU: `cargo run --example forward -- NETWORK.safetensors D,H,W [ROUNDS]`.
//! Without arguments a small V-Net.

use std::error::Error;
use std::time::Instant;

use burn::tensor::{Device, Distribution, Tensor};
use medseg_architecture::networks::VNetConfig;
use medseg_network::Network;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let device = Device::flex();
    let small = VNetConfig { channels: vec![4, 8, 16], convs: vec![1, 2, 2], ..VNetConfig::default() };
    let network = match arguments.first() {
        Some(path) => Network::load(path, &device)?,
        None => Network::seeded(&small.architecture()?, 1, &device)?,
    };
    let size = arguments.get(1).map_or("32,32,32", String::as_str);
    let size: Vec<usize> = size.split(',').map(str::parse).collect::<Result<_, _>>()?;
    let [d, h, w] = size[..] else { return Err("a size is D,H,W".into()) };
    let rounds: usize = arguments.get(2).map_or(Ok(3), |rounds| rounds.parse())?;
    let cost = network.graph().cost([d, h, w])?;
    let channels = network.graph().in_channels();
    let image = Tensor::<5>::random([1, channels, d, h, w], Distribution::Default, &device);
    let mut seconds = Vec::new();
    // The first pass makes room.
    for _ in 0..=rounds.max(1) {
        let started = Instant::now();
        let logits = network.forward(image.clone()).into_data();
        seconds.push(started.elapsed().as_secs_f64());
        drop(logits);
    }
    let mut of_rounds = seconds.split_off(1);
    of_rounds.sort_by(f64::total_cmp);
    let median = of_rounds[of_rounds.len() / 2];
    let giga = cost.flops as f64 / 1e9;
    println!("{median:.3} s, {giga:.1} GFLOP, {:.0} GFLOP/s; first pass {:.3} s", giga / median, seconds[0]);
    Ok(())
}
