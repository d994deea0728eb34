//! The costs of the experiments' network, and a small one saved and loaded with its settings.

use std::error::Error;

use medseg::unet::{BlockKind, UNetConfig, describe, load_weights, save_weights};
use medseg::{Device, Tensor};

fn main() -> Result<(), Box<dyn Error>> {
    println!("the experiments' network for an image of 128x128x128:");
    println!("{}", describe(&UNetConfig::default(), [128; 3])?);
    println!("the same with other blocks:");
    for block in [BlockKind::TwoLayer, BlockKind::ResTwoLayer, BlockKind::ResFourLayer] {
        let config = UNetConfig { encoder: block, decoder: block, ..UNetConfig::default() };
        let cost = describe(&config, [128; 3])?;
        let (millions, giga, mib) =
            (cost.parameters as f64 / 1e6, cost.flops as f64 / 1e9, cost.activation_bytes >> 20);
        println!("  {block:?}: {millions:.2} M parameters, {giga:.0} GFLOP, {mib} MiB of activations in training");
    }

    let device = Device::flex();
    let config = UNetConfig { channels: vec![4, 8, 16], ..UNetConfig::default() };
    let network = config.init_seeded(7, &device)?;
    let image = Tensor::<5>::ones([1, 1, 17, 30, 23], &device); // any sides
    let logits = network.forward(image.clone());
    println!("{:?} to {:?}", image.dims(), logits.dims());

    let folder = tempfile::tempdir()?;
    let file = folder.path().join("network.safetensors");
    save_weights(&network, &file)?;
    let same = load_weights(&file, &device)?; // the file alone says which network it is
    assert_eq!(same.config(), &config);
    assert_eq!(same.forward(image).into_data(), logits.into_data());
    println!("saved, loaded, and the same logits");
    Ok(())
}
