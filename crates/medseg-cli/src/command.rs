//! The list of commands.

use clap::{Parser, Subcommand};

use crate::CliError;
use crate::commands::{
    calibrate, completions, convert, devices, export, import, inspect, man, metrics, plan, predict, prepare, report,
    table, train, view,
};
use crate::console::Console;

/// Examples at the end of the help.
const EXAMPLES: &str = "\
Examples:
  medseg train two-stage                             train on a synthetic set, in minutes, without any data
  medseg train one-stage --data DIR --labels 1,2     train on image/ and label/, or on an MSD folder
  medseg train DIR --preset auto --time 30m          plan and train on DIR, within half an hour
  medseg plan DIR                                    the plan alone, with its reasons
  medseg predict runs/one_stage ct.nii.gz mask.nii.gz
  medseg predict runs/one_stage DICOM_FOLDER mask.dcm   a DICOM segmentation for the PACS
  medseg predict runs/one_stage IMAGES MASKS         a folder of images, also of DICOM studies
  medseg view ct.nii.gz mask.nii.gz -o page.html     scroll through them in a browser
  medseg metrics reference.nii.gz mask.nii.gz
  medseg inspect ct.nii.gz
  medseg convert DICOM_FOLDER ct.nii.gz
  medseg import nnunet MODEL bundle                  a model of nnU-Net without pickles
  medseg import monai MONAI_BUNDLE bundle            a MONAI bundle without Python
  medseg export bundle --onnx network.onnx           for ONNX Runtime and OpenVINO

Exit codes: 0 success, 2 wrong command line or configuration, 1 any other failure.";

/// 3D medical image segmentation: training, prediction, metrics and file conversion
#[derive(Debug, Parser)]
#[command(name = "medseg", version, about, after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print no progress and no messages; warnings and errors stay
    #[arg(long, global = true)]
    quiet: bool,
}

/// The subcommands. A new one is a file in `commands/`, a variant here and an arm in [`Cli::run`].
#[derive(Debug, Subcommand)]
enum Command {
    Train(Box<train::Args>),
    Plan(plan::Args),
    Predict(Box<predict::Args>),
    Metrics(metrics::Args),
    Report(report::Args),
    Table(table::Args),
    View(view::Args),
    Prepare(prepare::Args),
    Import(import::Args),
    Export(export::Args),
    Calibrate(calibrate::Args),
    Inspect(inspect::Args),
    Convert(convert::Args),
    Devices(devices::Args),
    Completions(completions::Args),
    Man(man::Args),
}

impl Cli {
    /// Does what the command line asks for.
    pub fn run(self) -> Result<(), CliError> {
        let console = &mut Console::new(self.quiet);
        match self.command {
            Command::Train(args) => train::run(&args, console),
            Command::Plan(args) => plan::run(&args, console),
            Command::Predict(args) => predict::run(&args, console),
            Command::Metrics(args) => metrics::run(&args),
            Command::Report(args) => report::run(&args),
            Command::Table(args) => table::run(&args, console),
            Command::View(args) => view::run(&args, console),
            Command::Prepare(args) => prepare::run(&args, console),
            Command::Import(args) => import::run(&args, console),
            Command::Calibrate(args) => calibrate::run(&args, console),
            Command::Export(args) => export::run(&args, console),
            Command::Inspect(args) => inspect::run(&args),
            Command::Convert(args) => convert::run(&args, console),
            Command::Devices(args) => devices::run(&args),
            Command::Completions(args) => completions::run(&args),
            Command::Man(args) => man::run(&args),
        }
    }
}
