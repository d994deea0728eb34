//! The header fields that say where voxels lie.

use ::nifti::NiftiHeader;

/// The geometry fields of a NIfTI-1 header, bit for bit as the file has them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NiftiFields {
    /// qfac, the spacing of the three axes and of the further ones.
    pub pixdim: [f32; 8],
    /// Space and time units.
    pub xyzt_units: u8,
    /// What the quaternion means; 0 if unused.
    pub qform_code: i16,
    /// What the matrix means; 0 if unused.
    pub sform_code: i16,
    /// Quaternion b, c, d.
    pub quatern: [f32; 3],
    /// Quaternion offset x, y, z.
    pub qoffset: [f32; 3],
    /// The rows of the matrix.
    pub srow: [[f32; 4]; 3],
}

impl NiftiFields {
    pub(crate) fn of(h: &NiftiHeader) -> Self {
        Self {
            pixdim: h.pixdim,
            xyzt_units: h.xyzt_units,
            qform_code: h.qform_code,
            sform_code: h.sform_code,
            quatern: [h.quatern_b, h.quatern_c, h.quatern_d],
            qoffset: [h.quatern_x, h.quatern_y, h.quatern_z],
            srow: [h.srow_x, h.srow_y, h.srow_z],
        }
    }

    pub(crate) fn put_into(&self, h: &mut NiftiHeader) {
        h.pixdim = self.pixdim;
        h.xyzt_units = self.xyzt_units;
        h.qform_code = self.qform_code;
        h.sform_code = self.sform_code;
        [h.quatern_b, h.quatern_c, h.quatern_d] = self.quatern;
        [h.quatern_x, h.quatern_y, h.quatern_z] = self.qoffset;
        [h.srow_x, h.srow_y, h.srow_z] = self.srow;
    }
}
