//! NIfTI headers to be written.

use ndarray::ArrayView4;

use super::affine::affine_of;
use super::fields::MILLIMETRES;
use super::layout::RawHeader;
use super::{NiftiFields, NiftiVersion, extension};
use crate::error::UnstorableFault;
use crate::{Dhw, Geometry, Stored, WriteOptions};

/// NIfTI's intent code of label maps.
const INTENT_LABEL: i32 = 1002;
/// "Aligned": coordinates in the space of another image.
const FORM_ALIGNED: i32 = 2;

/// Everything before the first voxel.
pub(crate) fn head<T: Stored>(
    data: &ArrayView4<'_, T>,
    geometry: &Geometry,
    options: &WriteOptions,
) -> Result<Vec<u8>, UnstorableFault> {
    let (channels, d, h, w) = data.dim();
    let shape = Dhw { d, h, w };
    let lengths = [w, h, d, channels].map(|n| n as u64);
    if data.is_empty() {
        return Err(UnstorableFault::Empty(shape));
    }
    let mut fields = fields_of(geometry, [lengths[0], lengths[1], lengths[2]]);
    let longest = lengths.into_iter().max().unwrap_or(0);
    fields.version = match options.version {
        Some(version) if longest > version.longest_length() => {
            return Err(UnstorableFault::LongAxis(longest));
        }
        Some(version) => version,
        None if longest > fields.version.longest_length() => NiftiVersion::Two,
        None => fields.version,
    };
    if options.extensions.iter().any(|e| e.data.len() > i32::MAX as usize - 32) {
        return Err(UnstorableFault::Extension);
    }
    let extensions = extension::to_bytes(&options.extensions);
    let mut dim = [1; 8];
    dim[0] = if channels == 1 { 3 } else { 4 };
    for (to, length) in dim[1..].iter_mut().zip(lengths) {
        *to = i64::try_from(length).map_err(|_| UnstorableFault::LongAxis(length))?;
    }
    let (slope, intercept) = options.scaling.unwrap_or((1.0, 0.0));
    if !(slope.is_normal() && intercept.is_finite()) {
        return Err(UnstorableFault::Scaling);
    }
    let raw = RawHeader {
        big_endian: false,
        no_magic: false,
        single: Some(true),
        datatype: T::DATATYPE.code(),
        bitpix: 8 * size_of::<T>() as i16,
        dim,
        vox_offset: (fields.version.header_bytes() + extensions.len()) as f64,
        slope: f64::from(slope),
        intercept: f64::from(intercept),
        cal_max: if options.labels { largest(data).to_f64() } else { 0.0 },
        cal_min: 0.0,
        intent_code: if options.labels { INTENT_LABEL } else { 0 },
        fields,
    };
    let mut bytes = raw.to_bytes();
    // NIfTI-1's numbers are f32.
    let kept = RawHeader::parse(&bytes, fields.version, false).fields;
    Geometry::checked(affine_of(&kept, [lengths[0], lengths[1], lengths[2]], &mut Vec::new()))
        .map_err(UnstorableFault::Geometry)?;
    bytes.extend(extensions);
    Ok(bytes)
}

/// The fields a geometry was read with if they still mean it, else its affine as sform. `lengths` are along i, j, k.
fn fields_of(geometry: &Geometry, lengths: [u64; 3]) -> NiftiFields {
    let means = |fields: &NiftiFields| affine_of(fields, lengths, &mut Vec::new());
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
