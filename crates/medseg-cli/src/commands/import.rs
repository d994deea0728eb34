//! `medseg import`: other programs' models become bundles.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use medseg_nnunet::{CHECKPOINT, Fold, Model};
use medseg_train::Observer;

use crate::console::Console;
use crate::device::choose_device;
use crate::monai::open_monai;
use crate::{CliError, paths};

/// Make a bundle of another program's model: settings and safetensors with checksums, nothing that could be executed
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    source: Source,
}

/// The programs whose models are read.
#[derive(Debug, Subcommand)]
enum Source {
    Nnunet(NnUnet),
    Obelisk(Obelisk),
    Monai(Monai),
}

/// A MONAI bundle with a UNet, SegResNet, DynUNet, BasicUNet or VNet; nothing in it is executed
#[derive(Debug, clap::Args)]
struct Monai {
    /// Folder of the bundle, or a zip of it
    model: PathBuf,
    /// Bundle to write: a folder that does not exist, or a bundle to replace
    bundle: PathBuf,
    /// Configuration of the inference, such as configs/inference_other.yaml (default: configs/inference.json or .yaml)
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
}

/// Weights of OBELISK's all-convolutional U-Net: eight abdominal organs in CT
#[derive(Debug, clap::Args)]
struct Obelisk {
    /// Files of weights, such as allconvunet_tcia_fold1.pth; several folds are averaged
    #[arg(required = true)]
    weights: Vec<PathBuf>,
    /// Bundle to write: a folder that does not exist, or a bundle to replace
    #[arg(required = true)]
    bundle: PathBuf,
}

/// A model that nnU-Net v2 trained; `medseg predict` gives the same masks with the bundle
#[derive(Debug, clap::Args)]
struct NnUnet {
    /// Folder TRAINER__PLANS__CONFIGURATION, one above it, or an exported zip
    model: PathBuf,
    /// Bundle to write: a folder that does not exist, or a bundle to replace
    bundle: PathBuf,
    /// Folds to take: numbers or `all` (default: every numbered fold that is there)
    #[arg(long, value_name = "0,1", value_delimiter = ',')]
    folds: Vec<Fold>,
    /// File name of the checkpoints
    #[arg(long, value_name = "NAME", default_value = CHECKPOINT)]
    checkpoint: String,
}

/// # Errors
/// A model that cannot be read, and a bundle that cannot be written or would replace the model.
pub fn run(args: &Args, console: &mut Console) -> Result<(), CliError> {
    let (Source::Nnunet(NnUnet { bundle, .. })
    | Source::Obelisk(Obelisk { bundle, .. })
    | Source::Monai(Monai { bundle, .. })) = &args.source;
    if bundle.is_file() {
        let bundle = bundle.display();
        return Err(CliError::Usage(format!(
            "the last argument names the bundle to write, a folder, and {bundle} is a file"
        )));
    }
    match &args.source {
        Source::Nnunet(source) => nnunet(source, console),
        Source::Obelisk(source) => obelisk(source, console),
        Source::Monai(source) => monai(source, console),
    }
}

fn nnunet(source: &NnUnet, console: &mut Console) -> Result<(), CliError> {
    let NnUnet { model, bundle, folds, checkpoint } = source;
    paths::refuse_output_over_input(bundle, &[model])?;
    let folds = (!folds.is_empty()).then_some(folds.as_slice());
    let device = choose_device("auto", false, console)?.device;
    let model = Model::open_with(model, folds, checkpoint, &device)?;
    model.save_bundle(bundle)?;
    let count = model.folder().folds.len();
    console.message(&format!("wrote {count} fold(s) of {} to {}", model.folder().configuration.name, bundle.display()));
    Ok(())
}

fn obelisk(source: &Obelisk, console: &mut Console) -> Result<(), CliError> {
    let Obelisk { weights, bundle } = source;
    let inputs: Vec<&Path> = weights.iter().map(PathBuf::as_path).collect();
    paths::refuse_output_over_input(bundle, &inputs)?;
    let device = choose_device("auto", false, console)?.device;
    medseg_obelisk::import(weights, &device).map_err(|error| CliError::failed(&error))?.save(bundle)?;
    console.message(&format!("wrote {} fold(s) to {}", weights.len(), bundle.display()));
    Ok(())
}

fn monai(source: &Monai, console: &mut Console) -> Result<(), CliError> {
    let Monai { model, bundle, config } = source;
    paths::refuse_output_over_input(bundle, &[model])?;
    let device = choose_device("auto", false, console)?.device;
    let opened = open_monai(model, config.as_deref())?;
    let imported = opened.import(&device).map_err(|error| CliError::failed(&error))?;
    imported.save(bundle)?;
    console.message(&format!("wrote {} of {} to {}", opened.network.class, model.display(), bundle.display()));
    Ok(())
}
