//! Images from files and from folders of DICOM series, with the warnings of reading them.

use std::path::Path;

use medseg_volume::{Geometry, ReadOptions, Volume, VolumeFile};
use ndarray::{Array4, Axis};

use crate::CliError;
use crate::console::Console;

/// A volume as it was found.
pub struct Found {
    /// The format and the stored type of voxels.
    pub format: String,
    /// Voxels to millimetres.
    pub geometry: Geometry,
    /// `[channel, depth, height, width]`.
    pub values: Array4<f32>,
    /// Oddities of the file.
    pub warnings: Vec<String>,
}

/// Reads a file, or the one series of a folder or the one named.
pub fn read(path: &Path, series: Option<&str>) -> Result<Found, CliError> {
    if path.is_dir() { read_series(path, series) } else { read_file(path) }
}

/// Reads one channel and prints the warnings.
pub fn read_image(path: &Path, series: Option<&str>, console: &mut Console) -> Result<Volume<f32>, CliError> {
    let (image, warnings) = if path.is_dir() {
        let Found { geometry, values, warnings, .. } = read_series(path, series)?;
        (Volume::new(values.index_axis_move(Axis(0), 0), geometry), warnings)
    } else {
        let file = VolumeFile::open(path)?;
        let warnings = file.info().warnings.iter().map(ToString::to_string).collect();
        (file.image(&ReadOptions::default())?, warnings)
    };
    for warning in &warnings {
        console.warning(&format!("{}: {warning}", path.display()));
    }
    Ok(image)
}

fn read_file(path: &Path) -> Result<Found, CliError> {
    let file = VolumeFile::open(path)?;
    let (values, geometry) = file.channels(&ReadOptions::default())?;
    let info = file.info();
    let version = geometry.nifti_fields().map_or(String::new(), |f| format!("NIfTI version {:?}, ", f.version));
    let order = if info.big_endian { "big-endian" } else { "little-endian" };
    let scaling = info.scaling.map_or(String::new(), |(slope, intercept)| format!(", scaled by {slope} + {intercept}"));
    let extensions = info.extensions.iter().map(|e| format!(", extension {} of {} bytes", e.code, e.data.len()));
    let format = format!("{version}{} {order}{scaling}{}", info.datatype, extensions.collect::<String>());
    Ok(Found { format, geometry, values, warnings: info.warnings.iter().map(ToString::to_string).collect() })
}

#[cfg(feature = "dicom")]
fn read_series(path: &Path, series: Option<&str>) -> Result<Found, CliError> {
    use medseg_volume::dicom::{SeriesOptions, read_series_with};
    let options = SeriesOptions::default();
    let options = series.map_or(options.clone(), |uid| options.with_uid(uid));
    let (image, summary) = read_series_with(path, &options)?;
    let format = format!("DICOM series, {}, {}", summary.datatype, summary.syntax);
    let warnings = summary.warnings.iter().map(ToString::to_string).collect();
    Ok(Found { format, geometry: image.geometry, values: image.data.insert_axis(Axis(0)), warnings })
}

#[cfg(not(feature = "dicom"))]
fn read_series(path: &Path, _series: Option<&str>) -> Result<Found, CliError> {
    let what = "is a folder; a DICOM series needs a build with the feature dicom";
    Err(CliError::Usage(format!("{} {what}", path.display())))
}
