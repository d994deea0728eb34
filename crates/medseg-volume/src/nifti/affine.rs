//! From a header's fields to an affine.

use super::NiftiFields;
use crate::geometry::Affine;

/// Below this the quaternion is longer than rounding explains by at most as much, and is normalised (as nibabel does).
const QUATERNION_SLACK: f64 = 1e-7;

/// The affine of a header: sform if its code is positive, else qform, else voxel sizes with the first axis flipped and
/// the volume's centre at the origin. `shape` is the number of voxels along i, j, k.
pub(super) fn affine_of(fields: &NiftiFields, shape: [usize; 3]) -> Affine {
    let rows = if fields.sform_code > 0 {
        fields.srow.map(|row| row.map(f64::from))
    } else if fields.qform_code > 0 {
        qform(fields)
    } else {
        base(fields, shape)
    };
    [rows[0], rows[1], rows[2], [0.0, 0.0, 0.0, 1.0]]
}

/// Millimetres along i, j, k; 0 counts as 1, and a sign has no meaning.
fn voxel_size(fields: &NiftiFields) -> [f64; 3] {
    std::array::from_fn(|a| match f64::from(fields.pixdim[a + 1]).abs() {
        0.0 => 1.0,
        size => size,
    })
}

fn qform(fields: &NiftiFields) -> [[f64; 4]; 3] {
    let [mut b, mut c, mut d] = fields.quatern.map(f64::from);
    let squared = b * b + c * c + d * d;
    let mut a = 0.0;
    if 1.0 - squared < QUATERNION_SLACK {
        let length = squared.sqrt();
        (b, c, d) = (b / length, c / length, d / length);
    } else {
        a = (1.0 - squared).sqrt();
    }
    let rotation = [
        [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), 2.0 * (b * d + a * c)],
        [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d - a * b)],
        [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ];
    let size = voxel_size(fields);
    let qfac = if fields.pixdim[0] < 0.0 { -1.0 } else { 1.0 };
    std::array::from_fn(|r| {
        let [i, j, k] = rotation[r];
        [i * size[0], j * size[1], k * size[2] * qfac, f64::from(fields.qoffset[r])]
    })
}

fn base(fields: &NiftiFields, shape: [usize; 3]) -> [[f64; 4]; 3] {
    let size = voxel_size(fields);
    let sign = [-1.0, 1.0, 1.0];
    std::array::from_fn(|r| {
        let mut row = [0.0; 4];
        row[r] = sign[r] * size[r];
        row[3] = -row[r] * (shape[r] as f64 - 1.0) / 2.0;
        row
    })
}
