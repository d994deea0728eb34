//! The writer.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use ::nifti::NiftiHeader;
use ::nifti::writer::WriterOptions;
use flate2::Compression;
use ndarray::{Array3, ArrayView3};

use super::NiftiFields;
use super::affine::affine_of;
use crate::{Dhw, Geometry, Volume, VolumeError};

/// Compression of label maps: as small as other tools' and as quick as their fastest level.
const LABEL_LEVEL: u32 = 6;
/// Compression of images.
const IMAGE_LEVEL: u32 = 4;
/// NIfTI's intent code of label maps.
const INTENT_LABEL: i16 = 1002;
/// Millimetres.
const UNITS_MM: u8 = 2;
/// "Aligned": coordinates in the space of another image.
const FORM_ALIGNED: i16 = 2;
/// Bytes before the first voxel.
const OFFSET: u64 = 352;

/// Writes a label map as u8.
///
/// The file is written under a temporary name in the same folder, synchronised, and renamed to `path` exactly as given;
/// it is gzipped if the name ends in `.gz`. On a geometry read from a NIfTI file it gets that file's sform, qform, codes,
/// pixdim and units bit for bit, unless they mean another place for a volume of this shape (a part of one without forms).
///
/// # Errors
/// A side above 32767 voxels, an empty volume, an affine beyond f32, or what the system says; the old file, if any, is left as it was.
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
    let largest = volume.data.iter().copied().max().unwrap_or(0);
    let header = NiftiHeader { intent_code: INTENT_LABEL, cal_max: f32::from(largest), ..header_of(volume) };
    write(path.as_ref(), &volume.data, &header, LABEL_LEVEL, |to, data| to.write_nifti(&data))
}

/// Writes an image as f32; otherwise as [`write_label`].
///
/// # Errors
/// As [`write_label`].
pub fn write_image(path: impl AsRef<Path>, volume: &Volume<f32>) -> Result<(), VolumeError> {
    write(path.as_ref(), &volume.data, &header_of(volume), IMAGE_LEVEL, |to, data| to.write_nifti(&data))
}

/// Writes an image as i16, such as Hounsfield units; otherwise as [`write_label`].
///
/// # Errors
/// As [`write_label`].
pub fn write_image_i16(path: impl AsRef<Path>, volume: &Volume<i16>) -> Result<(), VolumeError> {
    write(path.as_ref(), &volume.data, &header_of(volume), IMAGE_LEVEL, |to, data| to.write_nifti(&data))
}

/// A header with a volume's place: the fields it was read with if they still mean it, else its affine as sform.
fn header_of<T>(volume: &Volume<T>) -> NiftiHeader {
    let geometry = &volume.geometry;
    let mut header = NiftiHeader::default();
    let means = |fields: &NiftiFields| affine_of(fields, sides(volume.shape()));
    if let Some(fields) = geometry.nifti_fields().filter(|fields| means(fields) == geometry.affine()) {
        fields.put_into(&mut header);
        return header;
    }
    let affine = geometry.affine();
    let spacing = geometry.spacing();
    header.pixdim = [1.0, spacing.w as f32, spacing.h as f32, spacing.d as f32, 0.0, 0.0, 0.0, 0.0];
    header.xyzt_units = UNITS_MM;
    header.qform_code = 0;
    header.sform_code = FORM_ALIGNED;
    [header.srow_x, header.srow_y, header.srow_z] = [0, 1, 2].map(|r| affine[r].map(|v| v as f32));
    header
}

/// Voxels along i, j, k.
fn sides(shape: Dhw<usize>) -> [usize; 3] {
    [shape.w, shape.h, shape.d]
}

/// Writes through a temporary neighbour; `save` lets the `nifti` crate write the array.
fn write<T: Clone>(
    path: &Path,
    data: &Array3<T>,
    header: &NiftiHeader,
    level: u32,
    save: impl FnOnce(&WriterOptions<'_>, ArrayView3<'_, T>) -> ::nifti::Result<()>,
) -> Result<(), VolumeError> {
    let unstorable = |reason: String| VolumeError::Unstorable { path: path.to_path_buf(), reason };
    let shape = Dhw::from(data.dim());
    if shape.to_array().iter().any(|side| !(1..=i16::MAX as usize).contains(side)) {
        return Err(unstorable(format!("NIfTI-1 holds 1 to {} voxels along an axis, not {shape}", i16::MAX)));
    }
    // The header's numbers are f32.
    Geometry::from_affine(affine_of(&NiftiFields::of(header), sides(shape)))
        .map_err(|e| unstorable(format!("its geometry does not fit into a header: {e}")))?;
    let packed = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"));
    let temporary = Temporary::beside(path, packed);
    let mut options = WriterOptions::new(&temporary.0).reference_header(header);
    if packed {
        options = options.compression_level(Compression::new(level));
    }
    // Reversed, the C-order array is the file's order of axes i, j, k with i fastest, which is written as it lies.
    let data = data.as_standard_layout();
    save(&options, data.t()).map_err(|e| match e {
        ::nifti::NiftiError::Io(source) => VolumeError::io("write", path)(source),
        other => unstorable(other.to_string()),
    })?;
    let failed = |e| VolumeError::io("write", path)(e);
    let mut file = File::options().read(true).write(true).open(&temporary.0).map_err(failed)?;
    // The writer loses the error of its last flush, so the end tells whether all of it is there.
    if !is_complete(&mut file, OFFSET + (data.len() * size_of::<T>()) as u64, packed).map_err(failed)? {
        return Err(unstorable("it could not be written to its end".into()));
    }
    file.sync_all().map_err(failed)?;
    fs::rename(&temporary.0, path).map_err(failed)
}

/// Whether a file has this many bytes, or, if gzipped, ends with a trailer that says so (modulo 2^32).
fn is_complete(file: &mut File, bytes: u64, packed: bool) -> io::Result<bool> {
    if !packed {
        return Ok(file.metadata()?.len() == bytes);
    }
    let mut trailer = [0; 4];
    file.seek(SeekFrom::End(-4))?;
    file.read_exact(&mut trailer)?;
    Ok(u32::from_le_bytes(trailer) == bytes as u32)
}

/// A temporary file that is removed unless it was renamed.
struct Temporary(PathBuf);

impl Temporary {
    /// In the folder of `path`, with a name that the `nifti` crate takes as it is; hidden, so that what a killed process
    /// leaves is not taken for a volume.
    fn beside(path: &Path, packed: bool) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let suffix = if packed { "nii.gz" } else { "nii" };
        Self(path.with_file_name(format!(".writing-{}-{number}.{suffix}", std::process::id())))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
