//! The offline steps of the experiments: data sets made of data sets, once, before training.

mod case;
mod report;
mod step;

use std::path::Path;

use medseg_transforms::Preprocessing;
use serde::{Deserialize, Serialize};

use medseg_volume::error_chain;

use crate::DataError;
use crate::case::Case;
use crate::json_file::{read_json, write_json};
use crate::loader::{Loader, LoaderOptions};

pub use report::{OfflineCase, OfflineOutcome, OfflinePlan, OfflineReport};
pub use step::OfflineStep;

/// The settings a folder was made with.
const SETTINGS: &str = "prepare.json";
const VERSION: u32 = 1;

/// Makes a data set of another: `origin/` → `resized/`, or `origin/` → `foreground/`.
///
/// The result has `image/` and `label/`, which [`discover`](crate::discover) finds, and `prepare.json` with these
/// settings. Without [`preprocessing`](Self::preprocessing) intensities and label values stay as they are (but for
/// interpolation), and every voxel keeps its place in the patient: the written affines follow the resize or the crop.
///
/// # Examples
/// ```
/// use medseg_data::{Offline, OfflineStep, check_case, discover};
/// use medseg_phantom::PhantomConfig;
/// let folder = tempfile::tempdir()?;
/// let (origin, out) = (folder.path().join("origin"), folder.path().join("foreground"));
/// PhantomConfig { cases: 1, scale: 0.25, ..PhantomConfig::default() }.write(&origin, &mut |_, _| ())?;
///
/// let offline = Offline { step: OfflineStep::Foreground { margin: 3 }, ..Offline::default() };
/// let cases = discover(&origin)?;
/// let report = offline.run(&cases, &out, 2, &mut |case| println!("{case}"))?;
/// assert!(report.is_complete());
/// assert!(check_case(&discover(&out)?[0])?.shape.voxels() < check_case(&cases[0])?.shape.voxels());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offline {
    /// Brings image and label to a network's grid and range before the step; as in the files if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preprocessing: Option<Preprocessing>,
    /// The change of each case.
    pub step: OfflineStep,
    /// Label values that count as foreground; every value above 0 if there is none.
    pub foreground: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsFile {
    version: u32,
    settings: Offline,
}

impl Offline {
    /// Plans a run; nothing is written.
    ///
    /// # Errors
    /// [`DataError::Offline`] if the settings are impossible, if no case has a label, if `out` holds the cases
    /// themselves, or was made with other settings; [`DataError::Channels`] for a case of several.
    pub fn plan(&self, cases: &[Case], out: impl AsRef<Path>) -> Result<OfflinePlan, DataError> {
        let out = out.as_ref();
        self.step.validate()?;
        let preprocessing = self.preprocessing.map_or(Ok(()), |p| p.validate());
        preprocessing.map_err(|e| refused(format!("preprocessing: {}", error_chain(&e))))?;
        refuse_own_folder(cases, out)?;
        self.check_settings(out)?;
        let labelled: Vec<&Case> = cases.iter().filter(|case| case.label.is_some()).collect();
        if labelled.is_empty() {
            return Err(refused("no case has a label".into()));
        }
        for case in &labelled {
            case.single_image()?;
        }
        Ok(OfflinePlan {
            finished: labelled.iter().filter(|case| case::is_finished(case, &self.step, out)).count(),
            unlabelled: cases.len() - labelled.len(),
            cases: labelled.len(),
        })
    }

    /// Makes the cases that are not finished, on `workers` threads (0: on this one), and tells of each, in order.
    ///
    /// A case is finished if both its files are there, whole, and not older than their sources; a killed run is simply
    /// started again. A case that fails does not stop the others. Unlabelled cases are left out. Each worker holds one
    /// case.
    ///
    /// # Errors
    /// As [`plan`](Self::plan), or if `out` cannot be written. Cases that fail are in the report.
    pub fn run(
        &self,
        cases: &[Case],
        out: impl AsRef<Path>,
        workers: usize,
        progress: &mut dyn FnMut(&OfflineCase),
    ) -> Result<OfflineReport, DataError> {
        let out = out.as_ref();
        let plan = self.plan(cases, out)?;
        for kind in ["image", "label"] {
            let folder = out.join(kind);
            std::fs::create_dir_all(&folder).map_err(DataError::io(folder))?;
        }
        write_json(&out.join(SETTINGS), &SettingsFile { version: VERSION, settings: self.clone() })?;
        let labelled: Vec<Case> = cases.iter().filter(|case| case.label.is_some()).cloned().collect();
        let (settings, to) = (self.clone(), out.to_path_buf());
        let options = LoaderOptions { workers, prefetch: workers };
        let outcomes = Loader::new(labelled.len(), options, move |index| {
            let case = &labelled[index];
            let outcome = case::make(case, &settings, &to);
            Ok::<_, DataError>((case.id.clone(), outcome))
        });
        let mut report = OfflineReport::default();
        for (done, item) in outcomes.enumerate() {
            let (id, outcome) = item?;
            let case = OfflineCase { done: done + 1, cases: plan.cases, id, outcome };
            progress(&case);
            report.add(&case);
        }
        Ok(report)
    }

    /// Refuses a folder that was made with other settings.
    fn check_settings(&self, out: &Path) -> Result<(), DataError> {
        let path = out.join(SETTINGS);
        if !path.is_file() {
            return Ok(());
        }
        let found: SettingsFile = read_json(&path)?;
        if found.version != VERSION || found.settings != *self {
            return Err(refused(format!(
                "{} says that the folder was made with other settings; choose another one or remove it",
                path.display()
            )));
        }
        Ok(())
    }
}

/// Refuses to write where the cases lie.
fn refuse_own_folder(cases: &[Case], out: &Path) -> Result<(), DataError> {
    let folders = ["image", "label"].map(|kind| out.join(kind).canonicalize().ok());
    let sources = cases.iter().flat_map(|case| case.label.iter().chain([&case.image]));
    for source in sources.filter_map(|path| path.parent()) {
        if source.canonicalize().is_ok_and(|source| folders.iter().flatten().any(|folder| *folder == source)) {
            return Err(refused(format!("{} holds the cases themselves", out.display())));
        }
    }
    Ok(())
}

fn refused(reason: String) -> DataError {
    DataError::Offline { reason }
}
