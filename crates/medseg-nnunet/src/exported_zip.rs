//! The zip of `nnUNetv2_export_model_to_zip`.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Component, Path};
use std::sync::Arc;

use tempfile::TempDir;
use zip::ZipArchive;

use crate::NnUnetError;
use crate::folder::{DATASET, PLANS};

/// Bytes to which a byte of the zip may expand. Weights hardly shrink, and what deflate makes of zeros is no model.
const LARGEST_RATIO: u64 = 100;
/// Folders above a checkpoint: data set, model and fold, and one more.
const MOST_FOLDERS: usize = 4;

/// True if a file begins as a zip does.
pub(crate) fn is_zip(path: &Path) -> bool {
    let mut start = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *b"PK\x03\x04"
}

/// Extracts the settings and these checkpoints to a temporary folder, which is removed with the last reference to it.
///
/// Paths that lead out of the folder are not followed, and the size of what is written is bounded by that of the zip.
///
/// # Errors
/// A damaged zip, one that expands beyond all reason, and what the system says.
pub(crate) fn extract(path: &Path, checkpoint_name: &str) -> Result<Arc<TempDir>, NnUnetError> {
    let failed = |source: io::Error| NnUnetError::Zip { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let mut left = file.metadata().map_err(failed)?.len().saturating_mul(LARGEST_RATIO);
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| failed(error.into()))?;
    let folder = TempDir::with_prefix("medseg-nnunet-").map_err(failed)?;
    for number in 0..archive.len() {
        let mut entry = archive.by_index(number).map_err(|error| failed(error.into()))?;
        let Some(name) = entry.enclosed_name().filter(|name| entry.is_file() && is_wanted(name, checkpoint_name))
        else {
            continue;
        };
        let target = folder.path().join(name);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let mut written = File::create_new(&target).map_err(failed)?;
        let bytes = io::copy(&mut (&mut entry).take(left.saturating_add(1)), &mut written).map_err(failed)?;
        left = left.checked_sub(bytes).ok_or_else(|| NnUnetError::Expands { path: path.to_owned() })?;
    }
    Ok(Arc::new(folder))
}

/// True for the settings and for a fold's checkpoint.
fn is_wanted(name: &Path, checkpoint_name: &str) -> bool {
    let parts: Vec<&str> = name
        .components()
        .filter_map(|part| match part {
            Component::Normal(part) => part.to_str(),
            _ => None,
        })
        .collect();
    let Some((file, folders)) = parts.split_last() else { return false };
    let checkpoint = *file == checkpoint_name && folders.last().is_some_and(|fold| fold.starts_with("fold_"));
    folders.len() <= MOST_FOLDERS && (checkpoint || [PLANS, DATASET].contains(file))
}
