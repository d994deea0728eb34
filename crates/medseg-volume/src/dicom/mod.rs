//! DICOM series (feature `dicom`): a folder of slices in, a volume in RAS geometry out, or an error that says why not.
//!
//! ```no_run
//! use medseg_volume::dicom::{describe_folder, read_series};
//!
//! for series in describe_folder("scan")?.series {
//!     println!("{series}");
//! }
//! let image = read_series("scan")?; // f32, rescaled: Hounsfield units for CT
//! println!("{} voxels of {:.3} mm", image.shape(), image.geometry.spacing());
//! # Ok::<(), medseg_volume::dicom::DicomError>(())
//! ```
//!
//! # What makes a volume
//! Images of a folder and the folders in it are grouped by `SeriesInstanceUID` (those without one are a group too). They
//! are sorted by their position along the slices' normal, never by name or `InstanceNumber`. All slices must agree in size,
//! spacing, orientation and frame of reference. Two at one place, missing ones, uneven or changing steps and a gantry tilt
//! are errors that name the files ([`DicomError`]). What is unusual and harmless is a [`SeriesWarning`]. Files that are not DICOM, and objects that are no images of a volume (directories,
//! reports, segmentations, localizers, screenshots), are passed over and listed with the rule they fail
//! ([`FolderSummary::passed_over`]).
//!
//! The array is `[depth, height, width]` = slices, rows, columns. DICOM's patient space points to the left and the back
//! (LPS); the geometry is in RAS+ millimetres, so the affine's first two rows have the other sign.
//!
//! # Values
//! `stored × RescaleSlope + RescaleIntercept` in f64, each slice by its own, then rounded to f32. Stored values are cut
//! out of their container by `BitsStored` and `HighBit` and are signed if `PixelRepresentation` says so. MONOCHROME1
//! (low values shown bright) concerns the display only, so values are left as stored and a warning says so; GDCM, and
//! SimpleITK with it, complement them, which [`SeriesOptions::invert_monochrome1`] does too. `PixelPaddingValue` is a
//! value like others. Values by a lookup table are refused.
//!
//! # Transfer syntaxes
//! Uncompressed (implicit, explicit and deflated little endian, explicit big endian), RLE, JPEG baseline, extended and
//! lossless (process 14), JPEG-LS, JPEG 2000 (lossless and lossy). Others, such as high-throughput JPEG 2000, are refused
//! by name; so are colour and floating point. Lossy JPEG gives the numbers of libjpeg, and with it of GDCM.
//!
//! Files that the standard does not have and every peer reads are read: without preamble or group 2, with elements that lack
//! their representation, with an implicit data set under an explicit syntax or the reverse, with bytes after the last
//! pixel.
//!
//! # Several frames
//! The frames of enhanced CT, MR and PET objects are slices like others, placed and scaled by their functional groups.
//! Several times, echoes or directions in one object lie at the same places, which is an error.
//!
//! # Strangers' files
//! Every declared length is compared with the file before memory is taken, results with a limit
//! ([`SeriesOptions::max_bytes`]). Only the attributes that the volume needs are read, and the series' description, by which
//! a person chooses; the patient's name, number and dates are passed over unread, so none is kept, logged or part of an
//! error. (The paths of files are.) Only [`SourceSeries`] reads them, for objects that must repeat them.

mod charset;
mod codec;
mod content_date;
mod data_set;
mod decimal_string;
mod elements;
mod error;
mod functional_groups;
mod header;
mod mask_axes;
mod object;
mod object_kind;
mod option_checks;
mod pixels;
pub mod segmentation;
mod series;
mod source;
mod start;
pub mod structure_set;
mod summary;
mod syntax;
mod uid;
mod vectors;
mod write_file;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ndarray::Array3;
use rayon::prelude::*;

pub use content_date::ContentDate;
pub use error::DicomError;
pub use object_kind::{ObjectKind, object_kind};
pub use source::{SourceSeries, SourceSlice};
pub use start::is_dicom;
pub use summary::{FolderSummary, PassedOver, PassedOverReason, SeriesSummary, SeriesWarning, VolumeSummary};

use crate::Volume;
use header::{Found, Header};
use series::Stack;

/// Which series is read, and within which limits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeriesOptions {
    /// `SeriesInstanceUID` of the series; `None` for the only one of the folder.
    pub uid: Option<String>,
    /// Accept a gantry tilt: the volume's affine is then sheared, which is where the voxels truly lie, but what works on
    /// spacings alone misplaces them.
    pub accept_tilt: bool,
    /// Complement the stored values of MONOCHROME1 images before rescaling, as GDCM and SimpleITK do.
    pub invert_monochrome1: bool,
    /// Largest result in bytes; a series that promises more is refused before memory is taken.
    pub max_bytes: u64,
}

impl Default for SeriesOptions {
    /// The only series, no tilt, values as stored, 16 GiB.
    fn default() -> Self {
        Self { uid: None, accept_tilt: false, invert_monochrome1: false, max_bytes: 16 << 30 }
    }
}

impl SeriesOptions {
    /// Chooses a series by its `SeriesInstanceUID`.
    #[must_use]
    pub fn with_uid(mut self, uid: impl Into<String>) -> Self {
        self.uid = Some(uid.into());
        self
    }

    /// Accepts a gantry tilt, or not.
    #[must_use]
    pub fn with_accept_tilt(mut self, accept_tilt: bool) -> Self {
        self.accept_tilt = accept_tilt;
        self
    }

    /// Complements the stored values of MONOCHROME1 images, or not.
    #[must_use]
    pub fn with_invert_monochrome1(mut self, invert: bool) -> Self {
        self.invert_monochrome1 = invert;
        self
    }

    /// Sets the largest result in bytes.
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }
}

/// Describes the series of a folder and the folders in it from the files' headers, without reading pixels. The path of a
/// file stands for a folder with this file alone.
///
/// # Errors
/// [`DicomError::File`] if the folder cannot be listed. What is wrong with a file or a series is part of the summary.
pub fn describe_folder(folder: impl AsRef<Path>) -> Result<FolderSummary, DicomError> {
    let folder = folder.as_ref();
    Ok(Contents::of(folder)?.into_summary(folder, &SeriesOptions::default()))
}

/// Describes the series that these files hold, as [`describe_folder`] does for those of a folder. Messages name `folder`.
#[must_use]
pub fn describe_files(folder: impl AsRef<Path>, files: Vec<PathBuf>) -> FolderSummary {
    Contents::of_files(files).into_summary(folder.as_ref(), &SeriesOptions::default())
}

/// Reads the only series of a folder and the folders in it, or of a single file, as f32, rescaled.
///
/// # Errors
/// As [`read_series_with`].
pub fn read_series(folder: impl AsRef<Path>) -> Result<Volume<f32>, DicomError> {
    read_series_with(folder, &SeriesOptions::default()).map(|(volume, _)| volume)
}

/// Reads a series of a folder as f32, rescaled, and says what is unusual about it.
///
/// # Errors
/// No series, several of which none is chosen, or not the chosen one; a file of the series that is damaged or of a kind
/// that is not read; slices that make no volume; a result beyond `max_bytes`. See [`DicomError`].
///
/// ```no_run
/// use medseg_volume::dicom::{SeriesOptions, read_series_with};
/// let options = SeriesOptions::default().with_uid("1.2.3.4");
/// let (image, summary) = read_series_with("scan", &options)?;
/// summary.warnings.iter().for_each(|warning| eprintln!("{warning}"));
/// # Ok::<(), medseg_volume::dicom::DicomError>(())
/// ```
pub fn read_series_with(
    folder: impl AsRef<Path>,
    options: &SeriesOptions,
) -> Result<(Volume<f32>, VolumeSummary), DicomError> {
    let folder = folder.as_ref();
    Contents::of(folder)?.read(folder, options)
}

/// Reads a series of these files as f32, rescaled, and says what is unusual about it. Messages name `folder`.
///
/// For a program that found the files by [`describe_folder`] or [`describe_files`] ([`SeriesSummary::paths`]): no other
/// file is opened.
///
/// # Errors
/// As [`read_series_with`].
pub fn read_series_files(
    folder: impl AsRef<Path>,
    files: &[PathBuf],
    options: &SeriesOptions,
) -> Result<(Volume<f32>, VolumeSummary), DicomError> {
    Contents::of_files(files.to_vec()).read(folder.as_ref(), options)
}

/// The files of a folder by what they are.
struct Contents {
    /// By UID, in order of paths.
    series: BTreeMap<String, Images>,
    unreadable: Vec<DicomError>,
    passed_over: Vec<PassedOver>,
}

/// The images of one series.
#[derive(Default)]
struct Images {
    paths: Vec<PathBuf>,
    slices: Vec<Header>,
    refused: Vec<DicomError>,
}

impl Images {
    /// The slices, or the first reason why one of them is not read.
    fn into_slices(mut self) -> Result<Vec<Header>, DicomError> {
        if self.refused.is_empty() { Ok(self.slices) } else { Err(self.refused.swap_remove(0)) }
    }
}

impl Contents {
    /// Reads the headers of a folder's files, in parallel.
    fn of(folder: &Path) -> Result<Self, DicomError> {
        Ok(Self::of_files(files(folder)?))
    }

    /// Reads the headers of these files, in parallel.
    fn of_files(mut files: Vec<PathBuf>) -> Self {
        files.sort();
        let found: Vec<Found> = files.par_iter().map(|path| header::read(path)).collect();
        let mut contents = Self { series: BTreeMap::new(), unreadable: Vec::new(), passed_over: Vec::new() };
        for (path, file) in files.into_iter().zip(found) {
            match file {
                Found::Images(images) => {
                    let Some(first) = images.first() else { continue };
                    let series = contents.series.entry(first.series.clone()).or_default();
                    series.paths.push(path);
                    series.slices.extend(images);
                }
                Found::Refused { series: None, error } => contents.unreadable.push(error),
                Found::Refused { series: Some(series), error } => {
                    let series = contents.series.entry(series).or_default();
                    series.paths.push(path);
                    series.refused.push(error);
                }
                Found::PassedOver(reason) => contents.passed_over.push(PassedOver { path, reason }),
            }
        }
        contents
    }

    /// Reads the chosen series.
    fn read(self, folder: &Path, options: &SeriesOptions) -> Result<(Volume<f32>, VolumeSummary), DicomError> {
        let slices = self.choose(folder, options)?;
        let stack = series::stack(folder, slices, options)?;
        let data = voxels(folder, &stack, options)?;
        Ok((Volume::new(data, stack.summary.geometry.clone()), stack.summary))
    }

    fn into_summary(self, folder: &Path, options: &SeriesOptions) -> FolderSummary {
        let summary = |(uid, images): (String, Images)| SeriesSummary {
            uid,
            modality: images.slices.first().map(|slice| slice.modality.clone()).unwrap_or_default(),
            description: images.slices.first().map(|slice| slice.description.clone()).unwrap_or_default(),
            files: images.paths.len(),
            paths: images.paths.clone(),
            volume: images
                .into_slices()
                .and_then(|slices| series::stack(folder, slices, options))
                .map(|stack| stack.summary),
        };
        FolderSummary {
            series: self.series.into_iter().map(summary).collect(),
            passed_over: self.passed_over,
            unreadable: self.unreadable,
        }
    }

    /// The slices of the series to read.
    fn choose(mut self, folder: &Path, options: &SeriesOptions) -> Result<Vec<Header>, DicomError> {
        // A damaged file may be a slice of any series.
        if !self.unreadable.is_empty() {
            return Err(self.unreadable.swap_remove(0));
        }
        let uid = match &options.uid {
            Some(uid) => uid.clone(),
            None if self.series.len() > 1 => {
                let series = self.into_summary(folder, options).series;
                return Err(DicomError::SeveralSeries { folder: folder.to_path_buf(), series });
            }
            None => self.series.keys().next().cloned().unwrap_or_default(),
        };
        match self.series.remove(&uid) {
            Some(images) => images.into_slices(),
            None if options.uid.is_some() => {
                let series = self.into_summary(folder, options).series;
                Err(DicomError::UnknownSeries { folder: folder.to_path_buf(), uid, series })
            }
            None => Err(DicomError::NoSeries { folder: folder.to_path_buf(), passed_over: self.passed_over }),
        }
    }
}

/// Folders below one another that are entered.
const MOST_DEPTH: usize = 16;

/// The files of a folder and of those in it, sorted by path; a file stands for itself. Links to folders are not followed,
/// so that none is entered twice.
fn files(folder: &Path) -> Result<Vec<PathBuf>, DicomError> {
    if folder.is_file() {
        return Ok(vec![folder.to_path_buf()]);
    }
    let mut paths = Vec::new();
    list(folder, MOST_DEPTH, &mut paths)?;
    paths.sort();
    Ok(paths)
}

fn list(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> Result<(), DicomError> {
    let fail = || DicomError::io("list", folder);
    for entry in fs::read_dir(folder).map_err(fail())? {
        let entry = entry.map_err(fail())?;
        let path = entry.path();
        if path.is_file() {
            paths.push(path);
        } else if depth > 0 && entry.file_type().map_err(fail())?.is_dir() {
            list(&path, depth - 1, paths)?;
        }
    }
    Ok(())
}

/// Decodes the slices in parallel, each into its place.
fn voxels(folder: &Path, stack: &Stack, options: &SeriesOptions) -> Result<Array3<f32>, DicomError> {
    let (shape, limit) = (stack.summary.shape, options.max_bytes);
    let refused = |needed| DicomError::limit(folder, needed, limit);
    let needed = (shape.voxels() as u64).saturating_mul(4);
    if needed > limit {
        return Err(refused(needed));
    }
    let mut values = Vec::new();
    values.try_reserve_exact(shape.voxels()).map_err(|_| refused(needed))?;
    values.resize(shape.voxels(), 0.0_f32);
    let planes = values.par_chunks_mut(shape.h * shape.w);
    let decoded: Vec<Result<(), DicomError>> =
        planes.zip(&stack.slices).map(|(plane, slice)| codec::decode(slice, options, plane)).collect();
    // The first in order, so that the error does not depend on the threads.
    decoded.into_iter().collect::<Result<(), _>>()?;
    Array3::from_shape_vec((shape.d, shape.h, shape.w), values).map_err(|_| refused(needed))
}
