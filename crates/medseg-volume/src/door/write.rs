//! Writing a volume in one call, in the format that the name's ending tells.

use std::path::Path;

use medseg_files::write_atomic;
use ndarray::{Array4, ArrayView4, Axis};

use super::format::Format;
use crate::error::UnstorableFault;
use crate::file::{Framing, Grid, Output, has_extension, pack, write_output};
use crate::{Dhw, Geometry, Stored, Volume, VolumeError, WriteOptions, metaimage, nifti, nrrd};

/// Compression of label maps: higher levels make them a sixth smaller in twice the time, level 1 three times as large.
const LABEL_LEVEL: u32 = 2;
/// Compression of images.
const IMAGE_LEVEL: u32 = 4;
/// The name of a file in memory in messages.
const IN_MEMORY: &str = "<bytes>";

/// Writes a label map as u8.
///
/// The file is written under a temporary name in the same folder, synchronised, and renamed to `path` exactly as given;
/// its format is that of the name's ending: `.nii`, `.nii.gz`, `.nrrd`, `.nhdr`, `.mha` or `.mhd`. A `.nhdr` or `.mhd` has its
/// voxels in a file of the same name beside it, ending in `.raw.gz` or `.zraw`; level 0 leaves all of the last four
/// unpacked.
///
/// A geometry read from a NIfTI file gives the new file its sform, qform, codes, pixdim, units and description bit for
/// bit. The exception is a crop of a file with neither sform nor qform: its voxel sizes alone would imply another origin.
///
/// # Errors
/// An unknown ending, an empty volume, an affine beyond f32, or what the system says; the old file, if any, is left as it was.
///
/// ```
/// use medseg_volume::{Dhw, Geometry, Volume, read_label, write_label};
/// use ndarray::Array3;
///
/// let folder = tempfile::tempdir()?;
/// let geometry = Geometry::from_spacing(Dhw { d: 2.5, h: 0.8, w: 0.8 })?;
/// let mask = Volume::new(Array3::from_elem((4, 5, 6), 1u8), geometry);
/// write_label(folder.path().join("mask.nii.gz"), &mask)?;
/// assert_eq!(read_label(folder.path().join("mask.nii.gz"))?.data, mask.data);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_label(path: impl AsRef<Path>, volume: &Volume<u8>) -> Result<(), VolumeError> {
    write_volume(path, volume, &WriteOptions::default().with_labels(true))
}

/// Writes an image as f32; otherwise as [`write_label`].
///
/// # Errors
/// As [`write_label`].
pub fn write_image(path: impl AsRef<Path>, volume: &Volume<f32>) -> Result<(), VolumeError> {
    write_volume(path, volume, &WriteOptions::default())
}

/// Writes an image as i16, such as Hounsfield units; otherwise as [`write_label`].
///
/// # Errors
/// As [`write_label`].
pub fn write_image_i16(path: impl AsRef<Path>, volume: &Volume<i16>) -> Result<(), VolumeError> {
    write_volume(path, volume, &WriteOptions::default())
}

/// Writes a volume in its own type; otherwise as [`write_label`].
///
/// # Errors
/// As [`write_label`]; and options that NIfTI cannot meet: NIfTI-1 with an axis above 32767 voxels, a gzip level above 9,
/// an extension of 2 GiB.
///
/// ```
/// use medseg_volume::{Dhw, Extension, Geometry, NiftiVersion, Volume, WriteOptions, read_info, write_volume};
///
/// let folder = tempfile::tempdir()?;
/// let geometry = Geometry::from_spacing(Dhw { d: 1.0, h: 0.1, w: 0.1 })?;
/// let dose = Volume::new(ndarray::Array3::from_elem((4, 5, 6), 0.1f64), geometry);
/// let comment = Extension { code: 6, data: b"planned".to_vec() };
/// let options = WriteOptions::default().with_version(NiftiVersion::Two).with_extensions(vec![comment]);
/// write_volume(folder.path().join("dose.nii"), &dose, &options)?;
/// let info = read_info(folder.path().join("dose.nii"))?;
/// assert_eq!(info.geometry, dose.geometry);
/// assert!(info.extensions[0].data.starts_with(b"planned"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_volume<T: Stored>(
    path: impl AsRef<Path>,
    volume: &Volume<T>,
    options: &WriteOptions,
) -> Result<(), VolumeError> {
    write(path.as_ref(), volume.data.view().insert_axis(Axis(0)), &volume.geometry, options)
}

/// Writes `[channel, depth, height, width]` with the channels as the file's fourth axis; otherwise as [`write_volume`].
///
/// # Errors
/// As [`write_volume`].
pub fn write_channels<T: Stored>(
    path: impl AsRef<Path>,
    data: &Array4<T>,
    geometry: &Geometry,
    options: &WriteOptions,
) -> Result<(), VolumeError> {
    write(path.as_ref(), data.view(), geometry, options)
}

/// Makes a gzipped NIfTI file in memory.
///
/// # Errors
/// As [`write_volume`] for a name that ends in `.nii.gz`.
///
/// ```
/// use medseg_volume::{Dhw, Geometry, ReadOptions, Volume, VolumeFile, WriteOptions, nifti_bytes};
///
/// let geometry = Geometry::from_spacing(Dhw::splat(1.0))?;
/// let volume = Volume::new(ndarray::Array3::from_elem((2, 3, 4), 10i16), geometry);
/// let bytes = nifti_bytes(&volume, &WriteOptions::default().with_scaling(0.5, 1.0))?;
/// let read = VolumeFile::from_bytes(bytes)?.image(&ReadOptions::default())?;
/// assert_eq!(read.data[[1, 2, 3]], 6.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn nifti_bytes<T: Stored>(volume: &Volume<T>, options: &WriteOptions) -> Result<Vec<u8>, VolumeError> {
    let path = Path::new(IN_MEMORY);
    let unstorable = |fault| VolumeError::unstorable(path, fault);
    let data = volume.data.view().insert_axis(Axis(0));
    let level = level(options).map_err(unstorable)?;
    let head = nifti::head(&data, &volume.geometry, options).map_err(unstorable)?;
    let output = Output { first: &head, packing: Some(Framing::Gzip), level, ..Output::default() };
    let mut bytes = Vec::new();
    pack(&mut bytes, &output, data).map_err(VolumeError::io("write", path))?;
    Ok(bytes)
}

/// The gzip level of these options.
fn level(options: &WriteOptions) -> Result<u32, UnstorableFault> {
    let level = options.level.unwrap_or(if options.labels { LABEL_LEVEL } else { IMAGE_LEVEL });
    if level > 9 { Err(UnstorableFault::Level(level)) } else { Ok(level) }
}

fn write<T: Stored>(
    path: &Path,
    data: ArrayView4<'_, T>,
    geometry: &Geometry,
    options: &WriteOptions,
) -> Result<(), VolumeError> {
    let unstorable = |fault| VolumeError::unstorable(path, fault);
    let failed = |e| VolumeError::io("write", path)(e);
    let ending = Ending::of(path).ok_or_else(|| unstorable(UnstorableFault::Ending))?;
    let (channels, d, h, w) = data.dim();
    if data.is_empty() {
        return Err(unstorable(UnstorableFault::Empty(Dhw { d, h, w })));
    }
    let level = level(options).map_err(unstorable)?;
    if let Ending::Nifti { packed } = ending {
        let head = nifti::head(&data, geometry, options).map_err(unstorable)?;
        // The header is packed with the voxels.
        let output = Output { first: &head, packing: packed.then_some(Framing::Gzip), level, ..Output::default() };
        return write_output(path, &output, data).map(drop).map_err(failed);
    }
    if options.scaling.is_some() {
        return Err(unstorable(UnstorableFault::Scaling));
    }
    let packed = level > 0;
    let (detached, suffix, framing) = match ending {
        Ending::MetaImage { detached } => (detached, if packed { "zraw" } else { "raw" }, Framing::Zlib),
        Ending::Nrrd { detached } | Ending::Nifti { packed: detached } => {
            (detached, if packed { "raw.gz" } else { "raw" }, Framing::Gzip)
        }
    };
    let data_path = detached.then(|| path.with_extension(suffix));
    let data_name = data_path.as_deref().map(|path| plain_name(path).ok_or_else(|| unstorable(UnstorableFault::Name)));
    let data_name = data_name.transpose()?;
    let grid = Grid { datatype: T::DATATYPE, shape: Dhw { d, h, w }, channels, geometry };
    let meta = matches!(ending, Ending::MetaImage { .. });
    let mut head = if meta { metaimage::head(&grid, packed, data_name) } else { nrrd::head(&grid, packed, data_name) };
    // MetaImage has a voxel's channels side by side.
    let data = if meta && channels > 1 { data.permuted_axes([1, 2, 3, 0]) } else { data };
    let size_at = head.find(metaimage::SIZE_PLACE);
    let output = Output { packing: packed.then_some(framing), level, ..Output::default() };
    match &data_path {
        // The header last, so that it never names voxels that are not there.
        Some(data_path) => write_output(data_path, &output, data).and_then(|size| {
            if let Some(at) = size_at {
                head.replace_range(at..at + metaimage::SIZE_PLACE.len(), &size.to_string());
            }
            write_atomic(path, head.as_bytes())
        }),
        None => write_output(path, &Output { before: head.as_bytes(), size_at, ..output }, data).map(drop),
    }
    .map_err(failed)
}

/// The endings of files that are written.
enum Ending {
    Nifti { packed: bool },
    Nrrd { detached: bool },
    MetaImage { detached: bool },
}

impl Ending {
    fn of(path: &Path) -> Option<Self> {
        match Format::of_name(path)? {
            Format::Nifti => {
                let packed = has_extension(path, "gz");
                let plain = if packed { path.with_extension("") } else { path.to_path_buf() };
                has_extension(&plain, "nii").then_some(Self::Nifti { packed })
            }
            Format::Nrrd => Some(Self::Nrrd { detached: has_extension(path, "nhdr") }),
            Format::MetaImage => Some(Self::MetaImage { detached: has_extension(path, "mhd") }),
        }
    }
}

/// A file's name as headers can state it: text of one line that no format takes for a pattern or a list.
fn plain_name(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    let plain = !name.contains(['%', '\n', '\r', '\\']) && !name.starts_with("LIST") && name.trim() == name;
    plain.then_some(name)
}
