//! Networks as data: `cargo run --example architecture [unet++|vnet|FILE.json]`. Without an argument UNet++ and V-Net, and what
//! they cost; with a name that network as JSON, a file to change and to train by `medseg train --network FILE.json`; with a
//! file what its network costs.

use std::error::Error;

use medseg::architecture::Architecture;
use medseg::architecture::networks::{UNetPlusPlusConfig, VNetConfig};

fn main() -> Result<(), Box<dyn Error>> {
    let networks = match std::env::args_os().nth(1) {
        Some(name) if name == "unet++" => return print(&UNetPlusPlusConfig::default().architecture()?),
        Some(name) if name == "vnet" => return print(&VNetConfig::default().architecture()?),
        Some(path) => vec![("file", serde_json::from_str(&std::fs::read_to_string(path)?)?)],
        None => vec![
            ("UNet++", UNetPlusPlusConfig::default().architecture()?),
            ("V-Net", VNetConfig::default().architecture()?),
        ],
    };
    for (name, network) in &networks {
        show(name, network)?;
    }
    Ok(())
}

fn print(network: &Architecture) -> Result<(), Box<dyn Error>> {
    println!("{}", serde_json::to_string_pretty(network)?);
    Ok(())
}

fn show(name: &str, network: &Architecture) -> Result<(), Box<dyn Error>> {
    let graph = network.graph()?;
    let cost = graph.cost([128; 3].map(|size: usize| size.next_multiple_of(graph.size_multiple()[0])))?;
    println!("{name}: {} stages, {} operations", network.stages.len(), graph.nodes().len());
    println!("  {:.2} M parameters in {} tensors", cost.parameters as f64 / 1e6, graph.parameters().len());
    println!("  128x128x128: {:.0} GFLOP, {} MiB at once", cost.flops as f64 / 1e9, cost.peak_bytes >> 20);
    Ok(())
}
