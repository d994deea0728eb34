//! Images from files and from folders of DICOM series, with the warnings of reading them.

use std::path::{Path, PathBuf};

#[cfg(feature = "dicom")]
use medseg_volume::dicom::{SeriesOptions, SourceSeries, read_series_files, read_series_with};
use medseg_volume::{
    Geometry, ImageOptions, ImageWarning, NiftiVersion, ReadOptions, Volume, VolumeFile, read_image_with_warnings,
};
use ndarray::Array4;

use crate::CliError;
use crate::console::Console;
use crate::slice_of_series::refuse_slice_of_series;
#[cfg(feature = "dicom")]
use crate::slice_of_series::series_around;

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

/// Choices that a DICOM series asks for.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SeriesArgs {
    /// The series to take from a folder of several
    #[arg(long, value_name = "UID")]
    series: Option<String>,
    /// Accept a series with a gantry tilt, whose volume is then sheared
    #[arg(long)]
    accept_tilt: bool,
    /// Complement the stored values of MONOCHROME1 images, as GDCM and SimpleITK do
    #[arg(long)]
    invert_monochrome1: bool,
}

impl SeriesArgs {
    /// The choices for a series.
    #[cfg(feature = "dicom")]
    pub fn options(&self) -> SeriesOptions {
        let options = SeriesOptions::default()
            .with_accept_tilt(self.accept_tilt)
            .with_invert_monochrome1(self.invert_monochrome1);
        match &self.series {
            Some(uid) => options.with_uid(uid),
            None => options,
        }
    }

    /// The choices but for the series, which was chosen otherwise.
    pub fn of_any_series(&self) -> Self {
        Self { series: None, ..self.clone() }
    }

    /// The series that was chosen.
    pub fn uid(&self) -> Option<&str> {
        self.series.as_deref()
    }

    /// All choices, as text.
    pub fn describe(&self) -> String {
        format!("{:?} {} {}", self.series, self.accept_tilt, self.invert_monochrome1)
    }
}

/// True for the folder of a DICOM series, and for a DICOM file, which may hold a whole volume.
pub fn is_series(path: &Path) -> bool {
    #[cfg(feature = "dicom")]
    return path.is_dir() || medseg_volume::dicom::is_dicom(path);
    #[cfg(not(feature = "dicom"))]
    path.is_dir()
}

/// Reads a volume with all its channels, or the one series of a folder or the one named. One slice of a series is read as
/// such, with a warning.
pub fn read(path: &Path, series: &SeriesArgs) -> Result<Found, CliError> {
    if is_series(path) { read_series(path, series) } else { read_file(path) }
}

/// Reads one image and prints the warnings; an image without a finite voxel is refused.
pub fn read_image(path: &Path, series: &SeriesArgs, console: &mut Console) -> Result<Volume<f32>, CliError> {
    let (image, warnings) = read_volume(path, series)?;
    warnings.iter().for_each(|warning| console.warning(&format!("{}: {warning}", path.display())));
    Ok(image)
}

/// Reads one image, with the warnings; an image without a finite voxel is refused.
pub fn read_volume(path: &Path, series: &SeriesArgs) -> Result<(Volume<f32>, Vec<String>), CliError> {
    if path.is_dir() && !cfg!(feature = "dicom") {
        return Err(needs_dicom(path));
    }
    refuse_slice_of_series(path)?;
    let options = ImageOptions::default()
        .with_series_uid(series.series.clone())
        .with_accept_tilt(series.accept_tilt)
        .with_invert_monochrome1(series.invert_monochrome1);
    let (image, warnings) = read_image_with_warnings(path, &options)?;
    let text = |warning: &ImageWarning| match warning {
        ImageWarning::NotFinite { .. } => {
            format!("{warning}; NaN and -inf count as the lowest value, +inf as the highest")
        }
        _ => warning.to_string(),
    };
    Ok((image, warnings.iter().map(text).collect()))
}

/// Refuses a DICOM object that holds a mask, and says how to get at it.
///
/// # Errors
/// [`CliError::Failed`] with the command that makes a volume of it.
pub fn refuse_dicom_mask(path: &Path) -> Result<(), CliError> {
    #[cfg(feature = "dicom")]
    if path.is_file() && medseg_volume::dicom::is_dicom(path) {
        use medseg_volume::dicom::{ObjectKind, object_kind};

        let (object, more) = match object_kind(path)? {
            ObjectKind::Segmentation => ("segmentation", ""),
            ObjectKind::StructureSet => ("structure set", " --like DICOM_FOLDER"),
            _ => return Ok(()),
        };
        let path = path.display();
        let hint = format!("`medseg convert {path} mask.nii.gz{more}` makes a volume of it");
        return Err(CliError::Failed(format!("{path} is a DICOM {object}, not a volume; {hint}")));
    }
    let _ = path;
    Ok(())
}

/// Reads a DICOM series from its folder, or from its files, with the warnings.
#[cfg(feature = "dicom")]
pub fn read_series_of(files: &[PathBuf], series: &SeriesArgs) -> Result<(Volume<f32>, Vec<String>), CliError> {
    if let [path] = files {
        return read_volume(path, series);
    }
    let (image, summary) = read_series_files(folder_of(files), files, &series.options())?;
    Ok((image, summary.warnings.iter().map(ToString::to_string).collect()))
}

#[cfg(not(feature = "dicom"))]
pub fn read_series_of(files: &[PathBuf], _: &SeriesArgs) -> Result<(Volume<f32>, Vec<String>), CliError> {
    Err(needs_dicom(folder_of(files)))
}

/// The images that a DICOM object of this series refers to.
#[cfg(feature = "dicom")]
pub fn source_of(files: &[PathBuf], series: &SeriesArgs) -> Result<SourceSeries, CliError> {
    Ok(match files {
        [path] => SourceSeries::read(path, &series.options())?,
        files => SourceSeries::read_files(folder_of(files), files, &series.options())?,
    })
}

/// A folder that stands for these files in messages.
fn folder_of(files: &[PathBuf]) -> &Path {
    files.first().and_then(|file| file.parent()).unwrap_or(Path::new("."))
}

fn needs_dicom(folder: &Path) -> CliError {
    let what = "is a folder; a DICOM series needs a build with the feature dicom";
    CliError::Usage(format!("{} {what}", folder.display()))
}

fn read_file(path: &Path) -> Result<Found, CliError> {
    let file = VolumeFile::open(path)?;
    let (values, geometry) = file.channels(&ReadOptions::default())?;
    Ok(Found { format: format_of(&file, &geometry), geometry, values, warnings: warnings_of(&file) })
}

/// Oddities of a file.
pub fn warnings_of(file: &VolumeFile) -> Vec<String> {
    file.info().warnings.iter().map(ToString::to_string).collect()
}

/// The format and the stored type of voxels.
pub fn format_of(file: &VolumeFile, geometry: &Geometry) -> String {
    let info = file.info();
    let version = geometry.nifti_fields().map_or("", |fields| match fields.version {
        NiftiVersion::One => "NIfTI-1, ",
        NiftiVersion::Two => "NIfTI-2, ",
    });
    let order = if info.big_endian { "big-endian" } else { "little-endian" };
    let scaling = info.scaling.map_or(String::new(), |(slope, intercept)| format!(", scaled by {slope} + {intercept}"));
    let extensions = info.extensions.iter().map(|e| format!(", extension {} of {} bytes", e.code, e.data.len()));
    format!("{version}{} {order}{scaling}{}", info.datatype, extensions.collect::<String>())
}

#[cfg(feature = "dicom")]
fn read_series(path: &Path, series: &SeriesArgs) -> Result<Found, CliError> {
    let (image, summary) = read_series_with(path, &series.options())?;
    let format = format!("DICOM series, {}, {}", summary.datatype, summary.syntax);
    let warnings = summary.warnings.iter().map(ToString::to_string).chain(series_around(path)).collect();
    Ok(Found { format, geometry: image.geometry, values: image.data.insert_axis(ndarray::Axis(0)), warnings })
}

#[cfg(not(feature = "dicom"))]
fn read_series(path: &Path, _series: &SeriesArgs) -> Result<Found, CliError> {
    Err(needs_dicom(path))
}
