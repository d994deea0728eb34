//! A file of PyTorch, read without executing anything in it: `cargo run --example torch [FILE [KEY]]`. Without arguments a
//! small file with a state dict under the key `model`.

use std::error::Error;
use std::path::PathBuf;

use medseg::torch::TorchFile;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let fixture = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("crates/medseg-torch/tests/fixtures/checkpoint.pt");
    let path = arguments.next().map_or_else(fixture, PathBuf::from);
    let key = arguments.next().and_then(|key| key.into_string().ok()).unwrap_or_else(|| "model".to_owned());

    let file = TorchFile::open(path)?;
    println!("{:?}", file.format());
    for (key, value) in file.root().entries() {
        println!("{}: {:?}", key.text().unwrap_or("(no text)"), value.content());
    }
    for (name, tensor) in file.state_dict(&[&key])? {
        let values = tensor.values()?;
        let mean = values.iter().sum::<f32>() / values.len().max(1) as f32;
        println!("  {name} {:?} of {}, mean {mean:.3}", tensor.shape(), tensor.element());
    }
    Ok(())
}
