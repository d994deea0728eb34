//! Voxels in the type the file has.

use ndarray::Array4;

/// Voxels `[channel, depth, height, width]` in the type of the file, not scaled.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum StoredVoxels {
    U8(Array4<u8>),
    I8(Array4<i8>),
    U16(Array4<u16>),
    I16(Array4<i16>),
    U32(Array4<u32>),
    I32(Array4<i32>),
    U64(Array4<u64>),
    I64(Array4<i64>),
    F32(Array4<f32>),
    F64(Array4<f64>),
}
