//! Writes networks with random weights for `benches/peers/onnx_check.py`: random ones, a UNet++ and a V-Net.
//!
//! `cargo run -p medseg-onnx --example random_networks -- FOLDER [--networks N] [--seed S]`. A network is three files:
//! its architecture as JSON, its weights as safetensors and its model as ONNX.

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Parser;
use medseg_architecture::networks::{NormActivation, UNetPlusPlusConfig, VNetConfig};
use medseg_architecture::{Architecture, Layer};
use medseg_onnx::{OnnxOptions, write_onnx};
use safetensors::{Dtype, tensor::TensorView};

#[path = "../tests/it/random.rs"]
mod random;

#[derive(Parser)]
struct Arguments {
    /// Folder of the files; it is made if there is none.
    folder: PathBuf,
    /// Number of random networks.
    #[arg(long, default_value_t = 100)]
    networks: u64,
    /// Seed of the first one.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    std::fs::create_dir_all(&arguments.folder)?;
    let write = |name: &str, network: &Architecture, seed| write(&arguments.folder, name, network, seed);
    for number in 0..arguments.networks {
        let seed = arguments.seed + number;
        write(&format!("random{seed:06}"), &random::architecture(seed), seed)?;
    }
    let group = NormActivation { norm: Layer::GroupNorm { groups: 2, eps: 1e-5 }, activation: Layer::Gelu };
    let channels = vec![4, 8, 16];
    let nested = UNetPlusPlusConfig { channels: channels.clone(), then: group, ..UNetPlusPlusConfig::default() };
    write("unet_plus_plus", &nested.architecture()?, 1)?;
    let vnet = VNetConfig { in_channels: 2, channels, convs: vec![1, 2, 3], ..VNetConfig::default() };
    write("vnet", &vnet.architecture()?, 1)?;
    Ok(())
}

fn write(folder: &Path, name: &str, network: &Architecture, seed: u64) -> Result<(), Box<dyn Error>> {
    let graph = network.graph()?;
    let parameters = graph.parameters();
    let values: Vec<Vec<f32>> = parameters.iter().map(|parameter| random::values(parameter, seed)).collect();
    let weights = |name: &str| {
        let number = parameters.iter().position(|parameter| parameter.name == name).ok_or("no such parameter")?;
        Ok::<_, &str>(values[number].clone())
    };
    write_onnx(folder.join(format!("{name}.onnx")), &graph, weights, &OnnxOptions::default())?;
    let bytes: Vec<Vec<u8>> =
        values.iter().map(|all| all.iter().flat_map(|value| value.to_le_bytes()).collect()).collect();
    let mut tensors = Vec::new();
    for (parameter, bytes) in parameters.iter().zip(&bytes) {
        tensors.push((&parameter.name, TensorView::new(Dtype::F32, parameter.shape.clone(), bytes)?));
    }
    safetensors::serialize_to_file(tensors, None, &folder.join(format!("{name}.safetensors")))?;
    let mut json = serde_json::to_value(network)?;
    json["size_multiple"] = serde_json::to_value(graph.size_multiple())?;
    Ok(std::fs::write(folder.join(format!("{name}.json")), serde_json::to_vec_pretty(&json)?)?)
}
