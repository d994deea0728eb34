//! `medseg predict`: images become masks.

mod channels;
mod cohort;
mod extras;
mod found;
mod hounsfield;
mod input;
mod model;
mod model_digest;
mod nnunet;
mod output;
#[cfg(feature = "dicomweb")]
mod pacs;
mod picture;
mod single;
mod small_image;
mod uncertainty;

use std::path::{Path, PathBuf};

use crate::console::Console;
use crate::device::{choose_device, within_memory_of};
use crate::image::SeriesArgs;
use crate::{CliError, paths};
use model::{ModelKind, refuse_mistaken};

/// The image and the mask.
#[derive(Clone, Debug, clap::Args)]
struct PathArgs {
    /// Image to segment: a volume file, a DICOM file or the folder of a DICOM series; with a folder as output also a folder
    /// of images, a pattern or a list
    #[arg(value_name = "IMAGE")]
    first: PathBuf,
    /// Mask to write: .nii, .nii.gz, .nrrd, .seg.nrrd, .nhdr, .mha, .mhd or .dcm (DICOM segmentation); or a folder
    #[arg(value_name = "MASK")]
    #[cfg_attr(feature = "dicomweb", arg(required_unless_present = "dicomweb"))]
    #[cfg_attr(not(feature = "dicomweb"), arg(required = true))]
    second: Option<PathBuf>,
}

/// Segment an image, or all images of a folder, with a trained run, a bundle or a model of nnU-Net
///
/// Masks have the geometry of their images. With a folder as output every image of IMAGE becomes a mask there: a folder,
/// also of DICOM studies, a pattern such as 'in/**/*.nii.gz', or a list, NAME.txt or NAME.csv. What is done already is
/// left out, and table.csv tells of every case. docs/book/src/clusters.md has the rest.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The output folder of `medseg train` or a bundle, also one of MONAI; a model that nnU-Net v2 trained, as folder,
    /// exported zip or bundle; a list of such models, MODELS.json
    model: PathBuf,
    #[command(flatten)]
    paths: PathArgs,
    #[arg(skip)]
    image: PathBuf,
    #[arg(skip)]
    mask: PathBuf,
    #[command(flatten)]
    series: SeriesArgs,
    /// auto, cpu, ndarray, cuda, cuda:N, webgpu or webgpu:N (default: auto)
    #[arg(long)]
    device: Option<String>,
    /// Compute products of convolutions in bf16 where that is faster: on a GPU, or a CPU with AMX; nearly the same mask
    #[arg(long)]
    bf16: bool,
    /// Memory that may be used, in MiB: fewer windows at once, or an error with the number needed
    #[arg(long, value_name = "MIB")]
    memory: Option<u64>,
    #[command(flatten)]
    output: output::OutputArgs,
    #[command(flatten)]
    uncertainty: uncertainty::UncertaintyArgs,
    #[command(flatten)]
    nnunet: nnunet::NnUnetArgs,
    #[command(flatten)]
    cohort: cohort::CohortArgs,
    #[cfg(feature = "dicomweb")]
    #[command(flatten)]
    pacs: pacs::PacsArgs,
    /// Draw three planes of the image with the outlines of the mask
    #[arg(long, value_name = "FILE.png", help_heading = "Outputs")]
    picture: Option<PathBuf>,
    /// Print windows, operations and memory, and stop
    #[arg(long, help_heading = "Options")]
    dry_run: bool,
    /// Print one JSON object on standard output
    #[arg(long, help_heading = "Options")]
    json: bool,
}

impl Args {
    /// The options with image and mask in their places.
    fn with_paths(&self) -> Result<Self, CliError> {
        let PathArgs { first, second } = self.paths.clone();
        let (image, mask) = match (second, self.pacs_address()) {
            (Some(mask), None) => (first, mask),
            // The image comes from the PACS, so that the mask is named alone.
            (None, Some(address)) => (PathBuf::from(address), first),
            (Some(_), Some(_)) => {
                return Err(CliError::Usage(
                    "--dicomweb takes the place of IMAGE: predict MODEL MASK --dicomweb URL".into(),
                ));
            }
            (None, None) => return Err(CliError::Usage("no MASK to write".into())),
        };
        Ok(Self { image, mask, ..self.clone() })
    }

    /// The PACS that the image comes from.
    fn pacs_address(&self) -> Option<&str> {
        #[cfg(feature = "dicomweb")]
        return self.pacs.dicomweb.as_deref();
        #[cfg(not(feature = "dicomweb"))]
        None
    }

    /// True if probabilities are to be written.
    fn wants_probabilities(&self) -> bool {
        self.nnunet.save_probabilities.is_some() || self.cohort.wants(cohort::FileKind::Probabilities)
    }
}

/// # Errors
/// A mask that cannot be written or would replace an input, a model that cannot be opened, and what prediction fails with.
pub fn run(args: &Args, console: &mut Console) -> Result<(), CliError> {
    let args = &args.with_paths()?;
    refuse_mistaken(&args.model)?;
    let kind = ModelKind::of(&args.model);
    let is_cohort = cohort::is_folder(&args.mask);
    if is_cohort && args.pacs_address().is_some() {
        return Err(CliError::Usage("--dicomweb is for one series, and the output is a folder".into()));
    }
    if is_cohort {
        cohort::check(args)?;
    } else {
        args.cohort.refuse_any()?;
        paths::check_mask_output(&args.mask).map_err(|error| match error {
            CliError::Usage(text) => {
                CliError::Usage(format!("{text}; a folder of masks exists, or its name has no dot"))
            }
            error => error,
        })?;
        paths::refuse_output_over_input(&args.mask, &[&args.image])?;
        picture::check(args)?;
    }
    // A new mask may lie in the run's folder; one that replaces a file of the run may not.
    if args.mask.is_file() {
        paths::refuse_output_over_input(&args.mask, &[&args.model])?;
    }
    refuse_options(args, kind)?;
    let device = choose_device(args.device.as_deref().unwrap_or("auto"), args.device.is_some(), console)?;
    within_memory_of(&device, || {
        #[cfg(feature = "dicomweb")]
        if let Some(address) = args.pacs_address() {
            return pacs::run(args, address, &device, console);
        }
        if is_cohort { cohort::run(args, &device, console) } else { single::run(args, &device, console) }
    })
}

/// Refuses options that this kind of model would leave unread.
fn refuse_options(args: &Args, kind: ModelKind) -> Result<(), CliError> {
    let model = args.model.display();
    if kind == ModelKind::NnUnet && args.uncertainty.is_any() {
        let options = "--save-entropy, --certainty, --mirror and --temperature";
        return Err(CliError::Usage(format!("{options} are for bundles, and {model} is a model of nnU-Net")));
    }
    if kind == ModelKind::Run && args.uncertainty.temperature.is_some() {
        let reason = "--temperature is for bundles of any network, which `medseg calibrate` reads too";
        return Err(CliError::Usage(format!("{reason}, and {model} is none")));
    }
    if kind == ModelKind::Run && !args.nnunet.folds.is_empty() {
        let options = "--folds is for bundles of any network and models of nnU-Net";
        return Err(CliError::Usage(format!("{options}, and {model} is neither")));
    }
    Ok(())
}

/// The name of a path's last component.
fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
