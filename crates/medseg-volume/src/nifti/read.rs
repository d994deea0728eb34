//! The reader.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use ndarray::{Array3, Array4, Axis};

use super::gzip::{MAGIC, MOST_EXPANSION, Members};
use super::header::{Header, VolumeInfo};
use super::voxel::{Decoder, Voxel};
use crate::{Geometry, Volume, VolumeError};

/// Bytes converted at a time; a multiple of every voxel's size.
const CHUNK: usize = 1 << 18;
/// Bytes after the voxels that are unpacked to reach the gzip member's checksum; more is a bomb and left alone.
const MOST_TRAILING: u64 = 1 << 26;

/// Limits of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// Largest result in bytes; a header that promises more is refused before memory is taken.
    pub max_bytes: u64,
}

impl Default for ReadOptions {
    /// 16 GiB.
    fn default() -> Self {
        Self { max_bytes: 16 << 30 }
    }
}

/// Reads a 3D `.nii` or `.nii.gz` as f32, scaled by the file's slope and intercept.
///
/// gzip is recognised by content; a file of several members is read whole, and checksums are checked. Further axes
/// are accepted if their length is 1.
///
/// # Errors
/// An unreadable, truncated or damaged file, a header that cannot be true, a kind that is not read (NIfTI-2, pairs,
/// complex, colour), a geometry that is singular or not finite, a volume with channels, or one beyond
/// [`ReadOptions::default`].
///
/// ```no_run
/// let image = medseg_volume::read_image("case_01.nii.gz")?;
/// println!("{} voxels of {:.3} mm", image.shape(), image.geometry.spacing());
/// # Ok::<(), medseg_volume::VolumeError>(())
/// ```
pub fn read_image(path: impl AsRef<Path>) -> Result<Volume<f32>, VolumeError> {
    read_image_with(path, &ReadOptions::default())
}

/// [`read_image`] with other limits.
///
/// # Errors
/// As [`read_image`].
pub fn read_image_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Volume<f32>, VolumeError> {
    read_3d(path.as_ref(), options)
}

/// Reads a 3D label map: whole numbers from 0 to 255, whatever the stored type.
///
/// # Errors
/// As [`read_image`], and a value that is no whole number from 0 to 255 after scaling, named in the message.
pub fn read_label(path: impl AsRef<Path>) -> Result<Volume<u8>, VolumeError> {
    read_label_with(path, &ReadOptions::default())
}

/// [`read_label`] with other limits.
///
/// # Errors
/// As [`read_label`].
pub fn read_label_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Volume<u8>, VolumeError> {
    read_3d(path.as_ref(), options)
}

/// Reads a file of any number of dimensions as `[channel, depth, height, width]`; the axes after the third are the
/// channels, the last slowest.
///
/// # Errors
/// As [`read_image`], channels excepted.
pub fn read_channels(path: impl AsRef<Path>) -> Result<(Array4<f32>, Geometry), VolumeError> {
    let (data, info) = read_file(path.as_ref(), &ReadOptions::default())?;
    Ok((data, info.geometry))
}

/// Reads the header alone.
///
/// # Errors
/// As [`read_image`], as far as the header goes.
pub fn read_info(path: impl AsRef<Path>) -> Result<VolumeInfo, VolumeError> {
    let path = path.as_ref();
    let (mut input, _) = open(path)?;
    Ok(Header::read(&mut input, path)?.info)
}

fn read_3d<V: Voxel>(path: &Path, options: &ReadOptions) -> Result<Volume<V>, VolumeError> {
    let (data, info) = read_file(path, options)?;
    if info.channels != 1 {
        let reason = format!("{} with {} channels or times is not a 3D volume", info.shape, info.channels);
        return Err(VolumeError::unsupported(path, reason));
    }
    let data: Array3<V> = data.index_axis_move(Axis(0), 0);
    Ok(Volume::new(data, info.geometry))
}

/// The unpacked content, and the most bytes it can have.
fn open(path: &Path) -> Result<(Box<dyn Read>, u64), VolumeError> {
    let failed = |e| VolumeError::io("read", path)(e);
    let file = File::open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    if meta.is_dir() {
        return Err(VolumeError::malformed(path, "a folder, not a file"));
    }
    let mut input = BufReader::with_capacity(CHUNK, file);
    if input.fill_buf().map_err(failed)?.starts_with(&MAGIC) {
        return Ok((Box::new(Members::new(input)), meta.len().saturating_mul(MOST_EXPANSION)));
    }
    Ok((Box::new(input), meta.len()))
}

fn read_file<V: Voxel>(path: &Path, options: &ReadOptions) -> Result<(Array4<V>, VolumeInfo), VolumeError> {
    let (mut input, available) = open(path)?;
    let header = Header::read(&mut input, path)?;
    let damaged = |e: io::Error| match e.kind() {
        io::ErrorKind::UnexpectedEof => VolumeError::malformed(path, "it ends before its last voxel"),
        _ => VolumeError::malformed(path, format!("it cannot be read to the end: {e}")),
    };
    if header.offset.saturating_add(header.stored_bytes) > available {
        return Err(VolumeError::malformed(path, "too short for the dimensions in its header"));
    }
    let voxels = header.stored_bytes / header.info.datatype.bytes() as u64;
    let needed = voxels.saturating_mul(size_of::<V>() as u64);
    if needed > options.max_bytes {
        return Err(VolumeError::Limit { path: path.to_path_buf(), needed, limit: options.max_bytes });
    }
    let skipped = header.offset - Header::READ;
    if io::copy(&mut input.by_ref().take(skipped), &mut io::sink()).map_err(damaged)? != skipped {
        return Err(VolumeError::malformed(path, "it ends before its first voxel"));
    }
    let mut data: Vec<V> = Vec::new();
    let out_of_memory = || VolumeError::malformed(path, format!("no memory for {needed} bytes of voxels"));
    data.try_reserve_exact(usize::try_from(voxels).map_err(|_| out_of_memory())?).map_err(|_| out_of_memory())?;
    let decoder =
        Decoder { datatype: header.info.datatype, big_endian: header.big_endian, scaling: header.info.scaling };
    let mut left = header.stored_bytes;
    let mut chunk = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
    while left > 0 {
        let part = &mut chunk[..CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
        input.read_exact(part).map_err(damaged)?;
        decoder
            .decode(part, &mut data)
            .map_err(|v| VolumeError::malformed(path, format!("{v} is not a label (whole number from 0 to 255)")))?;
        left -= part.len() as u64;
    }
    // To the end of the gzip stream, where its checksum is.
    io::copy(&mut input.take(MOST_TRAILING), &mut io::sink()).map_err(damaged)?;
    let s = header.info.shape;
    let data = Array4::from_shape_vec((header.info.channels, s.d, s.h, s.w), data)
        .map_err(|e| VolumeError::malformed(path, e.to_string()))?;
    Ok((data, header.info))
}
