//! Finding the cases in a folder.

use std::path::Path;

use crate::DataError;
use crate::case::Case;
use crate::dataset_warning::DatasetWarning;
use crate::listing::Listing;
use crate::pairing::{labelled, unlabelled};

/// Folder names that belong together: images, labels.
const LAYOUTS: [(&str, &str); 3] = [("imagesTr", "labelsTr"), ("image", "label"), ("images", "labels")];
/// Folder of the unlabelled test cases in the layout of the Medical Segmentation Decathlon and of nnU-Net.
const TEST_IMAGES: &str = "imagesTs";
/// List of the cases in that layout.
const LISTING: &str = "dataset.json";

/// Finds the cases of a folder, sorted by the name of the image's file.
///
/// Two layouts are known:
/// - `image/` and `label/` (or `images/` and `labels/`) with files of the same names;
/// - that of the [Medical Segmentation Decathlon](http://medicaldecathlon.com) and of
///   [nnU-Net](https://github.com/MIC-DKFZ/nnUNet): `imagesTr/` and `labelsTr/`, the unlabelled cases in `imagesTs/` if
///   it is there, and a `dataset.json`, which may be missing. The folders decide which cases there are; a file that the
///   list names and the folders lack is an error, as a sign of a download that was cut off.
///
/// Files are volumes by their [ending](medseg_volume::VOLUME_ENDINGS), in any case; an image and its label may differ in
/// it. The names `volume-7` and `segmentation-7` of the LiTS challenge's own files count as the same. So do names that
/// differ only in how Unicode composes letters; ids are composed (NFC). Hidden files (macOS's `._*` among them) and
/// other files are passed over. Labelled cases come first, then the unlabelled ones.
///
/// nnU-Net's names: an image `liver_001_0000` without a label of its own name belongs to the label `liver_001`, as channel
/// 0 of that case; `_0001` and so on are its [further channels](Case::channels). All cases must have as many, as many as
/// the `channel_names` or `modality` of a `dataset.json`. Where images and labels have the same names, such an end is a
/// part of the name.
///
/// # Errors
/// If a folder is missing or holds no volume, an image has no label or two, a label no image, a case a channel too few or
/// too many, two files have one name, a listed file is missing, or `dataset.json` is no JSON. The message names the path.
///
/// # Examples
/// ```
/// let folder = tempfile::tempdir()?;
/// let files = ["imagesTr/a_0000.nii.gz", "imagesTr/a_0001.nii.gz", "labelsTr/a.nii", "imagesTs/b_0000.nii", "imagesTs/b_0001.nii"];
/// for file in files.map(|file| folder.path().join(file)) {
///     std::fs::create_dir_all(file.parent().unwrap())?;
///     std::fs::write(file, b"")?; // contents do not matter here
/// }
/// let cases = medseg_data::discover(folder.path())?;
/// assert_eq!(cases.iter().map(|case| case.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
/// assert_eq!(cases[0].label, Some(folder.path().join("labelsTr/a.nii")));
/// assert_eq!(cases[0].channels, [folder.path().join("imagesTr/a_0001.nii.gz")]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn discover(dir: impl AsRef<Path>) -> Result<Vec<Case>, DataError> {
    discover_with_warnings(dir).map(|(cases, _)| cases)
}

/// [`discover`] with all that is odd about the data set, though its cases were found.
///
/// # Errors
/// As [`discover`].
pub fn discover_with_warnings(dir: impl AsRef<Path>) -> Result<(Vec<Case>, Vec<DatasetWarning>), DataError> {
    let dir = dir.as_ref();
    if !dir.is_dir() {
        return Err(DataError::MissingFolder { path: dir.into(), hint: String::new() });
    }
    let (images, labels) = LAYOUTS
        .iter()
        .map(|(images, labels)| (dir.join(images), dir.join(labels)))
        .find(|(images, labels)| images.is_dir() || labels.is_dir())
        .ok_or_else(|| DataError::UnknownLayout { path: dir.into() })?;
    if !images.ends_with(LAYOUTS[0].0) {
        return Ok((labelled(&images, &labels, None)?.0, Vec::new()));
    }
    let listing = Some(dir.join(LISTING)).filter(|path| path.is_file());
    let listing = listing.as_deref().map(Listing::read).transpose()?;
    let (mut cases, numbered) = labelled(&images, &labels, listing.as_ref())?;
    let tests = dir.join(TEST_IMAGES);
    if tests.is_dir() {
        let tests = unlabelled(&tests, &cases, numbered)?;
        cases.extend(tests);
    }
    let Some(listing) = listing else { return Ok((cases, Vec::new())) };
    listing.check_files(dir, &cases)?;
    let warnings = listing.warning(&cases).into_iter().collect();
    Ok((cases, warnings))
}
