//! A header that was found sound, whatever its format.

use std::path::Path;

use super::Datatype;
use crate::nifti::Extension;
use crate::{Dhw, Geometry, MalformedKind, VolumeError, Warning};

/// The content of a file by its header.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VolumeInfo {
    /// Voxels along `[depth, height, width]`.
    pub shape: Dhw<usize>,
    /// Product of the further axes (time, channels); 1 for a 3D volume.
    pub channels: usize,
    /// The type of a stored voxel.
    pub datatype: Datatype,
    /// True if numbers are stored with their highest byte first.
    pub big_endian: bool,
    /// Slope and intercept that stored values are scaled by, if the file has them.
    pub scaling: Option<(f64, f64)>,
    /// The place of the voxels.
    pub geometry: Geometry,
    /// NIfTI's code for what the values mean, 1002 for label maps; 0 in other formats.
    pub intent_code: i32,
    /// The extensions between a NIfTI file's header and voxels.
    pub extensions: Vec<Extension>,
    /// Oddities of the header.
    pub warnings: Vec<Warning>,
}

/// A checked header with what reading the voxels needs.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub info: VolumeInfo,
    /// Offset of the first voxel in the (unpacked) source that has them.
    pub offset: u64,
    /// Bytes of all voxels as stored.
    pub stored_bytes: u64,
    /// True if a voxel's channels lie side by side, false if every channel is a volume of its own.
    pub interleaved: bool,
}

impl Header {
    /// A header of `lengths` along i, j, k, whose products do not overflow; without scaling, oddities and offset.
    pub fn new(
        path: &Path,
        lengths: [u64; 3],
        channels: u64,
        datatype: Datatype,
        geometry: Geometry,
    ) -> Result<Self, VolumeError> {
        let overflow = || VolumeError::malformed(path, MalformedKind::Header, "its dimensions overflow");
        let stored_bytes = lengths
            .iter()
            .try_fold(channels, |n, s| n.checked_mul(*s))
            .and_then(|n| n.checked_mul(datatype.bytes() as u64))
            .ok_or_else(overflow)?;
        let count = |n: u64| usize::try_from(n).map_err(|_| overflow());
        let info = VolumeInfo {
            shape: Dhw { d: count(lengths[2])?, h: count(lengths[1])?, w: count(lengths[0])? },
            channels: count(channels)?,
            datatype,
            big_endian: false,
            scaling: None,
            geometry,
            intent_code: 0,
            extensions: Vec::new(),
            warnings: Vec::new(),
        };
        Ok(Self { info, offset: 0, stored_bytes, interleaved: false })
    }
}
