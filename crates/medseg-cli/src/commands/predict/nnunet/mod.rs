//! `medseg predict` with models of nnU-Net.

mod cases;
mod segmenter;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::tensor::Device;
use medseg_files::FolderLock;
use medseg_nnunet::window::Sums;
use medseg_nnunet::{CHECKPOINT, CaseImage, Fold, ModelPlan, Postprocessing, PredictOptions, read_case};
use medseg_train::Observer;
use medseg_transforms::all_finite;
use medseg_volume::{ProbabilityBits, error_chain};

use crate::console::Console;
use crate::image::{self, SeriesArgs};
use crate::{CliError, output, paths};
use cases::cases_in;
pub use cases::channel_files;
use segmenter::{Found, Segmenter, is_list};

/// Options for models of nnU-Net.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Models of nnU-Net")]
pub struct NnUnetArgs {
    /// Folds to average: numbers or `all` (default: every numbered fold that is there)
    #[arg(long, value_name = "0,1", value_delimiter = ',', help_heading = "Options")]
    pub folds: Vec<Fold>,
    /// Leave mirrored windows out: a mask of less care, up to 8 times as fast
    #[arg(long)]
    disable_tta: bool,
    /// Largest distance of neighbouring windows as a part of the patch
    #[arg(long, value_name = "PART", default_value_t = 0.5)]
    step_size: f64,
    /// Add windows in f32: a mask that differs from nnU-Net's in a few voxels where two labels are equally likely
    #[arg(long)]
    fast: bool,
    /// File name of the checkpoints
    #[arg(long, value_name = "NAME", default_value = CHECKPOINT)]
    checkpoint: String,
    /// Steps of a `postprocessing.json` that clean the mask; nnU-Net applies them by a command of its own
    #[arg(long, value_name = "FILE")]
    postprocessing: Option<PathBuf>,
    /// Mask of a cascade's stage before; for a folder of cases the folder with NAME.nii.gz of each
    #[arg(long, value_name = "MASK")]
    previous: Option<PathBuf>,
    /// Leave out the windows that do not touch this mask's voxels other than 0: faster, and labels within it stay the same; for
    /// a folder of cases the folder with NAME.nii.gz of each
    #[arg(long, value_name = "MASK")]
    region: Option<PathBuf>,
    /// Write a volume of probabilities for each class to this folder; for a folder of cases, to a folder in it for each case
    #[arg(long, value_name = "FOLDER", help_heading = "Probabilities")]
    pub save_probabilities: Option<PathBuf>,
}

impl NnUnetArgs {
    fn settings(&self) -> PredictOptions {
        PredictOptions::default()
            .with_mirroring(!self.disable_tta)
            .with_step_size(self.step_size)
            .with_sums(if self.fast { Sums::Fast } else { Sums::Half })
    }
}

/// True for a model of nnU-Net, and for a list of them.
pub fn is_model(model: &Path) -> bool {
    is_list(model) || medseg_nnunet::is_model(model)
}

/// One prediction.
pub struct Request<'a> {
    pub model: &'a Path,
    /// A volume, a DICOM series, or a folder of cases.
    pub image: &'a Path,
    /// A volume, or a folder for a folder of cases.
    pub mask: &'a Path,
    pub series: &'a SeriesArgs,
    pub options: &'a NnUnetArgs,
    /// Size of stored probabilities.
    pub bits: ProbabilityBits,
    pub dry_run: bool,
    pub json: bool,
}

/// Segments one case, or a folder of cases.
///
/// # Errors
/// A model that cannot be opened, an image that does not fit it, and what prediction fails with.
pub fn predict(request: &Request<'_>, device: &Device, console: &mut Console) -> Result<(), CliError> {
    let segmenter = Segmenter::open(request.model, request.options, device)?;
    let cases = cases_in(request.image)?;
    if cases.is_empty() {
        if request.image.is_dir() && paths::check_volume_output(request.mask).is_err() {
            let folder = request.image.display();
            let expected = "no case NAME_0000 with the ending of a volume; for a DICOM series the mask is a file";
            return Err(CliError::Usage(format!("{folder} holds {expected}")));
        }
        return one(request, &segmenter, console);
    }
    paths::refuse_folder_over_input(request.mask, request.image)?;
    for masks in [&request.options.previous, &request.options.region].into_iter().flatten() {
        if !masks.is_dir() {
            let masks = masks.display();
            return Err(CliError::Usage(format!("{masks} is no folder: each case needs a mask of its own")));
        }
        paths::refuse_folder_over_input(request.mask, masks)?;
    }
    let _lock = FolderLock::acquire(request.mask)?;
    let mut failed = 0;
    for (case, image) in &cases {
        let mask = request.mask.join(format!("{case}{}", segmenter.file_ending()));
        let mut options = request.options.clone();
        options.save_probabilities = options.save_probabilities.map(|folder| folder.join(case));
        for masks in [&mut options.previous, &mut options.region].into_iter().flatten() {
            masks.push(format!("{case}{}", segmenter.file_ending()));
        }
        let request = Request { image, mask: &mask, options: &options, ..*request };
        if let Err(error) = one(&request, &segmenter, console) {
            let (CliError::Usage(text) | CliError::Failed(text)) = error;
            console.warning(&format!("case {case}: {text}"));
            failed += 1;
        }
    }
    match failed {
        0 => Ok(()),
        _ => Err(CliError::Failed(format!("{failed} of {} cases were not segmented; see above", cases.len()))),
    }
}

/// Segments one case.
fn one(request: &Request<'_>, segmenter: &Segmenter, console: &mut Console) -> Result<(), CliError> {
    let options = request.options;
    paths::check_volume_output(request.mask)?;
    let image = if image::is_series(request.image) {
        let volume = image::read_image(request.image, request.series, console)?;
        CaseImage::from_volume(volume, segmenter.reader())
    } else {
        let files = channel_files(request.image, segmenter.channels())?;
        let masks = [&options.previous, &options.region].into_iter().flatten();
        let inputs: Vec<&Path> = files.iter().chain(masks).map(PathBuf::as_path).collect();
        paths::refuse_output_over_input(request.mask, &inputs)?;
        read_case(&files, segmenter.reader()).map_err(|error| CliError::failed(&error))?
    };
    if !all_finite(&image.data) {
        let shown = request.image.display();
        return Err(CliError::Failed(format!("{shown}: the image has voxels that are not finite numbers")));
    }
    if request.dry_run {
        let plans = segmenter.plans(image, options, console)?;
        return print_json(request, &plans, None);
    }
    let started = Instant::now();
    let cleaning = options.postprocessing.as_deref().map(postprocessing).transpose()?;
    if let Some(folder) = &options.save_probabilities {
        paths::refuse_folder_over_input(folder, request.image)?;
        let made = std::fs::create_dir_all(folder);
        made.map_err(|error| CliError::Failed(format!("cannot write {}: {error}", folder.display())))?;
    }
    let mut found = segmenter.segment(image, options, console)?;
    if let Some(steps) = cleaning {
        steps.apply(&mut found.segmentation.mask);
    }
    found.segmentation.write(request.mask)?;
    if let (Some(folder), Some(probabilities)) = (&options.save_probabilities, &found.probabilities) {
        probabilities.write(folder, request.bits)?;
    }
    let named: Vec<String> = found
        .segmentation
        .volumes_ml()
        .into_iter()
        .map(|(label, ml)| format!("{} {ml:.1} ml", name_of(segmenter, label)))
        .collect();
    let named = if named.is_empty() { "nothing".into() } else { named.join(", ") };
    let seconds = started.elapsed().as_secs_f64();
    console.message(&format!("found {named} in {seconds:.1} s, written to {}", request.mask.display()));
    print_json(request, &found.plans, Some((segmenter, &found, seconds)))
}

/// The steps of a `postprocessing.json`.
fn postprocessing(path: &Path) -> Result<Postprocessing, CliError> {
    /// Such a file has a few lines.
    const LONGEST: u64 = 1 << 20;
    let shown = path.display();
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST).read_to_string(&mut text));
    read.map_err(|error| CliError::Failed(format!("cannot read {shown}: {error}")))?;
    Postprocessing::from_json(&text).map_err(|error| CliError::Failed(format!("{shown}: {}", error_chain(&error))))
}

fn name_of(segmenter: &Segmenter, label: u16) -> String {
    segmenter.label_name(label).map_or_else(|| format!("label {label}"), str::to_owned)
}

/// With `--json`, prints the models' plans and the result as one object.
fn print_json(
    request: &Request<'_>,
    plans: &[ModelPlan],
    found: Option<(&Segmenter, &Found, f64)>,
) -> Result<(), CliError> {
    if !request.json {
        return Ok(());
    }
    let plan = |plan: &ModelPlan| {
        serde_json::json!({
            "grid": plan.grid, "patch": plan.patch, "folds": plan.folds, "windows": plan.windows, "passes": plan.passes,
            "flops": plan.flops, "memory_bytes": plan.memory_bytes(),
        })
    };
    let mut result = serde_json::json!({
        "image": request.image.display().to_string(),
        "mask": found.map(|_| request.mask.display().to_string()),
        "plans": plans.iter().map(plan).collect::<Vec<_>>(),
    });
    if let Some((segmenter, found, seconds)) = found {
        let volumes = found.segmentation.volumes_ml();
        let names = volumes.keys().map(|label| (label.to_string(), name_of(segmenter, *label).into()));
        result["labels"] = names.collect::<serde_json::Map<_, _>>().into();
        result["volumes_ml"] = serde_json::to_value(&volumes)?;
        result["seconds"] = seconds.into();
    }
    output::result(result)
}
