//! The header fields that say where voxels lie.

use serde::{Deserialize, Serialize};

/// NIfTI's codes of units of length.
pub(super) const METRES: i32 = 1;
pub(super) const MILLIMETRES: i32 = 2;
pub(super) const MICROMETRES: i32 = 3;

/// The version of the format: NIfTI-2 has 64-bit dimensions and geometry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NiftiVersion {
    /// NIfTI-1, with up to 32767 voxels along an axis.
    One,
    /// NIfTI-2.
    Two,
}

/// The geometry fields and the description of a NIfTI header, as the file has them; NIfTI-1's f32 are exact in f64.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct NiftiFields {
    /// The header's version, which a mask on this geometry is written with.
    pub version: NiftiVersion,
    /// qfac, the spacing of the three axes and of the further ones.
    pub pixdim: [f64; 8],
    /// Units of length and time; lengths here are as stored, those of an affine are millimetres.
    pub xyzt_units: i32,
    /// Meaning of the quaternion; 0 if unused.
    pub qform_code: i32,
    /// Meaning of the matrix; 0 if unused.
    pub sform_code: i32,
    /// Quaternion b, c, d.
    pub quatern: [f64; 3],
    /// Quaternion offset x, y, z.
    pub qoffset: [f64; 3],
    /// The rows of the matrix.
    pub srow: [[f64; 4]; 3],
    /// Free text, filled up with zeros.
    pub descrip: [u8; 80],
}

impl NiftiFields {
    /// The unit of length, the lowest three bits of `xyzt_units`: 0 unknown, 1 metres, 2 millimetres, 3 micrometres.
    pub(super) fn space_unit(&self) -> i32 {
        self.xyzt_units & 7
    }

    /// The first three rows of the affine that the quaternion describes, in the header's unit, whatever its code.
    #[must_use]
    pub fn qform(&self) -> [[f64; 4]; 3] {
        super::affine::qform(self, &mut Vec::new())
    }

    /// The free text up to its first zero; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn description(&self) -> String {
        let end = self.descrip.iter().position(|b| *b == 0).unwrap_or(self.descrip.len());
        String::from_utf8_lossy(&self.descrip[..end]).into_owned()
    }
}
