//! Models and folds in folders.

use std::path::{Path, PathBuf};

use super::{Fold, PLANS};
use crate::NnUnetError;

/// Models that an error lists.
const MOST_LISTED: usize = 20;

/// The folder with `plans.json`: this one, or the only one at most two levels below.
pub(super) fn find_model(path: &Path) -> Result<PathBuf, NnUnetError> {
    let kind = path.metadata().map_err(|source| NnUnetError::io(path, source))?;
    if !kind.is_dir() {
        return Err(NnUnetError::NotAModel { path: path.to_owned() });
    }
    if path.join(PLANS).is_file() || !folds_in(path)?.is_empty() {
        return Ok(path.to_owned());
    }
    let mut models = models_in(path)?;
    if models.is_empty() {
        for folder in folders_in(path)? {
            let inner = models_in(&path.join(&folder))?;
            models.extend(inner.into_iter().map(|name| format!("{folder}/{name}")));
        }
    }
    match &models[..] {
        [model] => Ok(path.join(model)),
        [] => Err(NnUnetError::NoModel { path: path.to_owned() }),
        _ => {
            models.truncate(MOST_LISTED);
            Err(NnUnetError::SeveralModels { path: path.to_owned(), models })
        }
    }
}

/// Names of a folder's models.
fn models_in(path: &Path) -> Result<Vec<String>, NnUnetError> {
    let mut models = folders_in(path)?;
    models.retain(|name| name.contains("__") && path.join(name).join(PLANS).is_file());
    Ok(models)
}

/// Names of a folder's folders, sorted. Those that are no text are left out.
fn folders_in(path: &Path) -> Result<Vec<String>, NnUnetError> {
    let io = |source| NnUnetError::io(path, source);
    let mut names = Vec::new();
    for entry in path.read_dir().map_err(io)? {
        let entry = entry.map_err(io)?;
        if let Ok(name) = entry.file_name().into_string()
            && entry.path().is_dir()
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The folds in a folder, sorted by name as nnU-Net does.
fn folds_in(path: &Path) -> Result<Vec<Fold>, NnUnetError> {
    Ok(folders_in(path)?.iter().filter_map(|name| Fold::of(name)).collect())
}

/// Every numbered fold with a checkpoint, else `fold_all`.
pub(super) fn default_folds(path: &Path, checkpoint_name: &str) -> Result<Vec<Fold>, NnUnetError> {
    let mut folds = folds_in(path)?;
    folds.retain(|fold| path.join(fold.to_string()).join(checkpoint_name).is_file());
    if folds.iter().any(|fold| *fold != Fold::All) {
        folds.retain(|fold| *fold != Fold::All);
    }
    Ok(folds)
}

/// Path of a file that must be there.
pub(super) fn required_file(folder: &Path, name: &str) -> Result<PathBuf, NnUnetError> {
    let path = folder.join(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(NnUnetError::MissingFile { path: folder.to_owned(), file: name.to_owned() })
}
