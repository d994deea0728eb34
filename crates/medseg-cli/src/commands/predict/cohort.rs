//! A cohort of images and a folder of masks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use medseg_cohort::{
    Case, CaseError, CaseFiles, CaseImage, CaseStatus, CaseSummary, Channels, Cohort, CohortFolder, FindOptions, Part,
    PassedOverCause, Retry, RunIdentity, RunOptions, RunReport, Staging, TableRow, Verify, find, merge,
};
use medseg_device::{Chosen, host_memory};
use medseg_files::{FileDigest, plain_name};
use medseg_train::Observer;
use medseg_volume::{read_info, write_image};

use super::Args;
use super::extras::{self, Classes};
use super::found::Found;
use super::input::{Input, InputKind};
use super::model::{Model, Predicted, name_of};
use super::model_digest::model_digest;
use super::nnunet::CaseMasks;
use super::output::{Naming, OutputArgs};
use crate::console::Console;
use crate::{CliError, interrupt, output, paths};

/// Images that were read ahead take no more than this part of the computer's memory.
const READ_AHEAD_SHARE: u64 = 4;

/// Options for a folder of masks.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Many images")]
pub struct CohortArgs {
    /// Files to write for each image: nii.gz, nii, nrrd, seg.nrrd, nhdr, mha, mhd, dcm (DICOM segmentation), rtstruct, stl,
    /// obj, entropy, probabilities
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    outputs: Vec<FileKind>,
    /// The part of the cases to do, from 1 to --parts
    #[arg(long, requires = "parts")]
    part: Option<u32>,
    /// Number of parts, for as many jobs
    #[arg(long, requires = "part")]
    parts: Option<u32>,
    /// Do the cases of --part first, then help with the others
    #[arg(long, requires = "part")]
    steal: bool,
    /// Compare inputs and outputs of done cases by their whole content, not by length and times
    #[arg(long)]
    verify: bool,
    /// Leave out cases that failed before
    #[arg(long)]
    skip_failed: bool,
    /// Images to read ahead
    #[arg(long, value_name = "NUMBER", default_value_t = 2)]
    read_ahead: usize,
}

/// Files for each image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FileKind {
    #[value(name = "nii.gz")]
    NiiGz,
    Nii,
    Nrrd,
    #[value(name = "seg.nrrd")]
    SegNrrd,
    Nhdr,
    Mha,
    Mhd,
    Dcm,
    Rtstruct,
    Stl,
    Obj,
    Entropy,
    Probabilities,
}

impl FileKind {
    /// The ending of the file's name; probabilities have one for each class.
    fn ending(self) -> &'static str {
        match self {
            Self::NiiGz => ".nii.gz",
            Self::Nii => ".nii",
            Self::Nrrd => ".nrrd",
            Self::SegNrrd => ".seg.nrrd",
            Self::Nhdr => ".nhdr",
            Self::Mha => ".mha",
            Self::Mhd => ".mhd",
            Self::Dcm => ".dcm",
            Self::Rtstruct => "_rtstruct.dcm",
            Self::Stl => ".stl",
            Self::Obj => ".obj",
            Self::Entropy => "_entropy.nii.gz",
            Self::Probabilities => "_probability_",
        }
    }

    /// Endings of all files: a detached header has its voxels beside it.
    fn endings(self, classes: &[(usize, String)]) -> Vec<String> {
        match self {
            Self::Probabilities => classes
                .iter()
                .map(|(label, name)| format!("{}{label:02}_{}.nii.gz", self.ending(), plain_name(name)))
                .collect(),
            Self::Nhdr => vec![".nhdr".into(), ".raw.gz".into()],
            Self::Mhd => vec![".mhd".into(), ".zraw".into()],
            kind => vec![kind.ending().into()],
        }
    }
}

impl CohortArgs {
    /// Refuses options that are left unread for a single image.
    pub fn refuse_any(&self) -> Result<(), CliError> {
        let any = !self.outputs.is_empty() || self.part.is_some() || self.verify || self.skip_failed;
        if any {
            let options = "--outputs, --part, --parts, --verify and --skip-failed";
            return Err(CliError::Usage(format!("{options} are for a folder of masks, and the output is a file")));
        }
        Ok(())
    }

    /// True if these files are among the wanted ones.
    pub fn wants(&self, kind: FileKind) -> bool {
        self.outputs.contains(&kind)
    }
}

/// True if the output is a folder: one that is there, or a name without the ending of a file.
pub fn is_folder(output: &Path) -> bool {
    output.is_dir() || (!paths::is_mask_name(output) && output.extension().is_none())
}

/// Refuses options that are for a single image.
pub fn check(args: &Args) -> Result<(), CliError> {
    let OutputArgs { also, rtstruct, surface, .. } = &args.output;
    let single = !also.is_empty() || rtstruct.is_some() || surface.is_some() || args.picture.is_some();
    let single = single || args.uncertainty.certainty;
    if single || args.uncertainty.save_entropy.is_some() || args.nnunet.save_probabilities.is_some() {
        let options = "--also, --rtstruct, --surface, --picture, --certainty, --save-entropy and --save-probabilities";
        let reason = "are for a single image; for a folder of masks name the files by --outputs";
        return Err(CliError::Usage(format!("{options} {reason}")));
    }
    if args.series.uid().is_some() {
        return Err(CliError::Usage("--series is for a single image; of many images every series is segmented".into()));
    }
    for masks in [&args.nnunet.previous, &args.nnunet.region].into_iter().flatten() {
        if !masks.is_dir() {
            let masks = masks.display();
            return Err(CliError::Usage(format!("{masks} is no folder: each case needs a mask of its own")));
        }
        paths::refuse_folder_over_input(&args.mask, masks)?;
    }
    if args.image.is_dir() {
        paths::refuse_folder_over_input(&args.mask, &args.image)?;
    }
    Ok(())
}

/// Segments all images.
///
/// # Errors
/// A model that cannot be opened, no image, and at the end images that failed.
pub fn run(args: &Args, device: &Chosen, console: &mut Console) -> Result<(), CliError> {
    let options = &args.cohort;
    let mut model = Model::open(args, device)?;
    let kind = model.input();
    let numbered = matches!(kind, InputKind::NnUnet(..)) || kind.channels() > 1;
    let channels = match kind {
        InputKind::NnUnet(_, channels) => Channels::Numbered(channels),
        InputKind::Channels(channels @ 2..) => Channels::NumberedOrTogether(channels),
        InputKind::Channels(_) | InputKind::Volume => Channels::Single,
    };
    let mut finding = FindOptions::default().with_channels(channels).with_output(&args.mask);
    let part = options.part.zip(options.parts).map(|(part, parts)| Part::new(part, parts)).transpose()?;
    if let Some(part) = part.filter(|_| !options.steal) {
        finding = finding.with_part(part);
    }
    let mut found = find(&[&args.image], &finding)?;
    if let Some(part) = part.filter(|_| options.steal) {
        found = found.starting_with(part);
    }
    if found.cases.is_empty() && part.is_none() {
        return Err(nothing_found(args, numbered, &found.passed_over));
    }
    let incomplete = found.passed_over.iter().filter(|input| is_failure(&input.reason)).count();
    let cases = found.cases.len();
    console.message(&format!("{cases} image(s) in {}", args.image.display()));
    let naming = Naming::new(&args.output, &args.model, model.label_names())?;
    let mut kinds = options.outputs.clone();
    if kinds.is_empty() {
        kinds.push(FileKind::NiiGz);
    }
    let mask_ending = match (&model, options.outputs.is_empty()) {
        (Model::NnUnet(model), true) => Some(model.file_ending().to_owned()),
        _ => None,
    };
    let classes = model.classes();
    if kinds.contains(&FileKind::Probabilities) && classes.is_none() {
        return Err(CliError::Usage("--outputs: a list of models gives no probabilities".into()));
    }
    if kinds.contains(&FileKind::Entropy) && matches!(model, Model::NnUnet(_)) {
        return Err(CliError::Usage("--outputs: models of nnU-Net give no entropy".into()));
    }
    if args.dry_run {
        return report_plan(args, cases, found.passed_over.len());
    }
    let identity = identity(args, &kinds)?;
    let files = Files { kind, kinds, mask_ending, classes, naming: &naming, args };
    let stop = Arc::new(AtomicBool::new(false));
    interrupt::set_when_interrupted(&stop)?;
    let (count, quiet) = (AtomicUsize::new(0), console.is_quiet());
    let progress = |row: &TableRow| {
        let is_case = usize::from(row.status != CaseStatus::PassedOver);
        let number = count.fetch_add(is_case, Ordering::Relaxed) + is_case;
        announce(row, number, cases, quiet);
    };
    let mut settings = RunOptions::default().with_read_ahead(options.read_ahead);
    if let Some(host) = host_memory() {
        settings = settings.with_input_bytes(host.total / READ_AHEAD_SHARE);
    }
    if options.verify {
        settings = settings.with_verify(Verify::Content);
    }
    if options.skip_failed {
        settings = settings.with_retry(Retry::None);
    }
    let cohort = Cohort::new(CohortFolder::new(&args.mask), identity).with_options(settings);
    let cohort = cohort.with_stop(Arc::clone(&stop)).with_progress(&progress);
    // Windows of one image are no news among many.
    let silent = &mut Console::new(true);
    let report = cohort.run(&found, &files, |case, input: (Input, CaseMasks)| {
        let (input, masks) = input;
        match model.predict(args, &masks, input.voxels, silent).map_err(case_error)? {
            Predicted::Found(found) => Ok(Done { found, series: input.series, warnings: input.warnings }),
            Predicted::Planned(_) => Err(format!("{}: only planned", case.id).into()),
        }
    })?;
    finish(args, &report, incomplete, console)
}

/// A result on its way to its files.
struct Done {
    found: Found,
    /// Files of the image's DICOM series.
    series: Vec<PathBuf>,
    warnings: Vec<String>,
}

/// Reading and writing of cases.
struct Files<'a> {
    kind: InputKind,
    kinds: Vec<FileKind>,
    /// The ending of masks, where it is not that of the first kind: nnU-Net's data sets have one of their own.
    mask_ending: Option<String>,
    classes: Option<Classes>,
    naming: &'a Naming,
    args: &'a Args,
}

impl Files<'_> {
    fn classes(&self) -> &[(usize, String)] {
        self.classes.as_ref().map_or(&[], |classes| &classes.0)
    }

    fn read_case(&self, case: &Case) -> Result<(Input, CaseMasks), CliError> {
        let ending = self.mask_ending.as_deref().unwrap_or(".nii.gz");
        let masks = CaseMasks::in_folders(&self.args.nnunet, &case.id, ending);
        // The cohort chose the series, so that the one of the options is not looked for in each of them.
        let choice = self.args.series.of_any_series();
        let input = match &case.image {
            CaseImage::Channels(files) => self.kind.read_files(files, &choice)?,
            CaseImage::Series(files) => self.kind.read_series(files, &choice)?,
        };
        Ok((input, masks))
    }

    fn write_case(&self, done: &Done, staging: &Staging) -> Result<(), CliError> {
        let Done { found, series, .. } = done;
        let choice = self.args.series.of_any_series();
        let outputs = self.naming.writer(&self.args.output, (series, &choice), found)?;
        if let Some(ending) = &self.mask_ending {
            return outputs.write_mask(&staging.file(ending), &found.mask);
        }
        for kind in &self.kinds {
            let path = staging.file(kind.ending());
            match kind {
                FileKind::Rtstruct => outputs.write_structure_set(&path, &found.mask)?,
                // A mask without a voxel has no surface; the case is none the worse.
                FileKind::Stl | FileKind::Obj if found.volumes_ml.is_empty() => {}
                FileKind::Stl | FileKind::Obj => outputs.write_surface(&path, &found.mask)?,
                FileKind::Entropy => {
                    if let Some(entropy) = &found.entropy {
                        write_image(&path, entropy)?;
                    }
                }
                FileKind::Probabilities => {
                    if let Some((scores, _)) = &found.probabilities {
                        let files: Vec<PathBuf> =
                            kind.endings(self.classes()).iter().map(|ending| staging.file(ending)).collect();
                        extras::write_classes(&files, scores, found.mask.geometry(), self.args.uncertainty.bits())?;
                    }
                }
                _ => outputs.write_mask(&path, &found.mask)?,
            }
        }
        Ok(())
    }
}

impl CaseFiles for Files<'_> {
    type Input = (Input, CaseMasks);
    type Output = Done;

    fn endings(&self) -> Vec<String> {
        match &self.mask_ending {
            Some(ending) => vec![ending.clone()],
            None => self.kinds.iter().flat_map(|kind| kind.endings(self.classes())).collect(),
        }
    }

    fn bytes(&self, case: &Case) -> u64 {
        let of_file = |path: &PathBuf| match read_info(path) {
            Ok(info) => 4 * info.shape.voxels() as u64,
            // DICOM, which has two bytes a voxel or fewer; a damaged file fails when it is read.
            Err(_) => 2 * path.metadata().map_or(0, |found| found.len()),
        };
        case.files().iter().map(of_file).fold(0, u64::saturating_add)
    }

    fn read(&self, case: &Case) -> Result<Self::Input, CaseError> {
        self.read_case(case).map_err(case_error)
    }

    fn write(&self, _: &Case, done: Done, staging: &Staging) -> Result<CaseSummary, CaseError> {
        self.write_case(&done, staging).map_err(case_error)?;
        let warnings = done.warnings.iter().chain(&done.found.warnings);
        let summary = warnings.fold(CaseSummary::default(), |summary, warning| summary.with_warning(warning));
        let volumes = done.found.volumes_ml.iter();
        Ok(volumes
            .fold(summary, |summary, (label, ml)| summary.with_volume_ml(name_of(self.naming.names(), *label), *ml)))
    }
}

fn case_error(error: CliError) -> CaseError {
    let (CliError::Usage(text) | CliError::Failed(text)) = error;
    // No space, no quota, a file system for reading only: as the system's error they end the run, which every other case
    // would fail for too.
    let full = [28, 122, 30].into_iter().find(|code| text.ends_with(&format!("(os error {code})")));
    match full {
        Some(code) if cfg!(target_os = "linux") => std::io::Error::from_raw_os_error(code).into(),
        _ => text.into(),
    }
}

/// The things besides an image that decide about its files.
fn identity(args: &Args, kinds: &[FileKind]) -> Result<RunIdentity, CliError> {
    let nnunet = &args.nnunet;
    let content = |path: &Option<PathBuf>| {
        let digest = path.as_ref().map(FileDigest::of).transpose();
        digest.map(|digest| digest.map_or_else(|| "none".into(), |digest| digest.sha256)).map_err(CliError::from)
    };
    let folder = |path: &Option<PathBuf>| format!("{:?}", path.as_ref().and_then(|path| path.canonicalize().ok()));
    let of = |kinds: &[FileKind]| kinds.iter().map(|kind| kind.ending()).collect::<Vec<_>>().join(",");
    let options = BTreeMap::from([
        ("outputs", of(kinds)),
        ("series", args.series.describe()),
        ("bf16", args.bf16.to_string()),
        ("mirror", args.uncertainty.mirror.to_string()),
        ("temperature", format!("{:?}", args.uncertainty.temperature)),
        ("probability_bits", format!("{:?}", args.uncertainty.bits())),
        ("nnunet", nnunet.describe()),
        ("postprocessing", content(&nnunet.postprocessing)?),
        ("previous", folder(&nnunet.previous)),
        ("region", folder(&nnunet.region)),
        ("segments", content(&args.output.segments)?),
        ("smooth", args.output.smooth.to_string()),
        ("label_map", args.output.label_map.to_string()),
    ]);
    let identity = RunIdentity::new(model_digest(&args.model)?);
    let identity = identity.with_program(concat!("medseg ", env!("CARGO_PKG_VERSION")));
    Ok(options.into_iter().fold(identity, |identity, (name, value)| identity.with_option(name, value)))
}

/// Prints a case's row.
fn announce(row: &TableRow, number: usize, cases: usize, quiet: bool) {
    let seconds: f64 = [row.seconds_read, row.seconds_process, row.seconds_write].into_iter().flatten().sum();
    let error = row.error.as_deref().unwrap_or_default();
    match row.status {
        CaseStatus::Failed => output::remark(format_args!("warning: case {}: {error}", row.case)),
        CaseStatus::PassedOver => output::remark(format_args!("warning: {} is passed over: {error}", row.input)),
        _ if quiet => {}
        CaseStatus::Done => output::remark(format_args!("{number}/{cases} {} in {seconds:.1} s", row.case)),
        CaseStatus::Skipped => output::remark(format_args!("{number}/{cases} {}: done before", row.case)),
        _ => output::remark(format_args!("{number}/{cases} {}: another worker has it", row.case)),
    }
}

/// True for an input that was meant to be a case.
fn is_failure(reason: &PassedOverCause) -> bool {
    matches!(
        reason,
        PassedOverCause::MissingChannel { .. } | PassedOverCause::SurplusChannel(_) | PassedOverCause::Unreadable(_)
    )
}

fn nothing_found(args: &Args, numbered: bool, passed_over: &[medseg_cohort::PassedOverInput]) -> CliError {
    let image = args.image.display();
    let expected = if numbered { "no image, such as NAME_0000 with the ending of a volume" } else { "no image" };
    let reasons = passed_over.iter().take(3).map(|input| format!("{}: {}", input.path.display(), input.reason));
    let reasons = reasons.collect::<Vec<_>>().join("; ");
    let reasons = if reasons.is_empty() { reasons } else { format!(" ({reasons})") };
    CliError::Usage(format!("{image} holds {expected}{reasons}"))
}

fn report_plan(args: &Args, cases: usize, passed_over: usize) -> Result<(), CliError> {
    if !args.json {
        return Ok(());
    }
    output::result(serde_json::json!({
        "image": args.image.display().to_string(), "masks": args.mask.display().to_string(), "cases": cases,
        "passed_over": passed_over,
    }))
}

/// Writes the table, and says how many cases there are of each state.
fn finish(args: &Args, report: &RunReport, incomplete: usize, console: &mut Console) -> Result<(), CliError> {
    let table = merge(&CohortFolder::new(&args.mask))?;
    let count = |status| report.count(status);
    let (done, skipped, failed) = (count(CaseStatus::Done), count(CaseStatus::Skipped), count(CaseStatus::Failed));
    let path = args.mask.join("table.csv");
    console.message(&format!(
        "{done} done, {skipped} done before, {failed} failed, {} passed over; {} tells of each",
        count(CaseStatus::PassedOver),
        path.display()
    ));
    if args.json {
        output::result(table.json().trim_end())?;
    }
    if report.stopped {
        return Err(CliError::Failed("stopped before the end; the same command goes on".into()));
    }
    match failed + incomplete {
        0 => Ok(()),
        failed => {
            let of = done + skipped + count(CaseStatus::Failed) + count(CaseStatus::Busy) + incomplete;
            Err(CliError::Failed(format!("{failed} of {of} cases were not segmented; see {}", path.display())))
        }
    }
}
