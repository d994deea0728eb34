//! A series out of a PACS, and DICOM objects into it.

use std::path::{Path, PathBuf};

use medseg_device::Chosen;
use medseg_dicomweb::Client;
use medseg_train::Observer;

use super::output::OutputArgs;
use super::{Args, single};
use crate::CliError;
use crate::console::Console;
use crate::mask::MaskForm;

/// Options for a series in a PACS.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "PACS")]
pub struct PacsArgs {
    /// Fetch the image from a PACS at this DICOMweb address, in place of IMAGE: `predict MODEL MASK --dicomweb URL --study UID
    /// --series UID`; user, password and certificates by environment (docs/book/src/pacs.md)
    #[arg(long, value_name = "URL", requires = "study")]
    pub dicomweb: Option<String>,
    /// StudyInstanceUID of the series
    #[arg(long, value_name = "UID", requires = "dicomweb")]
    study: Option<String>,
    /// Store the DICOM segmentations and structure sets that are written in the PACS
    #[arg(long, requires = "dicomweb")]
    store: bool,
    /// Leave the fetched series in this folder
    #[arg(long, value_name = "FOLDER", requires = "dicomweb")]
    save_series: Option<PathBuf>,
}

/// Fetches the series, segments it, and stores what was made, if asked for.
///
/// # Errors
/// Those of the PACS, and those of a single image.
pub fn run(args: &Args, address: &str, device: &Chosen, console: &mut Console) -> Result<(), CliError> {
    let objects = objects(&args.mask, &args.output);
    if args.pacs.store && objects.is_empty() {
        let reason = "--store: no DICOM object is written; name the mask MASK.dcm, or add --rtstruct";
        return Err(CliError::Usage(reason.into()));
    }
    let failed = |error: medseg_dicomweb::DicomWebError| CliError::failed(&error);
    let client = Client::new(address).map_err(failed)?;
    let study = args.pacs.study.as_deref().unwrap_or_default();
    let Some(series) = args.series.uid() else {
        let series = client.series_of(study).map_err(failed)?;
        let listed: Vec<String> = series.iter().map(ToString::to_string).collect();
        let listed = if listed.is_empty() { "none".into() } else { listed.join("; ") };
        return Err(CliError::Usage(format!("--series UID chooses one of the study's series: {listed}")));
    };
    let scratch = tempfile::tempdir()?;
    let folder = args.pacs.save_series.clone().unwrap_or_else(|| scratch.path().join("series"));
    let fetched = client.fetch_series(study, series, &folder).map_err(failed)?;
    let (files, bytes) = (fetched.files.len(), fetched.bytes as f64 / 1e6);
    console.message(&format!("fetched {files} file(s), {bytes:.1} MB, from {}", client.address()));
    single::run(&Args { image: folder, ..args.clone() }, device, console)?;
    if args.pacs.store && !args.dry_run {
        let stored = client.store(&objects).map_err(failed)?;
        for instance in &stored {
            console.message(&format!("stored {} as {}", instance.path.display(), instance.instance));
            if let Some(reason) = instance.warning {
                console.warning(&format!("{}: the PACS stored it with the warning {reason:#06x}", instance.instance));
            }
        }
    }
    Ok(())
}

/// The DICOM objects among the files that are written.
fn objects(mask: &Path, outputs: &OutputArgs) -> Vec<PathBuf> {
    let masks = std::iter::once(mask).chain(outputs.also.iter().map(PathBuf::as_path));
    let segmentations = masks.filter(|path| MaskForm::of(path) == MaskForm::DicomSegmentation);
    segmentations.map(Path::to_path_buf).chain(outputs.rtstruct.clone()).collect()
}
