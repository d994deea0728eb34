//! `medseg export`: networks for other programs.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, TensorData};
use medseg_bundle::{Bundle, NetworkBundle};
use medseg_monai::MonaiBundle;
use medseg_nnunet::{CHECKPOINT, Model};
use medseg_onnx::{OnnxOptions, write_onnx};
use medseg_train::{Observer, open_bundle};

use crate::console::Console;
use crate::device::choose_device;
use crate::monai::open_monai;
use crate::{CliError, paths};

/// Write the network of a run, a bundle or another program's model as ONNX, which ONNX Runtime and OpenVINO run
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Output folder of `medseg train`, a bundle, a model of nnU-Net, or a MONAI bundle
    model: PathBuf,
    /// File to write; several folds or stages get their names before its ending
    #[arg(long, value_name = "FILE.onnx")]
    onnx: PathBuf,
}

/// A network: its name among several, its operations and its weights.
struct Exported {
    name: String,
    graph: medseg_architecture::Graph,
    tensors: Vec<(String, TensorData)>,
}

/// # Errors
/// A model that cannot be opened, a network that ONNX cannot hold, and files that cannot be written.
pub fn run(args: &Args, console: &mut Console) -> Result<(), CliError> {
    if args.onnx.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("onnx")) {
        return Err(CliError::Usage(format!("{}: the name of such a file ends in .onnx", args.onnx.display())));
    }
    paths::refuse_output_over_input(&args.onnx, &[&args.model])?;
    let device = choose_device("auto", false, console)?.device;
    let networks = networks(&args.model, &device)?;
    let several = networks.len() > 1;
    for Exported { name, graph, tensors } in networks {
        let path = if several { named(&args.onnx, &name) } else { args.onnx.clone() };
        let read = |wanted: &str| {
            let tensor = tensors.iter().find(|(found, _)| found == wanted);
            let (_, data) = tensor.ok_or_else(|| format!("the network has no {wanted}"))?;
            data.clone().convert::<f32>().try_to_vec::<f32>().map_err(|error| format!("{error:?}"))
        };
        write_onnx(&path, &graph, read, &OnnxOptions::default()).map_err(|error| failed(&path, &error))?;
        let multiple = graph.size_multiple();
        console.message(&format!("wrote {}: sizes are multiples of {multiple:?}", path.display()));
    }
    Ok(())
}

/// The file of one of several networks.
fn named(path: &Path, name: &str) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}_{name}.onnx"))
}

fn failed(path: &Path, error: &dyn std::error::Error) -> CliError {
    CliError::Failed(format!("{}: {}", path.display(), medseg_volume::error_chain(error)))
}

fn networks(model: &Path, device: &Device) -> Result<Vec<Exported>, CliError> {
    if MonaiBundle::is_one(model) {
        let imported = open_monai(model, None)?.import(device);
        return of_any(&imported.map_err(|error| CliError::failed(&error))?);
    }
    if NetworkBundle::is_one(model) {
        return of_any(&NetworkBundle::open(model, device)?);
    }
    if medseg_nnunet::is_model(model) {
        return of_nnunet(&Model::open_with(model, None, CHECKPOINT, device)?);
    }
    of_bundle(&open_bundle(model, device)?)
}

fn of_any(bundle: &NetworkBundle) -> Result<Vec<Exported>, CliError> {
    let folds = bundle.folds().iter().enumerate().map(|(number, fold)| Exported {
        name: format!("fold_{number}"),
        graph: fold.graph().clone(),
        tensors: fold.named_tensors(),
    });
    Ok(folds.collect())
}

fn of_nnunet(model: &Model) -> Result<Vec<Exported>, CliError> {
    let mut networks = Vec::new();
    for fold in &model.folder().folds {
        let network = model.load(*fold)?;
        let architecture = network.config().architecture().map_err(|error| described(&error))?;
        let graph = architecture.graph().map_err(|error| described(&error))?;
        let tensors = network.named_parameters().into_iter().chain(network.named_statistics()).collect();
        networks.push(Exported { name: fold.to_string(), graph, tensors });
    }
    Ok(networks)
}

fn of_bundle(bundle: &Bundle) -> Result<Vec<Exported>, CliError> {
    let mut networks = Vec::new();
    for (name, network) in bundle.named_networks() {
        let architecture = network.config().architecture().map_err(|error| described(&error))?;
        let graph = architecture.graph().map_err(|error| described(&error))?;
        networks.push(Exported { name: name.to_owned(), graph, tensors: network.named_tensors() });
    }
    Ok(networks)
}

fn described(error: &dyn Display) -> CliError {
    CliError::Failed(format!("the network cannot be exported: {error}"))
}
