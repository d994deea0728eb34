//! A golden case: settings, weights and data.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use medseg_testing::Golden;
use medseg_unet::{BlockKind, UNet, UNetConfig, load_state_dict};
use safetensors::SafeTensors;

/// One network on one image.
pub struct Case {
    pub golden: Golden,
    image: Golden,
}

impl Case {
    /// Every file of the folder that holds an output.
    pub fn all() -> Vec<Self> {
        let all = Golden::all("unet").into_iter().filter(|golden| golden.has("output"));
        all.map(|golden| Self { image: Golden::read(&file(&golden, "data")), golden }).collect()
    }

    /// Names listed by a parameter of the case.
    pub fn names(&self, key: &str) -> Vec<String> {
        let names = self.golden.params[key].as_array().unwrap();
        names.iter().map(|v| v.as_str().unwrap().to_string()).collect()
    }

    /// The image or its label.
    pub fn data(&self, name: &str, device: &Device) -> Tensor<5> {
        let values = self.image.tensor(name);
        Tensor::from_data(TensorData::new(values.f32(), values.shape.clone()), device)
    }

    fn config(&self) -> UNetConfig {
        let p = &self.golden.params;
        let block = match p["block"].as_str().unwrap() {
            "plain" => BlockKind::TwoLayer,
            "residual" => BlockKind::ResTwoLayer,
            other => panic!("{}: block {other}", self.golden.name),
        };
        let pool_kernel = match p["pool"].as_str().unwrap() {
            "3/2/1" => 3,
            "2/2/0" => 2,
            other => panic!("{}: pool {other}", self.golden.name),
        };
        UNetConfig {
            in_channels: p["in_channels"].as_u64().unwrap() as usize,
            out_channels: p["out_channels"].as_u64().unwrap() as usize,
            channels: p["channels"].as_array().unwrap().iter().map(|c| c.as_u64().unwrap() as usize).collect(),
            encoder: block,
            decoder: block,
            pool_kernel,
            conv_bias: p["conv_bias"].as_bool().unwrap(),
            final_bias: p["final_bias"].as_bool().unwrap(),
            dropout: 0.0,
            ..UNetConfig::default()
        }
    }

    /// The network with the case's part of the common weights file.
    pub fn network(&self, device: &Device) -> UNet {
        let bytes = std::fs::read(file(&self.golden, "weights")).unwrap();
        let all = SafeTensors::deserialize(&bytes).unwrap();
        let wanted = self.names("param_names");
        let part = wanted.iter().map(|name| (name, all.tensor(name).unwrap()));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weights.safetensors");
        std::fs::write(&path, safetensors::serialize(part, None).unwrap()).unwrap();
        load_state_dict(&path, &self.config(), device).unwrap()
    }
}

/// The file that a parameter of a case names.
fn file(golden: &Golden, key: &str) -> PathBuf {
    let name = Path::new(golden.params[key].as_str().unwrap()).file_name().unwrap();
    Path::new("tests/golden/unet").join(name)
}
