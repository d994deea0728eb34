//! A small U-Net as an ONNX model, with random weights.
//!
//! `cargo run --example onnx -- [MODEL.onnx]`; without a path the model goes to a temporary folder.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;

use medseg::Device;
use medseg::onnx::{OnnxOptions, write_onnx};
use medseg::unet::UNetConfig;

fn main() -> Result<(), Box<dyn Error>> {
    let config = UNetConfig { channels: vec![8, 16, 32], out_channels: 2, ..UNetConfig::default() };
    let network = config.init_seeded(7, &Device::flex())?;
    let mut weights = BTreeMap::new();
    for (name, data) in network.named_parameters().into_iter().chain(network.named_statistics()) {
        weights.insert(name, data.iter::<f32>().collect::<Vec<f32>>());
    }

    let folder = tempfile::tempdir()?;
    let path = std::env::args_os().nth(1).map_or_else(|| folder.path().join("unet.onnx"), PathBuf::from);
    let graph = config.architecture()?.graph()?;
    let values = |name: &str| weights.remove(name).ok_or("the network has no such parameter");
    let options = OnnxOptions::default().with_metadata("labels", r#"{"background": 0, "organ": 1}"#);
    write_onnx(&path, &graph, values, &options)?;

    let bytes = path.metadata()?.len();
    println!("{} operations, {bytes} bytes; sizes are multiples of {:?}", graph.nodes().len(), graph.size_multiple());
    Ok(())
}
