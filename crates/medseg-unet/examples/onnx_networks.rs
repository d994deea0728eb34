//! Writes U-Nets with random weights, their logits on Burn and their ONNX models for `benches/peers/onnx_check.py`.
//!
//! `cargo run -p medseg-unet --example onnx_networks -- FOLDER [NETWORKS]`. A network is four files: its architecture as
//! JSON, its weights and an image with its logits as safetensors, and its model as ONNX.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use medseg_architecture::{Architecture, Graph, Parameter, ParameterRole};
use medseg_onnx::{OnnxOptions, write_onnx};
use medseg_unet::{StagedUNet, StagedUNetConfig, UNetConfig, load_weights, save_weights};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

#[path = "../tests/it/architecture/random.rs"]
mod random;

type Failure = Box<dyn Error>;
type Values = BTreeMap<String, Vec<f32>>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("FOLDER is missing")?;
    let networks = arguments.next().map_or(Ok(60), |text| text.parse())?;
    std::fs::create_dir_all(&folder)?;
    for seed in 0..networks {
        let config = random::unet(seed);
        let file = Path::new(&folder).join(format!("unet{seed:03}"));
        write(&file, &config.architecture()?, seed, |values, image| {
            Ok(network(&config, values, &file)?.forward(image))
        })?;
        let config = random::staged(seed);
        let file = Path::new(&folder).join(format!("staged{seed:03}"));
        write(&file, &config.architecture()?, seed, |values, image| {
            Ok(staged_network(&config, values)?.forward(image)?)
        })?;
    }
    Ok(())
}

/// A network with these weights, which go through a file.
fn network(config: &UNetConfig, values: &Values, file: &Path) -> Result<medseg_unet::UNet, Failure> {
    let file = file.with_extension("burn.safetensors");
    save_weights(&config.init_seeded(1, &Device::flex())?, &file)?;
    let bytes = std::fs::read(&file)?;
    let (_, metadata) = SafeTensors::read_metadata(&bytes)?;
    let shapes = SafeTensors::deserialize(&bytes)?;
    let shapes = shapes.iter().map(|(name, view)| (name.to_owned(), view.shape().to_vec()));
    save(&file, shapes.map(|(name, shape)| (values[&name].as_slice(), name, shape)), metadata.metadata().clone())?;
    let network = load_weights(&file, &Device::flex())?;
    std::fs::remove_file(file)?;
    Ok(network)
}

fn staged_network(config: &StagedUNetConfig, values: &Values) -> Result<StagedUNet, Failure> {
    let shapes = medseg_unet::parameter_shapes(config)?;
    let tensors = shapes.into_iter().map(|(name, shape)| {
        let data = TensorData::new(values[&name].clone(), shape);
        (name, data)
    });
    Ok(StagedUNet::from_parameters(config, tensors, &Device::flex())?)
}

fn write(
    file: &Path,
    architecture: &Architecture,
    seed: u64,
    run: impl FnOnce(&Values, Tensor<5>) -> Result<Tensor<5>, Failure>,
) -> Result<(), Failure> {
    let graph = architecture.graph()?;
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let values: Values = graph.parameters().into_iter().map(|of| (of.name.clone(), random_values(&of, rng))).collect();
    let weights = |name: &str| values.get(name).cloned().ok_or("no such parameter");
    write_onnx(file.with_extension("onnx"), &graph, weights, &OnnxOptions::default())?;
    let tensors = graph.parameters().into_iter().map(|of| (values[&of.name].as_slice(), of.name, of.shape));
    save(&file.with_extension("safetensors"), tensors, None)?;
    let mut json = serde_json::to_value(architecture)?;
    json["size_multiple"] = serde_json::to_value(graph.size_multiple())?;
    std::fs::write(file.with_extension("json"), serde_json::to_vec_pretty(&json)?)?;

    let shape = image_shape(&graph);
    let image: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(-1.0..1.0)).collect();
    let logits = run(&values, Tensor::from_data(TensorData::new(image.clone(), shape), &Device::flex()))?;
    let logits_shape = logits.dims().to_vec();
    let logits = logits.into_data().try_to_vec::<f32>().map_err(|error| format!("{error:?}"))?;
    let both = [(&image[..], "image".to_owned(), shape.to_vec()), (&logits[..], "logits".to_owned(), logits_shape)];
    save(&file.with_extension("logits.safetensors"), both, None)
}

/// Two images of at least 12 voxels along an axis; one of depth 1 where the network changes no depth.
fn image_shape(graph: &Graph) -> [usize; 5] {
    let [d, h, w] = graph.size_multiple().map(|multiple| multiple * 12_usize.div_ceil(multiple));
    [2, graph.in_channels(), if graph.size_multiple()[0] == 1 { 1 } else { d }, h, w]
}

fn random_values(parameter: &Parameter, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let (middle, width) = match parameter.role {
        ParameterRole::Kernel => (0.0, (6.0 / parameter.shape[1..].iter().product::<usize>() as f32).sqrt()),
        ParameterRole::NormWeight | ParameterRole::RunningVariance => (1.0, 0.5),
        _ => (0.0, 0.5),
    };
    (0..parameter.len()).map(|_| middle + width * rng.random_range(-1.0_f32..1.0)).collect()
}

fn save<'a>(
    file: &Path,
    tensors: impl IntoIterator<Item = (&'a [f32], String, Vec<usize>)>,
    metadata: Option<std::collections::HashMap<String, String>>,
) -> Result<(), Failure> {
    let little = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let tensors: Vec<_> = tensors.into_iter().map(|(values, name, shape)| (name, shape, little(values))).collect();
    let mut views = Vec::new();
    for (name, shape, bytes) in &tensors {
        views.push((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?));
    }
    Ok(safetensors::serialize_to_file(views, metadata, file)?)
}
