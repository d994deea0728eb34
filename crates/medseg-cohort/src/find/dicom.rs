//! DICOM series as cases.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use medseg_volume::dicom::{DicomError, PassedOverReason, SeriesSummary, describe_files};
use medseg_volume::error_chain;

use super::{PassedOverCause, PassedOverInput, below, id_of, plain};
use crate::{Case, CaseImage, CohortError};

/// Files whose headers are held at once.
const MOST_FILES: usize = 1_000_000;

/// A series that makes a volume.
struct Volume {
    /// Id and path of the deepest folder with all of its files.
    home: (String, PathBuf),
    files: Vec<PathBuf>,
}

/// Makes a case of each series that makes a volume.
pub(super) fn cases(
    id: &str,
    folder: PathBuf,
    files: Vec<PathBuf>,
    cases: &mut Vec<Case>,
    passed_over: &mut Vec<PassedOverInput>,
) -> Result<(), CohortError> {
    if files.len() > MOST_FILES {
        let what = "DICOM files; name the folders of the patients as inputs, or by a pattern";
        return Err(CohortError::Limit { path: folder, what, limit: MOST_FILES as u64 });
    }
    let mut unit = Unit { id, folder, volumes: Vec::new(), passed_over };
    unit.describe(files);
    let mut at_home: BTreeMap<String, usize> = BTreeMap::new();
    for volume in &unit.volumes {
        *at_home.entry(volume.home.0.clone()).or_default() += 1;
    }
    for volume in unit.volumes {
        let (home, input) = volume.home;
        // A file that is an input itself has no folder.
        let alone = at_home.get(&home) == Some(&1) && !home.is_empty();
        let case_id = if alone { home } else { below(&home, &file_id(&volume.files)) };
        let mut case = Case::of(case_id, CaseImage::Series(volume.files), input);
        case.part_key = id.to_string();
        cases.push(case);
    }
    Ok(())
}

/// A folder whose files are looked at together.
struct Unit<'a> {
    id: &'a str,
    folder: PathBuf,
    volumes: Vec<Volume>,
    passed_over: &'a mut Vec<PassedOverInput>,
}

impl Unit<'_> {
    fn describe(&mut self, files: Vec<PathBuf>) {
        let summary = describe_files(&self.folder, files);
        let mut reasons: BTreeMap<PassedOverReason, Vec<PathBuf>> = BTreeMap::new();
        for file in summary.passed_over.into_iter().filter(|file| file.reason != PassedOverReason::Directory) {
            reasons.entry(file.reason).or_default().push(file.path);
        }
        for (reason, files) in reasons {
            let text = format!("{} file(s) {reason}", files.len());
            self.pass_over(&files, text);
        }
        // A damaged file may be a slice of any of the series.
        let damaged: Vec<String> = summary.unreadable.iter().map(|error| error_chain(error)).collect();
        let summary_is_empty = summary.series.is_empty();
        for series in summary.series {
            match damaged.first() {
                Some(text) => {
                    let text = format!("a damaged file may be one of its slices: {text}");
                    self.pass_over(&series.paths, text);
                }
                None => self.series(series),
            }
        }
        if summary_is_empty && let Some(text) = damaged.into_iter().next() {
            self.pass_over(&[], text);
        }
    }

    fn series(&mut self, series: SeriesSummary) {
        let folders = by_folder(&series.paths);
        match series.volume {
            Ok(_) => self.take(series.paths),
            // One series in two folders: copies, if each of them makes a volume.
            Err(DicomError::DuplicateSlices { .. }) if folders.len() > 1 => {
                for (folder, files) in folders {
                    for copy in describe_files(&folder, files).series {
                        match copy.volume {
                            Ok(_) => self.take(copy.paths),
                            Err(error) => self.pass_over(&copy.paths, error_chain(&error)),
                        }
                    }
                }
            }
            Err(error) => self.pass_over(&series.paths, error_chain(&error)),
        }
    }

    fn take(&mut self, files: Vec<PathBuf>) {
        let home = self.home(&files);
        self.volumes.push(Volume { home, files });
    }

    fn pass_over(&mut self, files: &[PathBuf], text: String) {
        let (home, folder) = self.home(files);
        let id = below(&home, &file_id(files));
        let path = files.first().cloned().unwrap_or(folder);
        self.passed_over.push(PassedOverInput { id, path, reason: PassedOverCause::NoVolume(text) });
    }

    /// Id and path of the deepest folder with all files.
    fn home(&self, files: &[PathBuf]) -> (String, PathBuf) {
        let mut home = files.first().and_then(|file| file.parent()).unwrap_or(&self.folder);
        while !files.iter().all(|file| file.starts_with(home)) {
            home = home.parent().unwrap_or(Path::new(""));
        }
        (below(self.id, &id_of(home.strip_prefix(&self.folder).unwrap_or(Path::new("")))), home.to_path_buf())
    }
}

/// The name of the first file, without the usual ending.
fn file_id(files: &[PathBuf]) -> String {
    let name = files.first().and_then(|file| file.file_name()).unwrap_or_default().as_encoded_bytes();
    let end = name.len().saturating_sub(4);
    plain(if name[end..].eq_ignore_ascii_case(b".dcm") { &name[..end] } else { name })
}

fn by_folder(files: &[PathBuf]) -> BTreeMap<PathBuf, Vec<PathBuf>> {
    let mut folders: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for file in files {
        folders.entry(file.parent().unwrap_or(Path::new("")).to_path_buf()).or_default().push(file.clone());
    }
    folders
}
