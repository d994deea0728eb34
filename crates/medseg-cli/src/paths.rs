//! Outputs are compared with inputs before anything is written.

use std::fs;
use std::path::{Path, PathBuf};

use medseg_volume::VolumeFile;

use crate::CliError;

/// Refuses a volume as output if one of its files is among those that are read, or lies in a folder that is read, through
/// links too.
///
/// # Errors
/// [`CliError::Usage`] that names both.
pub fn refuse_output_over_input(output: &Path, inputs: &[&Path]) -> Result<(), CliError> {
    let voxels = inputs.iter().filter_map(|input| voxels_of(input));
    let read: Vec<PathBuf> = inputs.iter().map(|input| input.to_path_buf()).chain(voxels).collect();
    for input in &read {
        if let Some(written) = written_with(output).iter().find(|written| replaces(written, input)) {
            let what = if input.is_dir() { "lies in the folder that is read" } else { "is the file that is read" };
            let (written, input) = (written.display(), input.display());
            return Err(CliError::Usage(format!("{written} {what}, {input}: nothing is written")));
        }
    }
    Ok(())
}

/// The files of a volume of this name: a detached header has its voxels beside it.
fn written_with(output: &Path) -> Vec<PathBuf> {
    let detached = output.extension().is_some_and(|e| ["nhdr", "mhd"].iter().any(|name| e.eq_ignore_ascii_case(name)));
    let voxels = ["raw", "raw.gz", "zraw"].iter().filter(|_| detached).map(|ending| output.with_extension(ending));
    std::iter::once(output.to_path_buf()).chain(voxels).collect()
}

/// The file that a volume's header names for its voxels, if it is another.
fn voxels_of(input: &Path) -> Option<PathBuf> {
    let file = VolumeFile::open(input).ok().filter(|_| input.is_file())?;
    Some(file.voxels_path().to_path_buf()).filter(|voxels| voxels != input)
}

/// True if writing a file would change a file that is read, or the content of a folder that is read.
fn replaces(output: &Path, input: &Path) -> bool {
    let Ok(read) = fs::canonicalize(input) else { return false };
    let (folder, resolved) = (read.is_dir(), resolve(output));
    let inside = folder && (resolved.starts_with(&read) || holds(&read, output));
    resolved == read || inside || same_file(output, &read)
}

/// Folders of a data set whose files are read.
const CASES: [&str; 5] = ["image", "label", "imagesTr", "labelsTr", "imagesTs"];

/// Refuses an output folder that is a data set that is read, or lies among its files.
///
/// # Errors
/// [`CliError::Usage`] that names both.
pub fn refuse_folder_over_input(output: &Path, input: &Path) -> Result<(), CliError> {
    let (Ok(read), resolved) = (fs::canonicalize(input), resolve(output)) else { return Ok(()) };
    let inside = |name: &str| fs::canonicalize(read.join(name)).is_ok_and(|folder| resolved.starts_with(folder));
    if resolved == read || CASES.iter().any(|name| inside(name)) {
        let (output, input) = (output.display(), input.display());
        return Err(CliError::Usage(format!(
            "{output} lies among the files that are read, {input}: nothing is written"
        )));
    }
    Ok(())
}

/// The path without links, as far as it exists.
fn resolve(path: &Path) -> PathBuf {
    if let Ok(path) = fs::canonicalize(path) {
        return path;
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    match (absolute.parent(), absolute.file_name()) {
        (Some(parent), Some(name)) => resolve(parent).join(name),
        // It ends in `..`, below a folder that is still to be made.
        (Some(parent), None) => resolve(parent).parent().map_or(absolute.clone(), Path::to_path_buf),
        _ => absolute,
    }
}

/// True if two names are of one file: hard links.
fn same_file(a: &Path, b: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let identity = |path: &Path| fs::metadata(path).ok().map(|m| (m.dev(), m.ino()));
        identity(a).is_some() && identity(a) == identity(b)
    }
    #[cfg(not(unix))]
    {
        let _ = (a, b);
        false
    }
}

/// True if a file of the folder is this file under another name.
fn holds(folder: &Path, file: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    file.is_file() && entries.flatten().any(|entry| same_file(&entry.path(), file))
}

/// Refuses a name whose ending is of no format that can be written, or whose folder is missing: before hours are spent.
///
/// # Errors
/// [`CliError::Usage`] for the ending, [`CliError::Failed`] for the folder.
pub fn check_volume_output(path: &Path) -> Result<(), CliError> {
    check_ending(path, "a volume", &ENDINGS)
}

/// As [`check_volume_output`], for a mask, which may be a DICOM segmentation too.
///
/// # Errors
/// As [`check_volume_output`].
pub fn check_mask_output(path: &Path) -> Result<(), CliError> {
    if is_dicom_name(path) { check_ending(path, "a DICOM segmentation", &[".dcm"]) } else { check_volume_output(path) }
}

fn is_dicom_name(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("dcm"))
}

/// True for a name that ends as a mask does.
pub fn is_mask_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending)) || is_dicom_name(path)
}

/// Refuses a name without one of these endings, or whose folder is missing.
///
/// # Errors
/// [`CliError::Usage`] for the ending, [`CliError::Failed`] for the folder.
pub fn check_ending(path: &Path, what: &str, endings: &[&str]) -> Result<(), CliError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if !endings.iter().any(|ending| name.ends_with(ending)) {
        let endings = endings.join(", ");
        return Err(CliError::Usage(format!("{}: the name of {what} ends in {endings}", path.display())));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let (path, folder) = (path.display(), folder.display());
        return Err(CliError::Failed(format!("cannot write {path}: there is no folder {folder}")));
    }
    Ok(())
}

/// Endings of the formats that volumes are written in.
const ENDINGS: [&str; 6] = [".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd"];

#[cfg(test)]
mod tests {
    use medseg_volume::{Dhw, Geometry, Volume, write_image};

    use super::*;

    #[test]
    fn an_output_that_is_an_input_is_refused_under_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("series/sub")).unwrap();
        for name in ["scan.nii.gz", "series/1.dcm"] {
            fs::write(path(name), "voxels").unwrap();
        }
        let refused = |output: &str, input: &str| refuse_output_over_input(&path(output), &[&path(input)]).is_err();
        assert!(refused("scan.nii.gz", "scan.nii.gz") && refused("series/../scan.nii.gz", "scan.nii.gz"));
        assert!(refused("series/new.nii", "series") && refused("series/sub/new.nii", "series"));
        assert!(!refused("mask.nii.gz", "scan.nii.gz") && !refused("series.nii", "series"));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(path("scan.nii.gz"), path("link.nii.gz")).unwrap();
            std::os::unix::fs::symlink(path("series"), path("other")).unwrap();
            fs::hard_link(path("scan.nii.gz"), path("hard.nii.gz")).unwrap();
            fs::hard_link(path("series/1.dcm"), path("slice.nii")).unwrap();
            assert!(refused("link.nii.gz", "scan.nii.gz") && refused("scan.nii.gz", "link.nii.gz"));
            assert!(refused("hard.nii.gz", "scan.nii.gz"));
            assert!(refused("other/new.nii", "series") && refused("slice.nii", "series"));
        }
        fs::create_dir_all(path("set/image")).unwrap();
        let folders = |output: &str, input: &str| refuse_folder_over_input(&path(output), &path(input)).is_err();
        assert!(folders("set", "set") && folders("set/image/out", "set") && folders("set/../set", "set"));
        assert!(!folders("out", "set") && !folders("set/runs", "set"));
        assert!(folders("new/../set/image/out", "set") && folders("new/../set", "set"));
    }

    #[test]
    fn the_voxels_beside_a_header_are_compared_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let geometry = Geometry::from_spacing(Dhw { d: 2.0, h: 1.0, w: 1.0 }).unwrap();
        let volume = Volume::new(medseg_volume::ndarray::Array3::from_elem((2, 3, 4), 7.0_f32), geometry);
        write_image(path("scan.mhd"), &volume).unwrap();
        fs::rename(path("scan.zraw"), path("mask.zraw")).unwrap();
        let header = fs::read_to_string(path("scan.mhd")).unwrap();
        fs::write(path("scan.mhd"), header.replace("scan.zraw", "mask.zraw")).unwrap();
        let refused = |output: &str| refuse_output_over_input(&path(output), &[&path("scan.mhd")]).is_err();
        assert!(refused("scan.mhd") && refused("mask.mhd") && refused("mask.nhdr"));
        assert!(!refused("mask.mha") && !refused("other.mhd"));
    }

    #[test]
    fn only_names_of_formats_that_are_written_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let checked = |name: &str| check_volume_output(&folder.path().join(name));
        assert!(["a.nii", "a.NII.GZ", "a.nrrd", "a.mha"].iter().all(|name| checked(name).is_ok()));
        assert!(matches!(checked("a.png"), Err(CliError::Usage(text)) if text.contains("a.png")));
        assert!(matches!(checked("none/a.nii"), Err(CliError::Failed(text)) if text.contains("none")));
    }
}
