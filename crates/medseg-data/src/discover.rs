//! Finding the cases in a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::DataError;
use crate::case::{Case, nifti_stem};
use crate::json_file::read_json;

/// Folder names that belong together: images, labels.
const LAYOUTS: [(&str, &str); 3] = [("imagesTr", "labelsTr"), ("image", "label"), ("images", "labels")];
/// Folder of the unlabelled test cases in the layout of the Medical Segmentation Decathlon.
const TEST_IMAGES: &str = "imagesTs";
/// List of the cases in that layout.
const LISTING: &str = "dataset.json";

/// Finds the cases of a folder, sorted by the name of the image's file.
///
/// Two layouts are known:
/// - `image/` and `label/` (or `images/` and `labels/`) with files of the same names;
/// - that of the [Medical Segmentation Decathlon](http://medicaldecathlon.com): `imagesTr/` and `labelsTr/`, the
///   unlabelled cases in `imagesTs/` if it is there, and a `dataset.json`, which may be missing. The folders decide
///   which cases there are; a file that the list names and the folders lack is an error, as it tells of a download that
///   was cut off.
///
/// An image and its label may differ in `.nii` and `.nii.gz`. The names `volume-7` and `segmentation-7` of the LiTS
/// challenge's own files count as the same. Hidden files (macOS's `._*` among them) and other files are passed over.
/// Labelled cases come first, then the unlabelled ones.
///
/// # Errors
/// If a folder is missing or holds no NIfTI file, an image has no label, a label no image, two files have one name, or
/// a listed file is missing. The message names the path.
///
/// # Examples
/// ```
/// let folder = std::env::temp_dir().join("medseg-data-discover");
/// for (sub, name) in [("image", "b.nii.gz"), ("label", "b.nii"), ("image", "a.nii"), ("label", "a.nii")] {
///     std::fs::create_dir_all(folder.join(sub))?;
///     std::fs::write(folder.join(sub).join(name), b"")?; // contents do not matter here
/// }
/// let cases = medseg_data::discover(&folder)?;
/// assert_eq!(cases.iter().map(|case| case.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
/// assert_eq!(cases[1].label, Some(folder.join("label").join("b.nii")));
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn discover(dir: impl AsRef<Path>) -> Result<Vec<Case>, DataError> {
    let dir = dir.as_ref();
    if !dir.is_dir() {
        return Err(missing_folder(dir, ""));
    }
    let (images, labels) = LAYOUTS
        .iter()
        .map(|(images, labels)| (dir.join(images), dir.join(labels)))
        .find(|(images, labels)| images.is_dir() || labels.is_dir())
        .ok_or_else(|| DataError::UnknownLayout { path: dir.into() })?;
    let mut cases = labelled(&images, &labels)?;
    if images.ends_with(LAYOUTS[0].0) {
        let tests = dir.join(TEST_IMAGES);
        if tests.is_dir() {
            let known: BTreeMap<&str, &Case> = cases.iter().map(|c| (c.id.as_str(), c)).collect();
            let tests = unlabelled(&tests, &known)?;
            cases.extend(tests);
        }
        let listing = dir.join(LISTING);
        if listing.is_file() {
            check_listing(&listing, dir)?;
        }
    }
    Ok(cases)
}

/// Pairs the files of two folders by name.
fn labelled(images: &Path, labels: &Path) -> Result<Vec<Case>, DataError> {
    let image_files = nifti_files(images, ", which the images should be in")?;
    let stems: BTreeSet<&str> = image_files.iter().map(|(stem, _)| stem.as_str()).collect();
    let mut label_files = BTreeMap::new();
    for (stem, path) in nifti_files(labels, ", which the labels should be in")? {
        let lits_name = stem.strip_prefix("segmentation-").map(|number| format!("volume-{number}"));
        let partner = lits_name.filter(|name| stems.contains(name.as_str())).unwrap_or(stem);
        if let Some(first) = label_files.insert(partner, path.clone()) {
            return Err(DataError::DuplicateCase { first, second: path });
        }
    }
    if image_files.is_empty() && label_files.is_empty() {
        return Err(DataError::EmptyFolder { path: images.into() });
    }
    let mut cases: Vec<Case> = Vec::with_capacity(image_files.len());
    let mut seen = BTreeMap::new();
    for (id, image) in image_files {
        if let Some(first) = seen.insert(id.clone(), image.clone()) {
            return Err(DataError::DuplicateCase { first, second: image });
        }
        let Some(label) = label_files.remove(&id) else {
            return Err(DataError::MissingPartner { path: image, folder: labels.into() });
        };
        cases.push(Case { id, image, label: Some(label) });
    }
    match label_files.into_values().next() {
        Some(path) => Err(DataError::MissingPartner { path, folder: images.into() }),
        None => Ok(cases),
    }
}

/// The cases without a label in `dir`; none may have the id of a labelled case.
fn unlabelled(dir: &Path, known: &BTreeMap<&str, &Case>) -> Result<Vec<Case>, DataError> {
    let mut seen: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut cases = Vec::new();
    for (id, image) in nifti_files(dir, "")? {
        let other = known.get(id.as_str()).map(|case| case.image.clone());
        if let Some(first) = other.or_else(|| seen.insert(id.clone(), image.clone())) {
            return Err(DataError::DuplicateCase { first, second: image });
        }
        cases.push(Case { id, image, label: None });
    }
    Ok(cases)
}

/// Stem and path of the NIfTI files in a folder, sorted by file name.
fn nifti_files(dir: &Path, hint: &str) -> Result<Vec<(String, PathBuf)>, DataError> {
    if !dir.is_dir() {
        return Err(missing_folder(dir, hint));
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(DataError::io(dir))? {
        let path = entry.map_err(DataError::io(dir))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(DataError::FileName { path });
        };
        let Some(stem) = nifti_stem(name).filter(|_| !name.starts_with('.')) else { continue };
        // Follows a link; one that points nowhere is an error.
        if fs::metadata(&path).map_err(DataError::io(&path))?.is_file() {
            names.push((name.to_string(), stem.to_string(), path));
        }
    }
    names.sort();
    Ok(names.into_iter().map(|(_, stem, path)| (stem, path)).collect())
}

fn missing_folder(path: &Path, hint: &str) -> DataError {
    DataError::MissingFolder { path: path.into(), hint: hint.into() }
}

/// Checks that the files which `dataset.json` names are there.
fn check_listing(listing: &Path, dir: &Path) -> Result<(), DataError> {
    let content: Value = read_json(listing)?;
    let entries = |key: &str| content.get(key).and_then(Value::as_array).into_iter().flatten();
    let mut files = Vec::new();
    for entry in entries("training").chain(entries("test")) {
        // A test case is a bare file name; other writers use an object there, too.
        let keys = ["image", "label"].iter().filter_map(|key| entry.get(key));
        files.extend(keys.chain(entry.is_string().then_some(entry)).filter_map(Value::as_str));
    }
    match files.into_iter().find(|file| !dir.join(file).is_file()) {
        Some(file) => Err(DataError::BadJson {
            path: listing.into(),
            reason: format!("the list names {file}, which is not there"),
        }),
        None => Ok(()),
    }
}
