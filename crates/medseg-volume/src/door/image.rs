//! One door for images of every kind: a file, or a folder with a DICOM series.

use std::fmt;
use std::path::Path;

use rayon::prelude::*;

use crate::{MalformedKind, ReadOptions, Volume, VolumeError, VolumeFile, Warning};

/// Limits of [`read_image_with_warnings`], and the choices that a DICOM series asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageOptions {
    /// Largest result in bytes; a file that promises more is refused before memory is taken.
    pub max_bytes: u64,
    /// `SeriesInstanceUID` of the series to read; `None` for the only one of a folder.
    pub series_uid: Option<String>,
    /// Accepts the gantry tilt of a series, whose volume is then sheared.
    pub accept_tilt: bool,
    /// Complements the stored values of MONOCHROME1 images, as GDCM and SimpleITK do.
    pub invert_monochrome1: bool,
}

impl Default for ImageOptions {
    /// 16 GiB, the only series, no tilt, values as stored.
    fn default() -> Self {
        Self { max_bytes: 16 << 30, series_uid: None, accept_tilt: false, invert_monochrome1: false }
    }
}

impl ImageOptions {
    /// Sets the largest result in bytes.
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Chooses a series by its `SeriesInstanceUID`, or the only one for `None`.
    #[must_use]
    pub fn with_series_uid(mut self, uid: impl Into<Option<String>>) -> Self {
        self.series_uid = uid.into();
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
}

/// Something about an image that its user should know, though it could be read.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ImageWarning {
    /// An oddity of a file's header.
    File(Warning),
    /// An oddity of a DICOM series.
    #[cfg(feature = "dicom")]
    Series(crate::dicom::SeriesWarning),
    /// Voxels that are NaN or infinite, which are left as they are.
    NotFinite {
        /// Their number.
        voxels: usize,
        /// The number of all voxels.
        of: usize,
    },
}

impl fmt::Display for ImageWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(warning) => warning.fmt(f),
            #[cfg(feature = "dicom")]
            Self::Series(warning) => warning.fmt(f),
            Self::NotFinite { voxels, of } => write!(f, "{voxels} of {of} voxels are not finite numbers"),
        }
    }
}

/// Reads an image as f32 from a file of any format, or from a folder or file of a DICOM series (feature `dicom`), with
/// all that is odd about it.
///
/// # Errors
/// As [`read_image`](crate::read_image) and `dicom::read_series_with`; and an image none of whose voxels is finite.
///
/// ```
/// use medseg_volume::ndarray::Array3;
/// use medseg_volume::{
///     Dhw, Geometry, ImageOptions, ImageWarning, Volume, read_image_with_warnings, write_image,
/// };
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("ct.nii.gz");
/// let mut voxels = Array3::zeros((3, 4, 5));
/// voxels[[0, 0, 0]] = f32::NAN;
/// write_image(&path, &Volume::new(voxels, Geometry::from_spacing(Dhw::splat(1.0))?))?;
///
/// let (image, warnings) = read_image_with_warnings(&path, &ImageOptions::default())?;
/// assert_eq!(image.shape(), Dhw { d: 3, h: 4, w: 5 });
/// assert_eq!(warnings, [ImageWarning::NotFinite { voxels: 1, of: 60 }]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_image_with_warnings(
    path: impl AsRef<Path>,
    options: &ImageOptions,
) -> Result<(Volume<f32>, Vec<ImageWarning>), VolumeError> {
    let path = path.as_ref();
    let (image, mut warnings) = read(path, options)?;
    let of = image.data.len();
    let finite = |part: &[f32]| part.iter().filter(|value| value.is_finite()).count();
    // What was read is in order, so it is one slice.
    let voxels = of - image.data.as_slice().unwrap_or_default().par_chunks(1 << 18).map(finite).sum::<usize>();
    if voxels == of {
        let reason = format!("none of its {of} voxels is a finite number");
        return Err(VolumeError::malformed(path, MalformedKind::Value, reason));
    }
    if voxels > 0 {
        warnings.push(ImageWarning::NotFinite { voxels, of });
    }
    Ok((image, warnings))
}

fn read(path: &Path, options: &ImageOptions) -> Result<(Volume<f32>, Vec<ImageWarning>), VolumeError> {
    #[cfg(feature = "dicom")]
    if path.is_dir() || crate::dicom::is_dicom(path) {
        use crate::dicom::{SeriesOptions, read_series_with};
        let mut series = SeriesOptions::default()
            .with_max_bytes(options.max_bytes)
            .with_accept_tilt(options.accept_tilt)
            .with_invert_monochrome1(options.invert_monochrome1);
        series.uid.clone_from(&options.series_uid);
        let (image, summary) = read_series_with(path, &series)?;
        return Ok((image, summary.warnings.into_iter().map(ImageWarning::Series).collect()));
    }
    let file = VolumeFile::open(path)?;
    let image = file.image(&ReadOptions::default().with_max_bytes(options.max_bytes))?;
    Ok((image, file.into_info().warnings.into_iter().map(ImageWarning::File).collect()))
}
