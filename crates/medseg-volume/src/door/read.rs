//! Reading a file in one call.

use std::path::Path;

use ndarray::Array4;

use super::{ReadOptions, VolumeFile};
use crate::{Geometry, LabelChoice, StoredVoxels, Volume, VolumeError, VolumeInfo};

/// Reads a 3D NIfTI, NRRD or MetaImage file as f32, scaled by the file's slope and intercept.
///
/// gzip is recognised by content; a file of several members is read whole, and checksums are checked. Further axes
/// are accepted if their length is 1.
///
/// # Errors
/// As [`VolumeFile::open`] and [`VolumeFile::image`], with the limits of [`ReadOptions::default`].
///
/// ```no_run
/// let image = medseg_volume::read_image("case_01.nii.gz")?;
/// println!("{} voxels of {:.3} mm", image.shape(), image.geometry.spacing());
/// # Ok::<(), medseg_volume::VolumeError>(())
/// ```
pub fn read_image(path: impl AsRef<Path>) -> Result<Volume<f32>, VolumeError> {
    read_image_with(path, &ReadOptions::default())
}

/// [`read_image`] with other limits, or a part of the slices.
///
/// # Errors
/// As [`read_image`].
pub fn read_image_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Volume<f32>, VolumeError> {
    VolumeFile::open(path)?.image(options)
}

/// Reads a 3D label map: whole numbers from 0 to 255, whatever the stored type.
///
/// # Errors
/// As [`read_image`], and a value that is no whole number from 0 to 255 after scaling, named with its voxel. For files
/// with other values, of which some are wanted, there is [`read_label_of`].
pub fn read_label(path: impl AsRef<Path>) -> Result<Volume<u8>, VolumeError> {
    read_label_with(path, &ReadOptions::default())
}

/// Reads a 3D label map of which only some values matter; the others become 0.
///
/// # Errors
/// As [`VolumeFile::label_of`].
pub fn read_label_of(path: impl AsRef<Path>, labels: &LabelChoice) -> Result<Volume<u8>, VolumeError> {
    VolumeFile::open(path)?.label_of(labels, &ReadOptions::default())
}

/// Reads a 3D label map with any whole numbers, negative ones and those above 255 too.
///
/// # Errors
/// As [`read_image`], and a value that is no whole number of i32 after scaling, named with its voxel.
///
/// ```
/// use medseg_volume::ndarray::Array3;
/// use medseg_volume::{Dhw, Geometry, Volume, WriteOptions, read_label, read_label_values, write_volume};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("aparc.nii.gz");
/// let geometry = Geometry::from_spacing(Dhw::splat(1.0))?;
/// let labels = Volume::new(Array3::from_elem((2, 3, 4), 2035_i32), geometry);
/// write_volume(&path, &labels, &WriteOptions::default().with_labels(true))?;
/// assert_eq!(read_label_values(&path)?, labels);
/// assert!(read_label(&path).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_label_values(path: impl AsRef<Path>) -> Result<Volume<i32>, VolumeError> {
    VolumeFile::open(path)?.label_values(&ReadOptions::default())
}

/// [`read_label`] with other limits, or a part of the slices.
///
/// # Errors
/// As [`read_label`].
pub fn read_label_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Volume<u8>, VolumeError> {
    VolumeFile::open(path)?.label(options)
}

/// Reads a file of any number of dimensions as `[channel, depth, height, width]`; the axes after the third are the
/// channels, the last slowest.
///
/// # Errors
/// As [`read_image`], channels excepted.
pub fn read_channels(path: impl AsRef<Path>) -> Result<(Array4<f32>, Geometry), VolumeError> {
    VolumeFile::open(path)?.channels(&ReadOptions::default())
}

/// Reads a file of any number of dimensions in its own type, not scaled: every value as it is stored.
///
/// # Errors
/// As [`read_channels`]; no value is refused.
pub fn read_stored(path: impl AsRef<Path>) -> Result<(StoredVoxels, Geometry), VolumeError> {
    VolumeFile::open(path)?.stored(&ReadOptions::default())
}

/// Reads the header alone: quick, however large the file.
///
/// # Errors
/// As [`VolumeFile::open`].
pub fn read_info(path: impl AsRef<Path>) -> Result<VolumeInfo, VolumeError> {
    VolumeFile::open(path).map(VolumeFile::into_info)
}
