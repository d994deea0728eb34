//! `medseg predict` with a model of nnU-Net.

use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::tensor::Device;
use medseg_files::FolderLock;
use medseg_nnunet::window::Sums;
use medseg_nnunet::{
    CHECKPOINT, CaseImage, Fold, Model, ModelPlan, Postprocessing, PredictOptions, Segmentation, read_case,
};
use medseg_train::Observer;
use medseg_transforms::all_finite;
use medseg_volume::{VOLUME_ENDINGS, error_chain};

use crate::console::Console;
use crate::image::{self, SeriesArgs};
use crate::{CliError, output, paths};

/// Options for models of nnU-Net.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Models of nnU-Net")]
pub struct NnUnetArgs {
    /// Folds to average: numbers or `all` (default: every numbered fold that is there)
    #[arg(long, value_name = "0,1", value_delimiter = ',', value_parser = fold)]
    folds: Vec<Fold>,
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
    /// Mask of a cascade's stage before
    #[arg(long, value_name = "MASK")]
    previous: Option<PathBuf>,
}

fn fold(text: &str) -> Result<Fold, String> {
    match text {
        "all" => Ok(Fold::All),
        number => number.parse().map(Fold::Number).map_err(|_| "a fold is a number or `all`".into()),
    }
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
    pub dry_run: bool,
    pub json: bool,
}

/// Segments one case, or a folder of cases.
///
/// # Errors
/// A model that cannot be opened, an image that does not fit it, and what prediction fails with.
pub fn predict(request: &Request<'_>, device: &Device, console: &mut Console) -> Result<(), CliError> {
    let options = request.options;
    let folds = (!options.folds.is_empty()).then_some(options.folds.as_slice());
    let model = Model::open_with(request.model, folds, &options.checkpoint, device)?;
    let cases = cases_in(request.image)?;
    if cases.is_empty() {
        if request.image.is_dir() && paths::check_volume_output(request.mask).is_err() {
            let folder = request.image.display();
            let expected = "no case NAME_0000 with the ending of a volume; for a DICOM series the mask is a file";
            return Err(CliError::Usage(format!("{folder} holds {expected}")));
        }
        return one(request, &model, console);
    }
    paths::refuse_folder_over_input(request.mask, request.image)?;
    let _lock = FolderLock::acquire(request.mask)?;
    let ending = &model.folder().dataset.file_ending;
    let mut failed = 0;
    for (case, image) in &cases {
        let mask = request.mask.join(format!("{case}{ending}"));
        if let Err(error) = one(&Request { image, mask: &mask, ..*request }, &model, console) {
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

/// Names and first channels of the cases in a folder, `NAME_0000` with the ending of a volume; none for anything else.
fn cases_in(folder: &Path) -> Result<Vec<(String, PathBuf)>, CliError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some((stem, _)) = split_ending(&name)
            && let Some(case) = stem.strip_suffix("_0000").filter(|case| !case.starts_with('.'))
        {
            cases.push((case.to_string(), path.clone()));
        }
    }
    cases.sort();
    Ok(cases)
}

/// A file's name without the ending of a volume, and the ending.
fn split_ending(name: &str) -> Option<(&str, &str)> {
    let ending = VOLUME_ENDINGS.iter().filter(|ending| name.to_ascii_lowercase().ends_with(*ending));
    ending.max_by_key(|ending| ending.len()).map(|ending| name.split_at(name.len() - ending.len()))
}

/// Segments one case.
fn one(request: &Request<'_>, model: &Model, console: &mut Console) -> Result<(), CliError> {
    let options = request.options;
    paths::check_volume_output(request.mask)?;
    let image = if image::is_series(request.image) {
        let volume = image::read_image(request.image, request.series, console)?;
        CaseImage::from_volume(volume, model.reader())
    } else {
        let files = channel_files(request.image, model.folder().dataset.channels.len())?;
        let inputs: Vec<&Path> = files.iter().map(PathBuf::as_path).chain(options.previous.as_deref()).collect();
        paths::refuse_output_over_input(request.mask, &inputs)?;
        read_case(&files, model.reader()).map_err(|error| CliError::failed(&error))?
    };
    if !all_finite(&image.data) {
        let shown = request.image.display();
        return Err(CliError::Failed(format!("{shown}: the image has voxels that are not finite numbers")));
    }
    let settings = PredictOptions::default()
        .with_mirroring(!options.disable_tta)
        .with_step_size(options.step_size)
        .with_sums(if options.fast { Sums::Fast } else { Sums::Half });
    let case = model.prepare(image, options.previous.as_deref())?;
    let plan = model.plan(&case, &settings)?;
    console.message(&plan.to_string());
    if request.dry_run {
        return print_json(request, &plan, None);
    }
    let started = Instant::now();
    console.begin("windows", plan.windows);
    let cleaning = options.postprocessing.as_deref().map(postprocessing).transpose()?;
    let mut found = model.segment(&case, &settings, &mut |done, _| {
        console.advance(done, "");
        ControlFlow::Continue(())
    })?;
    console.end();
    if let Some(steps) = cleaning {
        steps.apply(&mut found.mask);
    }
    found.write(request.mask)?;
    let named: Vec<String> = volumes(model, &found).map(|(name, ml)| format!("{name} {ml:.1} ml")).collect();
    let named = if named.is_empty() { "nothing".into() } else { named.join(", ") };
    let seconds = started.elapsed().as_secs_f64();
    console.message(&format!("found {named} in {seconds:.1} s, written to {}", request.mask.display()));
    print_json(request, &plan, Some((model, &found, seconds)))
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

/// Names and volumes of the labels found.
fn volumes<'a>(model: &'a Model, found: &Segmentation) -> impl Iterator<Item = (String, f64)> + 'a {
    let labels = &model.folder().dataset.labels;
    found.volumes_ml().into_iter().map(move |(value, ml)| {
        let name = labels.iter().find(|label| label.values == [u32::from(value)]).map(|label| label.name.clone());
        (name.unwrap_or_else(|| format!("label {value}")), ml)
    })
}

/// The files of all channels: the image itself, or `NAME_0000` and its numbered neighbours.
fn channel_files(image: &Path, channels: usize) -> Result<Vec<PathBuf>, CliError> {
    if channels == 1 {
        return Ok(vec![image.to_path_buf()]);
    }
    let name = image.file_name().unwrap_or_default().to_string_lossy();
    let (stem, ending) = split_ending(&name).unwrap_or((&name, ""));
    let Some(case) = stem.strip_suffix("_0000") else {
        let image = image.display();
        return Err(CliError::Usage(format!(
            "{image}: the model takes {channels} channels; name the first as NAME_0000, with NAME_0001 and so on beside it"
        )));
    };
    Ok((0..channels).map(|number| image.with_file_name(format!("{case}_{number:04}{ending}"))).collect())
}

fn print_json(
    request: &Request<'_>,
    plan: &ModelPlan,
    found: Option<(&Model, &Segmentation, f64)>,
) -> Result<(), CliError> {
    if !request.json {
        return Ok(());
    }
    let mut result = serde_json::json!({
        "image": request.image.display().to_string(),
        "mask": found.map(|_| request.mask.display().to_string()),
        "plan": {
            "grid": plan.grid, "patch": plan.patch, "folds": plan.folds, "windows": plan.windows, "passes": plan.passes,
            "flops": plan.flops, "sums_bytes": plan.sums_bytes,
        },
    });
    if let Some((model, found, seconds)) = found {
        let labels = &model.folder().dataset.labels;
        let named = labels
            .iter()
            .flat_map(|label| label.values.iter().map(|value| (value.to_string(), label.name.clone().into())));
        result["labels"] = named.collect::<serde_json::Map<_, _>>().into();
        result["volumes_ml"] = serde_json::to_value(found.volumes_ml())?;
        result["seconds"] = seconds.into();
    }
    output::result(result)
}
