//! From a header's fields to an affine.

use super::fields::{METRES, MICROMETRES};
use super::{NiftiFields, NiftiVersion};
use crate::{Affine, Warning};

/// The affine of a header in millimetres: sform if its code is positive, else qform, else voxel sizes with the first axis
/// flipped and the volume's centre at the origin. `shape` is the number of voxels along i, j, k.
pub(super) fn affine_of(fields: &NiftiFields, shape: [u64; 3], warnings: &mut Vec<Warning>) -> Affine {
    let rows = if fields.sform_code > 0 {
        fields.srow
    } else if fields.qform_code > 0 {
        qform(fields, warnings)
    } else {
        warnings.push(Warning::NoForm);
        base(fields, shape, warnings)
    };
    let millimetres = rows.map(|row| row.map(|length| to_millimetres(length, fields)));
    [millimetres[0], millimetres[1], millimetres[2], [0.0, 0.0, 0.0, 1.0]]
}

/// Converts a length in the header's unit: metres and micrometres; other codes count as millimetres.
///
/// A length of NIfTI-1 is known to f32 only, so it is rounded to f32 again: 0.002 metres are 2 millimetres.
fn to_millimetres(length: f64, fields: &NiftiFields) -> f64 {
    let converted = match fields.space_unit() {
        METRES => length * 1e3,
        MICROMETRES => length / 1e3,
        _ => return length,
    };
    match fields.version {
        NiftiVersion::One => f64::from(converted as f32),
        NiftiVersion::Two => converted,
    }
}

/// Millimetres along i, j, k; 0 counts as 1, and a sign has no meaning.
fn voxel_size(fields: &NiftiFields, warnings: &mut Vec<Warning>) -> [f64; 3] {
    std::array::from_fn(|a| match fields.pixdim[a + 1].abs() {
        0.0 => {
            warnings.push(Warning::NoVoxelSize(a + 1));
            1.0
        }
        size => size,
    })
}

/// Largest difference from 1 of the squared length of a quaternion's last three parts in a half turn; nibabel's rule.
fn slack(version: NiftiVersion) -> f64 {
    3.0 * match version {
        NiftiVersion::One => f64::from(f32::EPSILON),
        NiftiVersion::Two => f64::EPSILON,
    }
}

/// The affine of the quaternion.
pub(super) fn qform(fields: &NiftiFields, warnings: &mut Vec<Warning>) -> [[f64; 4]; 3] {
    let [b, c, d] = fields.quatern;
    let squared = b * b + c * c + d * d;
    let missing = 1.0 - squared;
    let a = if missing < slack(fields.version) { 0.0 } else { missing.sqrt() };
    if missing <= -slack(fields.version) {
        warnings.push(Warning::LongQuaternion(squared));
    }
    // 2 / |q|²: a quaternion of any length turns as the one of length 1.
    let s = 2.0 / (a * a + squared);
    let rotation = [
        [1.0 - s * (c * c + d * d), s * (b * c - a * d), s * (b * d + a * c)],
        [s * (b * c + a * d), 1.0 - s * (b * b + d * d), s * (c * d - a * b)],
        [s * (b * d - a * c), s * (c * d + a * b), 1.0 - s * (b * b + c * c)],
    ];
    let size = voxel_size(fields, warnings);
    let qfac = if fields.pixdim[0] < 0.0 { -1.0 } else { 1.0 };
    std::array::from_fn(|r| {
        let [i, j, k] = rotation[r];
        [i * size[0], j * size[1], k * size[2] * qfac, fields.qoffset[r]]
    })
}

fn base(fields: &NiftiFields, shape: [u64; 3], warnings: &mut Vec<Warning>) -> [[f64; 4]; 3] {
    let size = voxel_size(fields, warnings);
    let sign = [-1.0, 1.0, 1.0];
    std::array::from_fn(|r| {
        let mut row = [0.0; 4];
        row[r] = sign[r] * size[r];
        row[3] = -row[r] * (shape[r] as f64 - 1.0) / 2.0;
        row
    })
}
