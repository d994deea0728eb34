//! `dataset.json`, the list of a data set as the Medical Segmentation Decathlon and nnU-Net write it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use medseg_volume::VOLUME_ENDINGS;
use serde_json::Value;

use crate::case::Case;
use crate::dataset_warning::DatasetWarning;
use crate::json_file::read_json;
use crate::names::composed;
use crate::{DataError, names};

/// The parts of a list that say something about the files. All may be missing, and other parts are passed over.
pub(crate) struct Listing {
    /// The list's file.
    pub path: PathBuf,
    /// Number of `channel_names`, or of `modality` before them.
    pub channels: Option<usize>,
    /// Names of images and labels below the data set's folder.
    files: Vec<String>,
    ending: Option<String>,
    labelled: Option<u64>,
}

impl Listing {
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let content: Value = read_json(path)?;
        let entries = |key: &str| content.get(key).and_then(Value::as_array).into_iter().flatten();
        let mut files = Vec::new();
        for entry in entries("training").chain(entries("test")) {
            // A test case is a bare file name; other writers use an object there, too.
            let keys = ["image", "label"].iter().filter_map(|key| entry.get(key));
            let names = keys.chain(entry.is_string().then_some(entry)).filter_map(Value::as_str);
            files.extend(names.map(str::to_string));
        }
        let count = |key: &str| match content.get(key)? {
            Value::Object(names) => Some(names.len()),
            Value::Array(names) => Some(names.len()),
            _ => None,
        };
        Ok(Self {
            path: path.into(),
            channels: count("channel_names").or_else(|| count("modality")).filter(|count| *count > 0),
            files,
            ending: content.get("file_ending").and_then(Value::as_str).map(str::to_string),
            labelled: content.get("numTraining").and_then(Value::as_u64),
        })
    }

    /// The ending that the list states, if no volume that is read has it.
    pub fn unknown_ending(&self) -> Option<String> {
        let known = |ending: &String| VOLUME_ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending));
        self.ending.clone().filter(|ending| !known(ending))
    }

    /// Checks that the files which the list names are there: by the same name, or by one that only Unicode composes
    /// otherwise, or as an image's channels.
    pub fn check_files(&self, dir: &Path, cases: &[Case]) -> Result<(), DataError> {
        let mut known = BTreeSet::new();
        for case in cases {
            for path in case.images().chain(case.label.as_deref()) {
                let Some((folder, name)) = names_of(path) else { continue };
                known.insert(format!("{folder}/{name}"));
                // nnU-Net's older lists name an image without a channel's number.
                let stem = medseg_volume::volume_stem(&name).unwrap_or(&name);
                if names::channel_of(stem).is_some_and(|(name, _)| name == case.id) {
                    known.insert(format!("{folder}/{}{}", case.id, &name[stem.len()..]));
                }
            }
        }
        let found = |file: &str| {
            let plain = composed(file.strip_prefix("./").unwrap_or(file));
            dir.join(file).is_file() || known.contains(&plain)
        };
        match self.files.iter().find(|file| !found(file)) {
            Some(file) => Err(DataError::ListedFile { listing: self.path.clone(), file: file.clone() }),
            None => Ok(()),
        }
    }

    /// The difference between the number of labelled cases that the list states and the number of those found.
    pub fn warning(&self, cases: &[Case]) -> Option<DatasetWarning> {
        let found = cases.iter().filter(|case| case.label.is_some()).count();
        let stated = self.labelled.filter(|stated| *stated != found as u64)?;
        Some(DatasetWarning::CaseCount { listing: self.path.clone(), stated, found })
    }
}

/// The names of a file's folder and of the file, composed.
fn names_of(path: &Path) -> Option<(String, String)> {
    let text = |name: &std::ffi::OsStr| name.to_str().map(composed);
    Some((text(path.parent()?.file_name()?)?, text(path.file_name()?)?))
}
