//! Outputs are compared with inputs before anything is written.

use std::fs;
use std::path::{Path, PathBuf};

use crate::CliError;

/// Refuses an output file that is one of the inputs or lies in a folder that is read, through links too.
///
/// # Errors
/// [`CliError::Usage`] that names both.
pub fn refuse_output_over_input(output: &Path, inputs: &[&Path]) -> Result<(), CliError> {
    let resolved = resolve(output);
    for input in inputs {
        let Ok(read) = fs::canonicalize(input) else { continue };
        let inside = read.is_dir() && resolved.starts_with(&read);
        if resolved == read || inside || same_file(output, &read) || (read.is_dir() && holds(&read, output)) {
            let what = if read.is_dir() { "lies in the folder that is read" } else { "is the file that is read" };
            return Err(CliError::Usage(format!(
                "{} {what}, {}: nothing is written",
                output.display(),
                input.display()
            )));
        }
    }
    Ok(())
}

/// Folders of a data set whose files are read.
const CASES: [&str; 5] = ["image", "label", "imagesTr", "labelsTr", "imagesTs"];

/// Refuses an output folder that is a data set that is read, or lies among its files.
///
/// # Errors
/// [`CliError::Usage`] that names both.
pub fn refuse_folder_over_input(output: &Path, input: &Path) -> Result<(), CliError> {
    let (Ok(read), resolved) = (fs::canonicalize(input), resolve(output)) else { return Ok(()) };
    let inside = |name: &&str| fs::canonicalize(read.join(name)).is_ok_and(|folder| resolved.starts_with(folder));
    if resolved == read || CASES.iter().any(|name| inside(&name)) {
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
        _ => absolute,
    }
}

/// Whether two names are of one file: hard links.
fn same_file(a: &Path, b: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let identity = |path: &Path| fs::metadata(path).ok().map(|m| (m.dev(), m.ino()));
        return identity(a).is_some() && identity(a) == identity(b);
    }
    #[cfg(not(unix))]
    {
        let _ = (a, b);
        false
    }
}

/// Whether a file of the folder is this file under another name.
fn holds(folder: &Path, file: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    file.is_file() && entries.flatten().any(|entry| same_file(&entry.path(), file))
}

/// Refuses a name whose ending is of no format that can be written, or whose folder is missing: before hours are spent.
///
/// # Errors
/// [`CliError::Usage`] for the ending, [`CliError::Failed`] for the folder.
pub fn check_volume_output(path: &Path) -> Result<(), CliError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if !ENDINGS.iter().any(|ending| name.ends_with(ending)) {
        let endings = ENDINGS.join(", ");
        return Err(CliError::Usage(format!("{}: the name of a volume ends in {endings}", path.display())));
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
