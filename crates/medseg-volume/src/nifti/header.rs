//! The header, believed only after these checks.

use std::io::{self, Read};
use std::path::Path;

use super::affine::affine_of;
use super::fields::MILLIMETRES;
use super::layout::{LONGEST, RawHeader, version_of};
use super::{NiftiVersion, extension};
use crate::error::GeometryFault;
use crate::file::Header;
use crate::{Datatype, Geometry, MalformedKind, UnsupportedKind, VolumeError, Warning};

/// Spacings of clinical images; others without a unit are in doubt.
const PLAUSIBLE_MM: std::ops::RangeInclusive<f64> = 0.01..=100.0;

/// Reads and checks a header and its extensions; true if the voxels are in the same file.
pub(super) fn read(input: &mut dyn Read, path: &Path) -> Result<(Header, bool), VolumeError> {
    let raw = read_raw(input, path)?;
    let (mut header, single) = of_raw(&raw, path)?;
    // A pair's extensions fill the rest of the header's file.
    let room = if single { header.offset - raw.fields.version.header_bytes() as u64 } else { u64::MAX };
    let (extensions, _) = extension::read(input, room, raw.big_endian, &mut header.info.warnings)
        .map_err(|e| VolumeError::malformed(path, MalformedKind::Damaged, format!("the header cannot be read: {e}")))?;
    header.info.extensions = extensions;
    Ok((header, single))
}

/// Checks a header's fields, which have no extensions; true if the voxels are in the same file.
pub(crate) fn of_raw(raw: &RawHeader, path: &Path) -> Result<(Header, bool), VolumeError> {
    let bad = |reason: String| VolumeError::malformed(path, MalformedKind::Header, reason);
    let single = match raw.single {
        Some(single) => single,
        None if raw.no_magic => {
            let reason = "an Analyze 7.5 file, which says nothing of orientation";
            return Err(VolumeError::unsupported(path, UnsupportedKind::Format, reason));
        }
        None => return Err(VolumeError::malformed(path, MalformedKind::Format, "no NIfTI magic number")),
    };
    let datatype =
        Datatype::from_code(raw.datatype).map_err(|e| VolumeError::unsupported(path, UnsupportedKind::Datatype, e))?;
    let mut warnings = Vec::new();
    if i64::from(raw.bitpix) != 8 * datatype.bytes() as i64 {
        warnings.push(Warning::BitsPerVoxel { stated: raw.bitpix, actual: 8 * datatype.bytes() });
    }
    let (lengths, channels) = lengths(raw, &mut warnings).map_err(bad)?;
    let scaling = scaling(raw, &mut warnings).map_err(bad)?;
    let geometry = geometry(raw, lengths, &mut warnings)
        .map_err(|fault| VolumeError::malformed(path, MalformedKind::Geometry, format!("geometry: {fault}")))?;
    let offset = offset(raw, single, &mut warnings).map_err(bad)?;
    let mut header = Header { offset, ..Header::new(path, lengths, channels, datatype, geometry)? };
    header.info.big_endian = raw.big_endian;
    header.info.scaling = scaling;
    header.info.intent_code = raw.intent_code;
    header.info.warnings = warnings;
    Ok((header, single))
}

/// The fields as they stand, of the version that the first one tells.
fn read_raw(input: &mut dyn Read, path: &Path) -> Result<RawHeader, VolumeError> {
    let bad = |kind: MalformedKind, reason: String| VolumeError::malformed(path, kind, reason);
    let failed = |size: usize| {
        move |e: io::Error| match e.kind() {
            io::ErrorKind::UnexpectedEof => {
                bad(MalformedKind::Truncated, format!("shorter than a NIfTI header of {size} bytes"))
            }
            _ => bad(MalformedKind::Damaged, format!("the header cannot be read: {e}")),
        }
    };
    let mut bytes = [0; LONGEST];
    input.read_exact(&mut bytes[..4]).map_err(failed(NiftiVersion::One.header_bytes()))?;
    let (version, big_endian) = version_of([bytes[0], bytes[1], bytes[2], bytes[3]])
        .ok_or_else(|| bad(MalformedKind::Format, "not a NIfTI file (sizeof_hdr is neither 348 nor 540)".into()))?;
    let bytes = &mut bytes[..version.header_bytes()];
    input.read_exact(&mut bytes[4..]).map_err(failed(version.header_bytes()))?;
    Ok(RawHeader::parse(bytes, version, big_endian))
}

/// Voxels along i, j, k and the product of the further axes.
fn lengths(raw: &RawHeader, warnings: &mut Vec<Warning>) -> Result<([u64; 3], u64), String> {
    let axes = raw.dim[0];
    if !(1..=7).contains(&axes) {
        return Err(format!("{axes} dimensions; 1 to 7 are possible"));
    }
    let mut lengths = [1; 7];
    for (axis, length) in lengths.iter_mut().enumerate().take(axes as usize) {
        *length = match raw.dim[axis + 1] {
            // Some tools leave 0 for an axis they do not use.
            0 if axis >= 3 => {
                warnings.push(Warning::EmptyAxis(axis + 1));
                1
            }
            0 => return Err(format!("dimension {} is 0", axis + 1)),
            n => u64::try_from(n).map_err(|_| format!("dimension {} is negative", axis + 1))?,
        };
    }
    let channels = lengths[3..].iter().try_fold(1u64, |n, s| n.checked_mul(*s)).ok_or("its dimensions overflow")?;
    Ok(([lengths[0], lengths[1], lengths[2]], channels))
}

/// Slope and intercept; none where the slope is 0 or not a number.
fn scaling(raw: &RawHeader, warnings: &mut Vec<Warning>) -> Result<Option<(f64, f64)>, String> {
    let (slope, intercept) = (raw.slope, raw.intercept);
    if slope == 0.0 || !slope.is_finite() {
        if slope != 0.0 || (intercept != 0.0 && !intercept.is_nan()) {
            warnings.push(Warning::ScalingIgnored { slope, intercept });
        }
        return Ok(None);
    }
    if !intercept.is_finite() {
        return Err("its intercept is not a number".into());
    }
    Ok(((slope, intercept) != (1.0, 0.0)).then_some((slope, intercept)))
}

fn geometry(raw: &RawHeader, lengths: [u64; 3], warnings: &mut Vec<Warning>) -> Result<Geometry, GeometryFault> {
    let affine = affine_of(&raw.fields, lengths, warnings);
    let geometry = Geometry::checked(affine)?.with_fields(raw.fields);
    let unit = raw.fields.space_unit();
    let plausible = geometry.spacing().to_array().iter().all(|spacing| PLAUSIBLE_MM.contains(spacing));
    if !(unit == MILLIMETRES || unit == 0 && plausible) {
        warnings.push(Warning::Units(unit));
    }
    for (axis, size) in raw.fields.pixdim.iter().enumerate().skip(1).take(3).filter(|(_, size)| **size < 0.0) {
        warnings.push(Warning::NegativeVoxelSize { axis, size: *size });
    }
    warnings.extend(Warning::of_skew(&geometry));
    Ok(geometry)
}

fn offset(raw: &RawHeader, single: bool, warnings: &mut Vec<Warning>) -> Result<u64, String> {
    let least = if single { raw.fields.version.first_voxel() } else { 0 };
    let offset = raw.vox_offset;
    if offset == 0.0 {
        if single {
            warnings.push(Warning::NoOffset);
        }
        return Ok(least);
    }
    // 2^63 is the first f64 past the largest file.
    if !(offset >= least as f64 && offset < 9.3e18 && offset.fract() == 0.0) {
        return Err(format!("voxels cannot begin at byte {offset}"));
    }
    Ok(offset as u64)
}
