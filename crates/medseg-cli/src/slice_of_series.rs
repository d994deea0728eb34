//! One slice of a DICOM series in place of the series.

use std::path::Path;

use crate::CliError;

/// Refuses a file that is one slice of a series whose other slices lie beside it: its volume would be that slice alone.
///
/// # Errors
/// [`CliError::Usage`] that names the folder, and the option that chooses the series if there are several.
pub fn refuse_slice_of_series(path: &Path) -> Result<(), CliError> {
    let Some(whole) = series_around(path) else { return Ok(()) };
    Err(CliError::Usage(format!("{} is {whole}", path.display())))
}

/// In words, of how many slices a file is one, and how all of them are read; `None` for a file that is no such slice.
#[cfg(feature = "dicom")]
pub fn series_around(path: &Path) -> Option<String> {
    use medseg_volume::dicom::{describe_files, is_dicom};

    if !path.is_file() || !is_dicom(path) {
        return None;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let own = describe_files(folder, vec![path.to_path_buf()]);
    let [own] = &own.series[..] else { return None };
    let single = own.volume.as_ref().is_ok_and(|volume| volume.shape.d == 1);
    if !single || own.uid.is_empty() {
        return None;
    }
    let beside = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).filter(|path| path.is_file());
    let series = describe_files(folder, beside.collect()).series;
    let files = series.iter().find(|series| series.uid == own.uid)?.files;
    if files < 2 {
        return None;
    }
    let choice = if series.len() > 1 { format!(" with --series {}", own.uid) } else { String::new() };
    Some(format!("one of {files} slices of a series: give its folder, {}{choice}", folder.display()))
}

#[cfg(not(feature = "dicom"))]
fn series_around(_: &Path) -> Option<String> {
    None
}
