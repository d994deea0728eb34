//! `medseg predict`: one image becomes a mask.

mod extras;
mod network;
mod nnunet;
mod picture;
mod uncertainty;

use std::path::{Path, PathBuf};

use medseg_bundle::{Bundle, NetworkBundle, Prediction, PredictionPlan, PredictionReport};
use medseg_device::{Chosen, free_memory};
use medseg_monai::MonaiBundle;
use medseg_ops::Precision;
use medseg_train::{Observer, WindowProgress, open_bundle};
use medseg_volume::{Dhw, Geometry, Volume, error_chain, read_info, write_label};

use crate::console::Console;
use crate::device::{choose_device, within_memory_of};
use crate::image::SeriesArgs;
use crate::memory::check_host_memory;
use crate::{CliError, image, output, paths};
use extras::Classes;

/// Segment one image with a trained run, a bundle or a model of nnU-Net; the mask has the image's geometry
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The output folder of `medseg train` or a bundle; a model that nnU-Net v2 trained, as folder, exported zip or bundle; a
    /// list of such models, MODELS.json
    model: PathBuf,
    /// Image to segment: a volume file, a DICOM file or the folder of a DICOM series; for nnU-Net also a folder of cases
    /// NAME_0000.nii.gz, NAME_0001.nii.gz and so on
    image: PathBuf,
    /// Mask to write: .nii, .nii.gz, .nrrd, .nhdr, .mha or .mhd; a folder for a folder of cases
    mask: PathBuf,
    #[command(flatten)]
    series: SeriesArgs,
    /// auto, cpu, ndarray, cuda, cuda:N, webgpu or webgpu:N (default: auto)
    #[arg(long)]
    device: Option<String>,
    /// Compute products of convolutions in bf16: faster on a CPU with AVX512-BF16 or AMX, nearly the same mask
    #[arg(long)]
    bf16: bool,
    /// Memory that may be used, in MiB: fewer windows at once, or an error with the number needed
    #[arg(long, value_name = "MIB")]
    memory: Option<u64>,
    #[command(flatten)]
    uncertainty: uncertainty::UncertaintyArgs,
    #[command(flatten)]
    nnunet: nnunet::NnUnetArgs,
    /// Draw three planes of the image with the outlines of the mask
    #[arg(long, value_name = "FILE.png")]
    picture: Option<PathBuf>,
    /// Print windows, operations and memory, and stop
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// # Errors
/// A mask that cannot be written or would replace an input, a model that cannot be opened, and what prediction fails with.
pub fn run(args: &Args, console: &mut Console) -> Result<(), CliError> {
    let monai = MonaiBundle::is_one(&args.model);
    let nnunet = !monai && nnunet::is_model(&args.model);
    if !(nnunet && args.image.is_dir()) {
        paths::check_volume_output(&args.mask)?;
    }
    paths::refuse_output_over_input(&args.mask, &[&args.image])?;
    // A new mask may lie in the run's folder; one that replaces a file of the run may not.
    if args.mask.exists() {
        paths::refuse_output_over_input(&args.mask, &[&args.model])?;
    }
    picture::check(args)?;
    let network = monai || (!nnunet && NetworkBundle::is_one(&args.model));
    refuse_options(args, nnunet, network)?;
    let device = choose_device(args.device.as_deref().unwrap_or("auto"), args.device.is_some(), console)?;
    if nnunet {
        let request = nnunet::Request {
            model: &args.model,
            image: &args.image,
            mask: &args.mask,
            series: &args.series,
            options: &args.nnunet,
            bits: args.uncertainty.bits(),
            dry_run: args.dry_run,
            json: args.json,
        };
        within_memory_of(&device, || nnunet::predict(&request, &device.device, console))?;
        return drawn(args, console);
    }
    if network {
        within_memory_of(&device, || network::predict(args, &device.device, console))?;
        return drawn(args, console);
    }
    within_memory_of(&device, || predict(&device, args, console))?;
    drawn(args, console)
}

/// Draws the picture if one is wanted.
fn drawn(args: &Args, console: &mut Console) -> Result<(), CliError> {
    match &args.picture {
        Some(path) if !args.dry_run => picture::write(args, path, console),
        _ => Ok(()),
    }
}

/// Refuses options that this kind of model would leave unread.
fn refuse_options(args: &Args, nnunet: bool, network: bool) -> Result<(), CliError> {
    let model = args.model.display();
    if nnunet && args.uncertainty.is_any() {
        let options = "--save-entropy, --certainty, --mirror and --temperature";
        return Err(CliError::Usage(format!("{options} are for bundles, and {model} is a model of nnU-Net")));
    }
    if !nnunet && !network && args.uncertainty.temperature.is_some() {
        let reason = "--temperature is for bundles of any network, which `medseg calibrate` reads too";
        return Err(CliError::Usage(format!("{reason}, and {model} is none")));
    }
    if !network && !nnunet && !args.nnunet.folds.is_empty() {
        let options = "--folds is for bundles of any network and models of nnU-Net";
        return Err(CliError::Usage(format!("{options}, and {model} is neither")));
    }
    Ok(())
}

fn predict(device: &Chosen, args: &Args, console: &mut Console) -> Result<(), CliError> {
    let mut bundle = open_bundle(&args.model, &device.device)?;
    if args.bf16 {
        bundle = bundle.with_precision(Precision::Bf16);
    }
    if args.uncertainty.mirror {
        bundle = bundle.with_mirror(Dhw::splat(true));
    }
    bundle = bundle.with_wanted(extras::wanted(args));
    let classes = classes_of(&bundle);
    extras::check(args, &classes)?;
    // The plan comes before the voxels: they may be what does not fit.
    let mut plan = None;
    if !image::is_series(&args.image) {
        let info = read_info(&args.image)?;
        plan = Some(planned(&mut bundle, info.shape, &info.geometry, args.memory)?);
        print_plan(plan.as_ref(), device, console)?;
        if args.dry_run {
            return print_json(args, &bundle, plan.as_ref(), None);
        }
    }
    let image = image::read_image(&args.image, &args.series, console)?;
    if plan.is_none() {
        plan = Some(planned(&mut bundle, image.shape(), &image.geometry, args.memory)?);
        print_plan(plan.as_ref(), device, console)?;
        if args.dry_run {
            return print_json(args, &bundle, plan.as_ref(), None);
        }
    }
    let mut progress = WindowProgress::new(console);
    let prediction = bundle.predict_owned(image, &mut progress)?;
    progress.end();
    save(&args.mask, &prediction.mask)?;
    let (probabilities, entropy) = (prediction.probabilities.as_ref(), prediction.entropy.as_ref());
    extras::write(args, &classes, probabilities, entropy, &prediction.mask.geometry)?;
    print_result(&bundle, &prediction.report, &args.mask, console);
    extras::print(prediction.certainty, console);
    print_json(args, &bundle, plan.as_ref(), Some(&prediction))
}

/// Prints the plan, with a warning where the memory that is free may not suffice.
///
/// # Errors
/// A prediction that this computer's memory cannot hold.
fn print_plan(plan: Option<&PredictionPlan>, chosen: &Chosen, console: &mut Console) -> Result<(), CliError> {
    let Some(plan) = plan else { return Ok(()) };
    console.message(&plan.to_string());
    let advice = "--memory lowers the windows at once";
    check_host_memory("this prediction", plan.memory.on_host(), advice, console)?;
    let needed = plan.memory.network + plan.memory.stitching;
    if let Some(memory) = free_memory(&chosen.device).filter(|memory| memory.free < needed) {
        let (needed, free) = (needed >> 20, memory.free >> 20);
        console.warning(&format!(
            "about {needed} MiB are needed and {} has {free} MiB free; --memory lowers the windows at once, --bf16 halves the \
             network's part",
            chosen.name,
        ));
    }
    Ok(())
}

/// The plan, within the budget if there is one.
fn planned(
    bundle: &mut Bundle,
    shape: Dhw<usize>,
    geometry: &Geometry,
    memory_mib: Option<u64>,
) -> Result<PredictionPlan, CliError> {
    Ok(match memory_mib {
        Some(mib) => bundle.fit_memory(shape, geometry, mib.saturating_mul(1 << 20))?,
        None => bundle.plan(shape, geometry)?,
    })
}

/// Writes the mask; where that fails, on a full disk for example, beside the system's temporary files, so that the work is not lost.
fn save(path: &Path, mask: &Volume<u8>) -> Result<(), CliError> {
    let Err(error) = write_label(path, mask) else { return Ok(()) };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let refuge = std::env::temp_dir().join(format!("{}-{name}", std::process::id()));
    let error = error_chain(&error);
    Err(CliError::Failed(match write_label(&refuge, mask) {
        Ok(()) => format!("{error}; the mask is in {} instead", refuge.display()),
        Err(_) => error,
    }))
}

/// Prints the volumes that were found, and oddities of the cascade.
fn print_result(bundle: &Bundle, report: &PredictionReport, path: &Path, console: &mut Console) {
    if let Some(cascade) = &report.cascade {
        if cascade.roi_grown > 0 {
            let times = cascade.roi_grown;
            console.message(&format!("the mask reached the face of the coarse box, which grew {times} time(s)"));
        }
        if let Some(reason) = cascade.fallback {
            console.warning(&format!("the whole image was searched: {reason}"));
        }
    }
    let found: Vec<String> =
        report.volumes_ml.iter().map(|(label, ml)| format!("{} {ml:.1} ml", name_of(bundle, *label))).collect();
    let found = if found.is_empty() { "nothing".into() } else { found.join(", ") };
    console.message(&format!("found {found} in {:.1} s, written to {}", report.seconds, path.display()));
}

/// Classes of the network that draws the mask, by the mask's values.
fn classes_of(bundle: &Bundle) -> Classes {
    let config = bundle.config();
    let value = |class: usize| {
        let class = u8::try_from(class).unwrap_or(u8::MAX);
        usize::from(config.label_values.get(&class).copied().unwrap_or(class))
    };
    let name = |label: usize| match u8::try_from(label) {
        Ok(0) | Err(_) => "background".into(),
        Ok(label) => name_of(bundle, label),
    };
    Classes::new(config.stages.out_channels(), value, name)
}

fn name_of(bundle: &Bundle, label: u8) -> String {
    bundle.config().labels.get(&label).cloned().unwrap_or_else(|| format!("label {label}"))
}

/// With `--json`, prints plan and result as one object.
fn print_json(
    args: &Args,
    bundle: &Bundle,
    plan: Option<&PredictionPlan>,
    found: Option<&Prediction>,
) -> Result<(), CliError> {
    if !args.json {
        return Ok(());
    }
    let plan = plan.map(|plan| {
        serde_json::json!({
            "image": plan.image.to_array(), "windows": plan.windows, "batch": plan.batch, "flops": plan.flops,
            "memory_bytes": plan.memory.total(),
        })
    });
    let mut result = serde_json::json!({
        "image": args.image.display().to_string(),
        "mask": found.map(|_| args.mask.display().to_string()),
        "plan": plan,
    });
    if let Some(Prediction { report, certainty, .. }) = found {
        let names = report.volumes_ml.keys().map(|label| (label.to_string(), name_of(bundle, *label).into()));
        result["labels"] = names.collect::<serde_json::Map<_, _>>().into();
        result["volumes_ml"] = serde_json::to_value(&report.volumes_ml)?;
        result["cascade"] = serde_json::to_value(&report.cascade)?;
        result["certainty"] = serde_json::to_value(certainty)?;
        result["seconds"] = report.seconds.into();
    }
    output::result(result)
}
