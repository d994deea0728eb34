//! Bundles in a zip.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use zip::ZipArchive;

use crate::MonaiError;

/// Bytes to which a byte of the zip may expand. Weights hardly shrink.
const LARGEST_RATIO: u64 = 100;
/// Folders above a file: the bundle's own, configs or models, and two more.
const MOST_FOLDERS: usize = 4;

/// True if a file begins as a zip does.
pub(crate) fn is_zip(path: &Path) -> bool {
    let mut start = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *b"PK\x03\x04"
}

/// True if a zip lists one of these files, in itself or in its only folder.
pub(crate) fn holds(path: &Path, names: &[&str]) -> bool {
    let archive = File::open(path).ok().and_then(|file| ZipArchive::new(BufReader::new(file)).ok());
    let is_one = |listed: &str| {
        names.iter().any(|name| listed == *name || listed.split_once('/').is_some_and(|(_, inner)| inner == *name))
    };
    archive.is_some_and(|archive| archive.file_names().any(|name| name.is_ok_and(|name| is_one(&name))))
}

/// Extracts configurations and weights to a temporary folder.
///
/// Paths that lead out of the folder are not followed, links are left out, and the size of the extract is bounded by that of
/// the zip.
pub(crate) fn extract(path: &Path) -> Result<TempDir, MonaiError> {
    let failed = |source: io::Error| MonaiError::Zip { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let mut left = file.metadata().map_err(failed)?.len().saturating_mul(LARGEST_RATIO);
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| failed(error.into()))?;
    let folder = TempDir::with_prefix("medseg-monai-").map_err(failed)?;
    for number in 0..archive.len() {
        let mut entry = archive.by_index(number).map_err(|error| failed(error.into()))?;
        let usable = entry.is_file() && !entry.is_symlink();
        let Some(name) = entry.enclosed_name().filter(|name| usable && is_wanted(name)) else { continue };
        let target = folder.path().join(&name);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let mut written = File::create_new(&target).map_err(failed)?;
        let bytes = io::copy(&mut (&mut entry).take(left.saturating_add(1)), &mut written).map_err(failed)?;
        left = left.checked_sub(bytes).ok_or_else(|| MonaiError::Expands { path: path.to_owned() })?;
    }
    Ok(folder)
}

/// The folder of the bundle: the extract itself, or its only folder.
pub(crate) fn bundle_folder(extract: &Path) -> PathBuf {
    let is_bundle = |path: &Path| path.join("configs").is_dir();
    let below = fs::read_dir(extract).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut below: Vec<PathBuf> = below.filter(|path| is_bundle(path)).collect();
    match below.len() == 1 && !is_bundle(extract) {
        true => below.remove(0),
        false => extract.to_owned(),
    }
}

fn ending(path: &Path) -> String {
    path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

/// True for configurations, weights and the licence.
fn is_wanted(name: &Path) -> bool {
    let licence = name.file_stem().is_some_and(|stem| stem.eq_ignore_ascii_case("license"));
    let wanted = ["json", "yaml", "yml", "pt", "pth", "ts"].contains(&ending(name).as_str()) || licence;
    wanted && name.components().count() <= MOST_FOLDERS + 1
}
