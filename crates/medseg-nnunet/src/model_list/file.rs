//! The file of a model list.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::plans::json_file;
use crate::{Fold, NnUnetError};

/// A list of models.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListFile {
    pub combine: Combine,
    /// Names of the merged labels.
    #[serde(default)]
    pub names: BTreeMap<u16, String>,
    pub models: Vec<Entry>,
}

/// The rule that makes one mask of several models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// The models know the same labels, and their probabilities are averaged: `nnUNetv2_ensemble`.
    Mean,
    /// Each model draws labels of its own, which a table translates; later models overwrite earlier ones.
    Merge,
}

/// A model of the list.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Folder, zip or bundle, relative to the list.
    pub path: PathBuf,
    /// Folds, by default all.
    #[serde(default)]
    pub folds: Option<Vec<u32>>,
    /// Merged value of each label of the model that is to be drawn.
    #[serde(default)]
    pub labels: BTreeMap<u16, u16>,
}

impl Entry {
    /// The folds that are named.
    pub fn folds(&self) -> Option<Vec<Fold>> {
        self.folds.as_ref().map(|folds| folds.iter().copied().map(Fold::Number).collect())
    }
}

impl ListFile {
    /// Reads and checks a list.
    ///
    /// # Errors
    /// A file that cannot be read, an unknown key, no model, or labels that do not fit the rule.
    pub fn open(path: &Path) -> Result<Self, NnUnetError> {
        let wrong = |reason: String| NnUnetError::List { path: path.to_owned(), reason };
        let list: Self = serde_json::from_str(&json_file::read(path)?).map_err(|error| wrong(error.to_string()))?;
        if list.models.is_empty() {
            return Err(wrong("it lists no model".to_owned()));
        }
        for entry in &list.models {
            let shown = entry.path.display();
            match list.combine {
                Combine::Mean if !entry.labels.is_empty() => {
                    return Err(wrong(format!("{shown}: models that are averaged have no table of labels")));
                }
                Combine::Merge if entry.labels.is_empty() => {
                    return Err(wrong(format!("{shown}: a model whose labels are merged needs a table of labels")));
                }
                _ => {}
            }
            if entry.labels.iter().any(|(from, to)| *from == 0 || *to == 0) {
                return Err(wrong(format!("{shown}: 0 is the background and not in a table of labels")));
            }
        }
        Ok(list)
    }
}
