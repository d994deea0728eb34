//! The Rust half of `benches/peers/state_dict.py`: loads every network that it wrote, compares the outputs, and writes the
//! networks back for PyTorch.

use std::error::Error;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use medseg_testing::Golden;
use medseg_unet::{StateDictOptions, UNetConfig, load_state_dict_with, save_state_dict};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: pytorch_round_trip FOLDER (see benches/peers/state_dict.py)")?;
    let folder = Path::new(&folder);
    let mut names: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "safetensors") {
            names.extend(path.file_stem().map(|stem| stem.display().to_string()));
        }
    }
    names.sort();
    for name in names {
        let case = Golden::read(&folder.join(format!("{name}.safetensors")));
        let config: UNetConfig = serde_json::from_value(case.params["config"].clone())?;
        let reversed_axes = case.params["reversed_axes"] == true;
        let options = StateDictOptions { reversed_axes, ..StateDictOptions::default() };
        let device = Device::flex();
        let files = folder.join("files");
        let loaded = load_state_dict_with(files.join(format!("{name}.pth")), &config, &options, &device)?;

        // Of a network on (x, y, z)-ordered arrays the image is turned too.
        let turned = |x: Tensor<5>| if reversed_axes { x.permute([0, 1, 4, 3, 2]) } else { x };
        let (input, output) = (case.tensor("input"), case.tensor("output"));
        let x = Tensor::from_data(TensorData::new(input.f32(), input.shape.clone()), &device);
        let y = turned(loaded.network.forward(turned(x))).into_data();
        let far = y.iter::<f64>().zip(&output.values).map(|(got, want)| (got - want).abs()).fold(0.0, f64::max);
        save_state_dict(&loaded.network, files.join(format!("{name}.back.safetensors")), &loaded.keys)?;
        println!("{name}: loaded, largest difference of the output {far:.1e}, written back");
        if far > 1e-4 {
            return Err(format!("{name} computes something else").into());
        }
    }
    Ok(())
}
