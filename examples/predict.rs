//! Segments one image: `cargo run --example predict -- BUNDLE_OR_RUN IMAGE MASK`.

mod cli;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use medseg::bundle::{Bundle, PredictionPlan, PredictionReport};
use medseg::device::{Chosen, free_memory};
use medseg::train::{Observer, TrainError, WindowProgress, open_bundle};
use medseg::unet::Precision;
use medseg::volume::{Dhw, Geometry, Volume, read_image, read_info, write_label};

/// Segments one image with a bundle or a trained run; the mask has the image's geometry.
#[derive(Debug, Parser)]
struct Options {
    /// A bundle, or the output folder of one_stage or two_stage
    bundle: PathBuf,
    /// Image to segment: .nii or .nii.gz, or the folder of a DICOM series (feature `dicom`)
    image: PathBuf,
    /// Mask to write (.nii or .nii.gz)
    mask: PathBuf,
    /// auto, cpu, ndarray, cuda, cuda:N, webgpu or webgpu:N (default: auto)
    #[arg(long)]
    device: Option<String>,
    /// Products of the convolutions in bf16: faster on a CPU with AVX512-BF16, nearly the same mask
    #[arg(long)]
    bf16: bool,
    /// Memory that may be used, in MiB: fewer windows at once, or an error with the number needed
    #[arg(long, value_name = "MIB")]
    memory: Option<u64>,
    /// Say what would be done, and stop
    #[arg(long)]
    dry_run: bool,
}

fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(e) => {
            let _ = e.print();
            return ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(2));
        }
    };
    match predict(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            let usage = e.downcast_ref::<TrainError>().is_some_and(TrainError::is_usage);
            ExitCode::from(if usage { 2 } else { 1 })
        }
    }
}

fn predict(options: &Options) -> Result<(), Box<dyn Error>> {
    check_mask(&options.mask)?;
    let device = cli::choose_device(options.device.as_deref().unwrap_or("auto"), options.device.is_some())?;
    cli::within_memory_of(&device, || predict_on(&device, options))
}

fn predict_on(device: &Chosen, options: &Options) -> Result<(), Box<dyn Error>> {
    let mut bundle = open_bundle(&options.bundle, &device.device)?;
    if options.bf16 {
        bundle = bundle.with_precision(Precision::Bf16);
    }
    let mut bar = cli::Bar::new();
    let image = if options.image.is_dir() {
        let image = read_folder(&options.image)?;
        say(&plan(&mut bundle, image.shape(), &image.geometry, options.memory)?, device, &mut bar);
        image
    } else {
        // The plan comes before the voxels: they may be what does not fit.
        let info = read_info(&options.image)?;
        say(&plan(&mut bundle, info.shape, &info.geometry, options.memory)?, device, &mut bar);
        if options.dry_run {
            return Ok(());
        }
        read_image(&options.image)?
    };
    if options.dry_run {
        return Ok(());
    }
    let mut progress = WindowProgress::new(&mut bar);
    let prediction = bundle.predict_owned(image, &mut progress)?;
    progress.end();
    save(&options.mask, &prediction.mask)?;
    tell(&bundle, &prediction.report, &options.mask, &mut bar);
    Ok(())
}

/// Says what is to be done, and warns where the network and its windows need more memory than the device has free.
fn say(plan: &PredictionPlan, chosen: &Chosen, bar: &mut cli::Bar) {
    bar.message(&plan.to_string());
    let needed = plan.memory.network + plan.memory.stitching;
    if let Some(memory) = free_memory(&chosen.device).filter(|memory| memory.free < needed) {
        bar.warn(&format!(
            "about {} MiB are needed and {} has {} MiB free; --memory lowers the windows at once, --bf16 halves the network's part",
            needed >> 20,
            chosen.name,
            memory.free >> 20
        ));
    }
}

/// What is to be done, within the budget if there is one.
fn plan(
    bundle: &mut Bundle,
    shape: Dhw<usize>,
    geometry: &Geometry,
    memory_mib: Option<u64>,
) -> Result<PredictionPlan, Box<dyn Error>> {
    Ok(match memory_mib {
        Some(mib) => bundle.fit_memory(shape, geometry, mib.saturating_mul(1 << 20))?,
        None => bundle.plan(shape, geometry)?,
    })
}

/// Refuses a mask that cannot be written before hours are spent on it.
fn check_mask(path: &Path) -> Result<(), Box<dyn Error>> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if !(name.ends_with(".nii") || name.ends_with(".nii.gz")) {
        return Err(TrainError::Config(format!("{}: a mask's name ends in .nii or .nii.gz", path.display())).into());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(format!("cannot write {}: there is no folder {}", path.display(), folder.display()).into());
    }
    Ok(())
}

/// Writes the mask; where that fails, for want of space say, beside the system's temporary files, so that the work is not lost.
fn save(path: &Path, mask: &Volume<u8>) -> Result<(), Box<dyn Error>> {
    let Err(error) = write_label(path, mask) else { return Ok(()) };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let refuge = std::env::temp_dir().join(format!("{}-{name}", std::process::id()));
    Err(match write_label(&refuge, mask) {
        Ok(()) => format!("{error}; the mask is in {} instead", refuge.display()).into(),
        Err(_) => error.into(),
    })
}

/// Says what was found and which way.
fn tell(bundle: &Bundle, report: &PredictionReport, path: &Path, bar: &mut cli::Bar) {
    if let Some(cascade) = &report.cascade {
        if cascade.roi_grown > 0 {
            bar.message(&format!(
                "the mask reached the face of the coarse box, which grew {} time(s)",
                cascade.roi_grown
            ));
        }
        if let Some(reason) = cascade.fallback {
            bar.warn(&format!("the whole image was searched: {reason}"));
        }
    }
    let name = |label: &u8| bundle.config().labels.get(label).cloned().unwrap_or_else(|| format!("label {label}"));
    let found: Vec<String> =
        report.volumes_ml.iter().map(|(label, ml)| format!("{} {ml:.1} ml", name(label))).collect();
    let found = if found.is_empty() { "nothing".into() } else { found.join(", ") };
    bar.message(&format!("found {found} in {:.1} s, written to {}", report.seconds, path.display()));
}

#[cfg(feature = "dicom")]
fn read_folder(folder: &Path) -> Result<Volume<f32>, Box<dyn Error>> {
    Ok(medseg::volume::dicom::read_series(folder)?)
}

#[cfg(not(feature = "dicom"))]
fn read_folder(folder: &Path) -> Result<Volume<f32>, Box<dyn Error>> {
    let what = "is a folder; a DICOM series needs a build with `--features dicom`";
    Err(TrainError::Config(format!("{} {what}", folder.display())).into())
}
