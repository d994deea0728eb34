//! The header: parsed by the `nifti` crate, believed only after these checks.

use std::io::Read;
use std::path::Path;

use ::nifti::{Endianness, NiftiHeader};

use super::NiftiFields;
use super::affine::affine_of;
use crate::{Dhw, Geometry, VolumeError};

/// Bytes of a NIfTI-1 header.
const SIZE: usize = 348;
/// First byte of the voxels where the header says 0: after the header and the extension flag.
const FIRST_VOXEL: u64 = 352;

/// How voxels are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Datatype {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl Datatype {
    /// From NIfTI's code; `Err` names what the code means, if anything.
    fn from_code(code: i16) -> Result<Self, String> {
        Ok(match code {
            2 => Self::U8,
            256 => Self::I8,
            512 => Self::U16,
            4 => Self::I16,
            768 => Self::U32,
            8 => Self::I32,
            1280 => Self::U64,
            1024 => Self::I64,
            16 => Self::F32,
            64 => Self::F64,
            32 | 1792 | 2048 => return Err(format!("complex voxels (datatype {code}) are not read")),
            128 | 2304 => return Err(format!("colour voxels (datatype {code}) are not read")),
            1536 => return Err("128-bit float voxels are not read".into()),
            _ => return Err(format!("datatype {code} is unknown")),
        })
    }

    /// Bytes of a voxel.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }
}

/// What a file holds, by its header.
#[derive(Clone, Debug, PartialEq)]
pub struct VolumeInfo {
    /// Voxels along `[depth, height, width]`.
    pub shape: Dhw<usize>,
    /// Product of the further axes (time, channels); 1 for a 3D volume.
    pub channels: usize,
    /// How voxels are stored.
    pub datatype: Datatype,
    /// Slope and intercept that stored values are scaled by, if the file has them.
    pub scaling: Option<(f64, f64)>,
    /// Where the voxels lie.
    pub geometry: Geometry,
}

/// A checked header with what reading the voxels needs.
pub(super) struct Header {
    pub info: VolumeInfo,
    pub big_endian: bool,
    /// Offset of the first voxel in the (unpacked) file.
    pub offset: u64,
    /// Bytes of all voxels as stored.
    pub stored_bytes: u64,
}

impl Header {
    /// Bytes that have been read of the file once a header is parsed.
    pub const READ: u64 = SIZE as u64;

    /// Reads and checks a header.
    pub fn read(input: &mut dyn Read, path: &Path) -> Result<Self, VolumeError> {
        let bad = |reason: String| VolumeError::malformed(path, reason);
        let mut bytes = [0; SIZE];
        input.read_exact(&mut bytes).map_err(|e| match e.kind() {
            std::io::ErrorKind::UnexpectedEof => bad(format!("shorter than a NIfTI header of {SIZE} bytes")),
            _ => bad(format!("the header cannot be read: {e}")),
        })?;
        let big_endian = byte_order(&bytes, path)?;
        let h = NiftiHeader::from_reader(&bytes[..]).map_err(|e| bad(format!("not a NIfTI-1 header: {e}")))?;
        if (h.endianness == Endianness::Big) != big_endian {
            return Err(bad("the byte order of dim[0] contradicts sizeof_hdr".into()));
        }
        match &h.magic {
            b"n+1\0" => {}
            b"ni1\0" => return Err(VolumeError::unsupported(path, "a .hdr/.img pair; only single files are read")),
            _ => return Err(bad("no NIfTI-1 magic number".into())),
        }
        let datatype = Datatype::from_code(h.datatype).map_err(|e| VolumeError::unsupported(path, e))?;
        let (shape, channels) = shape(&h).map_err(bad)?;
        let voxels = shape.iter().try_fold(channels as u64, |n, s| n.checked_mul(*s as u64));
        let stored_bytes = voxels
            .and_then(|n| n.checked_mul(datatype.bytes() as u64))
            .ok_or_else(|| bad("its dimensions overflow".into()))?;
        let fields = NiftiFields::of(&h);
        let geometry =
            Geometry::from_affine(affine_of(&fields, shape)).map_err(|e| bad(e.to_string()))?.with_fields(fields);
        let scaling = scaling(&h).map_err(bad)?;
        let [i, j, k] = shape;
        let info = VolumeInfo { shape: Dhw { d: k, h: j, w: i }, channels, datatype, scaling, geometry };
        Ok(Self { info, big_endian, offset: offset(&h).map_err(bad)?, stored_bytes })
    }
}

/// True for big-endian; an error for what is no NIfTI-1 header.
fn byte_order(bytes: &[u8; SIZE], path: &Path) -> Result<bool, VolumeError> {
    let size = i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    match (size, size.swap_bytes()) {
        (348, _) => Ok(false),
        (_, 348) => Ok(true),
        (540, _) | (_, 540) => Err(VolumeError::unsupported(path, "NIfTI-2 is not read")),
        _ => Err(VolumeError::malformed(path, "not a NIfTI file (sizeof_hdr is not 348)")),
    }
}

/// Voxels along i, j, k and the product of the further axes.
fn shape(h: &NiftiHeader) -> Result<([usize; 3], usize), String> {
    let axes = usize::from(h.dim[0]);
    if !(1..=7).contains(&axes) {
        return Err(format!("{axes} dimensions; 1 to 7 are possible"));
    }
    let mut sides = [1usize; 7];
    for (axis, side) in sides.iter_mut().enumerate().take(axes) {
        *side = match h.dim[axis + 1] {
            // Some tools leave 0 for an axis they do not use.
            0 if axis >= 3 => 1,
            0 => return Err(format!("dimension {} is 0", axis + 1)),
            n if n > i16::MAX as u16 => return Err(format!("dimension {} is negative", axis + 1)),
            n => usize::from(n),
        };
    }
    let channels = sides[3..].iter().try_fold(1usize, |n, s| n.checked_mul(*s)).ok_or("its dimensions overflow")?;
    Ok(([sides[0], sides[1], sides[2]], channels))
}

/// Slope and intercept; none where the slope is 0 or not a number.
fn scaling(h: &NiftiHeader) -> Result<Option<(f64, f64)>, String> {
    let (slope, intercept) = (f64::from(h.scl_slope), f64::from(h.scl_inter));
    if slope == 0.0 || !slope.is_finite() {
        return Ok(None);
    }
    if !intercept.is_finite() {
        return Err("its intercept is not a number".into());
    }
    Ok(((slope, intercept) != (1.0, 0.0)).then_some((slope, intercept)))
}

fn offset(h: &NiftiHeader) -> Result<u64, String> {
    let offset = f64::from(h.vox_offset);
    if offset == 0.0 {
        return Ok(FIRST_VOXEL);
    }
    if !offset.is_finite() || offset.fract() != 0.0 || offset < FIRST_VOXEL as f64 {
        return Err(format!("voxels cannot begin at byte {offset}"));
    }
    Ok(offset as u64)
}
