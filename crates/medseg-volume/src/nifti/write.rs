//! The writer.

use std::io::{BufWriter, Write};
use std::path::Path;

use medseg_files::AtomicFile;
use ndarray::{Array4, ArrayView4, Axis, CowArray, Ix4};

use super::affine::affine_of;
use super::compress::{BLOCK, write_member};
use super::extension::{self, Extension};
use super::fields::MILLIMETRES;
use super::layout::RawHeader;
use super::{NiftiFields, NiftiVersion, Stored};
use crate::error::UnstorableFault;
use crate::{Dhw, Geometry, Volume, VolumeError};

/// Compression of label maps: higher levels make them a sixth smaller in twice the time, level 1 three times as large.
const LABEL_LEVEL: u32 = 2;
/// Compression of images.
const IMAGE_LEVEL: u32 = 4;
/// NIfTI's intent code of label maps.
const INTENT_LABEL: i32 = 1002;
/// "Aligned": coordinates in the space of another image.
const FORM_ALIGNED: i32 = 2;
/// Side of the cubes in which an array is brought into the file's order.
const TILE: usize = 32;

/// Compression, version and further content of a file to be written.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WriteOptions {
    /// gzip level 0 to 9; by default 2 for labels, smaller and quicker than other tools' fastest level, and 4 for images.
    pub level: Option<u32>,
    /// The format's version; by default that of the geometry's own header, or NIfTI-1, and NIfTI-2 where a side has more
    /// than 32767 voxels.
    pub version: Option<NiftiVersion>,
    /// Marks the values as labels: sets the intent and the range shown.
    pub labels: bool,
    /// Extensions to put between header and voxels.
    pub extensions: Vec<Extension>,
}

impl WriteOptions {
    /// Sets the gzip level, 0 to 9, or `None` for the usual one.
    #[must_use]
    pub fn with_level(mut self, level: impl Into<Option<u32>>) -> Self {
        self.level = level.into();
        self
    }

    /// Sets the format's version.
    #[must_use]
    pub fn with_version(mut self, version: NiftiVersion) -> Self {
        self.version = Some(version);
        self
    }

    /// Marks the values as labels, or not.
    #[must_use]
    pub fn with_labels(mut self, labels: bool) -> Self {
        self.labels = labels;
        self
    }

    /// Puts extensions between header and voxels.
    #[must_use]
    pub fn with_extensions(mut self, extensions: Vec<Extension>) -> Self {
        self.extensions = extensions;
        self
    }
}

/// Writes a label map as u8.
///
/// The file is written under a temporary name in the same folder, synchronised, and renamed to `path` exactly as given;
/// it is gzipped if the name ends in `.gz`.
///
/// A geometry read from a NIfTI file gives the new file its sform, qform, codes, pixdim, units and description bit for
/// bit. The exception is a crop of a file with neither sform nor qform: its voxel sizes alone would imply another origin.
///
/// # Errors
/// An empty volume, an affine beyond f32, or what the system says; the old file, if any, is left as it was.
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
/// As [`write_label`]; and options that NIfTI cannot meet: NIfTI-1 with a side above 32767 voxels, a gzip level above 9,
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

fn write<T: Stored>(
    path: &Path,
    data: ArrayView4<'_, T>,
    geometry: &Geometry,
    options: &WriteOptions,
) -> Result<(), VolumeError> {
    let unstorable = |fault| VolumeError::unstorable(path, fault);
    let head = head(&data, geometry, options).map_err(unstorable)?;
    let level = options.level.unwrap_or(if options.labels { LABEL_LEVEL } else { IMAGE_LEVEL });
    if level > 9 {
        return Err(unstorable(UnstorableFault::Level(level)));
    }
    let data = in_file_order(data);
    // In this order the voxels are a slice.
    let voxels = data.as_slice().unwrap_or_default();
    let packed = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"));
    let failed = |e| VolumeError::io("write", path)(e);
    let file = AtomicFile::create(path).map_err(failed)?;
    let mut to = BufWriter::with_capacity(BLOCK, file.file());
    let blocks: Vec<&[T]> = voxels.chunks(BLOCK / size_of::<T>()).collect();
    let written = if packed {
        // The header is the first block.
        write_member(&mut to, 1 + blocks.len(), level, |block, bytes| match block {
            0 => bytes.extend_from_slice(&head),
            n => T::append_bytes(blocks[n - 1], bytes),
        })
    } else {
        write_plain(&mut to, &head, &blocks)
    };
    written.and_then(|()| to.flush()).map_err(failed)?;
    drop(to);
    file.commit().map_err(failed)
}

fn write_plain<T: Stored>(to: &mut impl Write, head: &[u8], blocks: &[&[T]]) -> std::io::Result<()> {
    to.write_all(head)?;
    let mut bytes = Vec::with_capacity(BLOCK);
    for block in blocks {
        bytes.clear();
        T::append_bytes(block, &mut bytes);
        to.write_all(&bytes)?;
    }
    Ok(())
}

/// Everything before the first voxel of a volume's file.
#[cfg(feature = "nifti")]
pub(crate) fn single_file_head<T: Stored>(
    volume: &Volume<T>,
    options: &WriteOptions,
) -> Result<Vec<u8>, UnstorableFault> {
    head(&volume.data.view().insert_axis(Axis(0)), &volume.geometry, options)
}

/// Everything before the first voxel.
fn head<T: Stored>(
    data: &ArrayView4<'_, T>,
    geometry: &Geometry,
    options: &WriteOptions,
) -> Result<Vec<u8>, UnstorableFault> {
    let (channels, d, h, w) = data.dim();
    let shape = Dhw { d, h, w };
    let sides = [w, h, d, channels].map(|n| n as u64);
    if data.is_empty() {
        return Err(UnstorableFault::Empty(shape));
    }
    let mut fields = fields_of(geometry, [sides[0], sides[1], sides[2]]);
    let longest = sides.into_iter().max().unwrap_or(0);
    fields.version = match options.version {
        Some(version) if longest > version.longest_side() => {
            return Err(UnstorableFault::LongAxis(longest));
        }
        Some(version) => version,
        None if longest > fields.version.longest_side() => NiftiVersion::Two,
        None => fields.version,
    };
    if options.extensions.iter().any(|e| e.data.len() > i32::MAX as usize - 32) {
        return Err(UnstorableFault::Extension);
    }
    let extensions = extension::to_bytes(&options.extensions);
    let mut dim = [1; 8];
    dim[0] = if channels == 1 { 3 } else { 4 };
    for (to, side) in dim[1..].iter_mut().zip(sides) {
        *to = i64::try_from(side).map_err(|_| UnstorableFault::LongAxis(side))?;
    }
    let raw = RawHeader {
        big_endian: false,
        no_magic: false,
        single: Some(true),
        datatype: T::DATATYPE.code(),
        bitpix: 8 * size_of::<T>() as i16,
        dim,
        vox_offset: (fields.version.header_bytes() + extensions.len()) as f64,
        slope: 1.0,
        intercept: 0.0,
        cal_max: if options.labels { largest(data).to_f64() } else { 0.0 },
        cal_min: 0.0,
        intent_code: if options.labels { INTENT_LABEL } else { 0 },
        fields,
    };
    let mut bytes = raw.to_bytes();
    // NIfTI-1's numbers are f32.
    let kept = RawHeader::parse(&bytes, fields.version, false).fields;
    Geometry::checked(affine_of(&kept, [sides[0], sides[1], sides[2]], &mut Vec::new()))
        .map_err(UnstorableFault::Geometry)?;
    bytes.extend(extensions);
    Ok(bytes)
}

/// The fields a geometry was read with if they still mean it, else its affine as sform. `sides` are along i, j, k.
fn fields_of(geometry: &Geometry, sides: [u64; 3]) -> NiftiFields {
    let means = |fields: &NiftiFields| affine_of(fields, sides, &mut Vec::new());
    if let Some(fields) = geometry.nifti_fields().filter(|fields| means(fields) == geometry.affine()) {
        return *fields;
    }
    let affine = geometry.affine();
    let spacing = geometry.spacing();
    NiftiFields {
        version: NiftiVersion::One,
        pixdim: [1.0, spacing.w, spacing.h, spacing.d, 0.0, 0.0, 0.0, 0.0],
        xyzt_units: MILLIMETRES,
        qform_code: 0,
        sform_code: FORM_ALIGNED,
        quatern: [0.0; 3],
        qoffset: [0.0; 3],
        srow: [affine[0], affine[1], affine[2]],
        descrip: [0; 80],
    }
}

/// The largest voxel; labels have no NaN.
fn largest<T: Stored>(data: &ArrayView4<'_, T>) -> T {
    let greater = |a: T, b: T| if b > a { b } else { a };
    match data.as_slice_memory_order() {
        Some(voxels) => voxels.iter().copied().fold(T::default(), greater),
        None => data.iter().copied().fold(T::default(), greater),
    }
}

/// The voxels with the last axis fastest; copied only if they lie otherwise, and then in cubes, so that whatever the
/// array's order few cache lines are touched twice.
fn in_file_order<T: Stored>(data: ArrayView4<'_, T>) -> CowArray<'_, T, Ix4> {
    if data.is_standard_layout() {
        return data.into();
    }
    let mut ordered = Array4::from_elem(data.dim(), T::default());
    for (mut to, from) in ordered.outer_iter_mut().zip(data.outer_iter()) {
        for (mut to, from) in to.axis_chunks_iter_mut(Axis(0), TILE).zip(from.axis_chunks_iter(Axis(0), TILE)) {
            for (mut to, from) in to.axis_chunks_iter_mut(Axis(1), TILE).zip(from.axis_chunks_iter(Axis(1), TILE)) {
                for (mut to, from) in to.axis_chunks_iter_mut(Axis(2), TILE).zip(from.axis_chunks_iter(Axis(2), TILE)) {
                    to.assign(&from);
                }
            }
        }
    }
    ordered.into()
}
