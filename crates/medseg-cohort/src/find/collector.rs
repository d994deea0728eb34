//! Files as they are found, until they are cases.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use medseg_volume::volume_stem;

use super::{FindOptions, Found, PassedOverCause, PassedOverInput, below, channels, plain, tree};
use crate::{Case, CaseImage, CohortError};

/// A volume's file.
#[derive(Debug)]
pub(super) struct VolumeFound {
    /// Id of its folder; may be empty.
    pub folder: String,
    /// Its name without the ending of a volume.
    pub stem: Vec<u8>,
    pub path: PathBuf,
}

/// All that is found.
#[derive(Debug)]
pub(super) struct Collector<'a> {
    pub options: &'a FindOptions,
    /// The folder of results, if it exists, without links.
    pub output: Option<PathBuf>,
    volumes: Vec<VolumeFound>,
    /// Files that series are looked for in together, by id and path of the folder that they lie in or below.
    #[cfg(feature = "dicom")]
    series: std::collections::BTreeMap<(String, PathBuf), Vec<PathBuf>>,
    /// Cases with ids of their own.
    named: Vec<Case>,
    passed_over: Vec<PassedOverInput>,
    seen: HashSet<PathBuf>,
    /// True for the folders that lie in the output folder.
    inside: HashMap<PathBuf, bool>,
    entries: u64,
}

/// A path with an id of its own that is no single case.
pub(super) enum NamedError {
    /// The number of images there.
    Found(usize),
    Other(CohortError),
}

impl<'a> Collector<'a> {
    pub fn new(options: &'a FindOptions) -> Result<Self, CohortError> {
        let output = match options.output.as_deref().map(|output| (output, fs::canonicalize(output))) {
            None => None,
            Some((_, Ok(output))) => Some(output),
            Some((_, Err(error))) if error.kind() == std::io::ErrorKind::NotFound => None,
            Some((output, Err(error))) => return Err(CohortError::io("find", output)(error)),
        };
        Ok(Self {
            options,
            output,
            volumes: Vec::new(),
            #[cfg(feature = "dicom")]
            series: std::collections::BTreeMap::new(),
            named: Vec::new(),
            passed_over: Vec::new(),
            seen: HashSet::new(),
            inside: HashMap::new(),
            entries: 0,
        })
    }

    /// Counts a file or folder that is looked at.
    pub fn count(&mut self, input: &Path) -> Result<(), CohortError> {
        self.entries += 1;
        if self.entries > self.options.max_entries {
            let limit = self.options.max_entries;
            return Err(CohortError::Limit { path: input.into(), what: "files and folders", limit });
        }
        Ok(())
    }

    pub fn pass_over(&mut self, id: String, path: PathBuf, reason: PassedOverCause) {
        self.passed_over.push(PassedOverInput { id, path, reason });
    }

    /// Refuses a folder to search that is the output folder or lies in it.
    pub fn refuse_in_output(&self, input: &Path) -> Result<(), CohortError> {
        let Some(output) = &self.output else { return Ok(()) };
        let resolved = fs::canonicalize(input).map_err(CohortError::io("list", input))?;
        if resolved.starts_with(output) {
            return Err(CohortError::OutputIsInput { output: output.clone(), input: input.into() });
        }
        Ok(())
    }

    /// True for a folder in the output folder.
    pub fn in_output(&mut self, folder: &Path) -> bool {
        let Some(output) = &self.output else { return false };
        if let Some(inside) = self.inside.get(folder) {
            return *inside;
        }
        let named = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let inside = fs::canonicalize(named).is_ok_and(|folder| folder.starts_with(output));
        self.inside.insert(folder.to_path_buf(), inside);
        inside
    }

    /// Takes a file that an input names, and says whether it is an image. Its id begins with that of `folder`.
    pub fn file(&mut self, path: &Path, folder: &str) -> Result<bool, CohortError> {
        let parent = path.parent().unwrap_or(Path::new(""));
        if self.in_output(parent) {
            let name = plain(path.file_name().unwrap_or_default().as_encoded_bytes());
            self.pass_over(below(folder, &name), path.to_path_buf(), PassedOverCause::InOutput);
            return Ok(true);
        }
        Ok(self.take(path, folder, folder, parent))
    }

    /// Takes a file if it is an image. `unit` and `unit_folder` say with which others it may make a series.
    pub fn take(&mut self, path: &Path, folder: &str, unit: &str, unit_folder: &Path) -> bool {
        let name = path.file_name().unwrap_or_default();
        let text = name.to_string_lossy();
        if let Some(stem) = volume_stem(&text) {
            if self.seen.insert(path.to_path_buf()) {
                let bytes = name.as_encoded_bytes();
                let end = bytes.len().saturating_sub(text.len() - stem.len());
                let stem = bytes[..end].to_vec();
                self.volumes.push(VolumeFound { folder: folder.into(), stem, path: path.to_path_buf() });
            }
            return true;
        }
        #[cfg(feature = "dicom")]
        if medseg_volume::dicom::is_dicom(path) {
            if self.seen.insert(path.to_path_buf()) {
                let unit = (unit.to_string(), unit_folder.to_path_buf());
                self.series.entry(unit).or_default().push(path.to_path_buf());
            }
            return true;
        }
        #[cfg(not(feature = "dicom"))]
        let _ = (unit, unit_folder);
        false
    }

    /// Takes the only image of a folder or file under the id of a list.
    pub fn named(&mut self, id: String, path: &Path) -> Result<(), NamedError> {
        let options = FindOptions { part: None, ..self.options.clone() };
        let mut alone = Collector { options: &options, ..Collector::new(&options).map_err(NamedError::Other)? };
        if path.is_dir() {
            tree::walk(&mut alone, path, "", tree::Together::All).map_err(NamedError::Other)?;
        } else if path.exists() {
            alone.file(path, "").map_err(NamedError::Other)?;
        }
        let mut found = alone.finish().map_err(NamedError::Other)?;
        match (found.cases.pop(), found.cases.len()) {
            (Some(case), 0) => {
                self.named.push(Case::of(id, case.image, path.to_path_buf()));
                Ok(())
            }
            (last, others) => Err(NamedError::Found(others + usize::from(last.is_some()))),
        }
    }

    /// Takes the files of all channels under the id of a list.
    pub fn named_channels(&mut self, id: String, paths: Vec<PathBuf>) {
        let inside = paths.iter().any(|path| self.in_output(path.parent().unwrap_or(Path::new(""))));
        let input = paths.first().cloned().unwrap_or_default();
        if inside {
            self.pass_over(id, input, PassedOverCause::InOutput);
        } else {
            self.named.push(Case::of(id, CaseImage::Channels(paths), input));
        }
    }

    /// Makes cases of the files.
    pub fn finish(mut self) -> Result<Found, CohortError> {
        let volumes = std::mem::take(&mut self.volumes);
        let mut cases = std::mem::take(&mut self.named);
        channels::cases(volumes, self.options.channels, &mut cases, &mut self.passed_over)?;
        #[cfg(feature = "dicom")]
        for ((id, folder), files) in std::mem::take(&mut self.series) {
            if self.options.part.is_none_or(|part| part.holds(&id)) {
                super::dicom::cases(&id, folder, files, &mut cases, &mut self.passed_over)?;
            }
        }
        cases.sort_by(|a, b| (&a.id, &a.input).cmp(&(&b.id, &b.input)));
        if let Some([a, b]) = cases.array_windows().find(|[a, b]| a.id == b.id) {
            return Err(CohortError::SameId { id: a.id.clone(), first: a.input.clone(), second: b.input.clone() });
        }
        let mut passed_over = self.passed_over;
        passed_over.sort_by(|a, b| (&a.id, &a.path).cmp(&(&b.id, &b.path)));
        passed_over.dedup_by(|a, b| a.id == b.id);
        if let Some(part) = self.options.part {
            cases.retain(|case| part.holds(&case.part_key));
            // Those of DICOM are of this part already; all others go by their own id.
            passed_over.retain(|input| matches!(input.reason, PassedOverCause::NoVolume(_)) || part.holds(&input.id));
        }
        Ok(Found { cases, passed_over })
    }
}
