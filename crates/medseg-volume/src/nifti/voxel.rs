//! From stored bytes to voxels.

use super::Datatype;

/// A type voxels are read as.
pub(super) trait Voxel: Copy + Send {
    /// From a stored value that is exact in f64, scaled in f64; `None` if the type cannot hold it.
    fn from_f64(value: f64) -> Option<Self>;
}

impl Voxel for f32 {
    fn from_f64(value: f64) -> Option<Self> {
        Some(value as Self)
    }
}

impl Voxel for u8 {
    fn from_f64(value: f64) -> Option<Self> {
        ((0.0..=255.0).contains(&value) && value.fract() == 0.0).then_some(value as Self)
    }
}

/// How stored bytes are understood.
#[derive(Clone, Copy)]
pub(super) struct Decoder {
    pub datatype: Datatype,
    pub big_endian: bool,
    pub scaling: Option<(f64, f64)>,
}

impl Decoder {
    /// Appends the voxels of `bytes`, a whole number of them; the first value that does not fit is the error.
    pub fn decode<V: Voxel>(self, bytes: &[u8], out: &mut Vec<V>) -> Result<(), f64> {
        macro_rules! decode_as {
            ($stored:ty) => {{
                let (chunks, _) = bytes.as_chunks::<{ size_of::<$stored>() }>();
                if self.big_endian {
                    self.append(chunks.iter().map(|c| <$stored>::from_be_bytes(*c) as f64), out)
                } else {
                    self.append(chunks.iter().map(|c| <$stored>::from_le_bytes(*c) as f64), out)
                }
            }};
        }
        match self.datatype {
            Datatype::U8 => decode_as!(u8),
            Datatype::I8 => decode_as!(i8),
            Datatype::U16 => decode_as!(u16),
            Datatype::I16 => decode_as!(i16),
            Datatype::U32 => decode_as!(u32),
            Datatype::I32 => decode_as!(i32),
            Datatype::U64 => decode_as!(u64),
            Datatype::I64 => decode_as!(i64),
            Datatype::F32 => decode_as!(f32),
            Datatype::F64 => decode_as!(f64),
        }
    }

    fn append<V: Voxel>(self, values: impl ExactSizeIterator<Item = f64>, out: &mut Vec<V>) -> Result<(), f64> {
        let mut refused = None;
        let mut keep = |value: f64| {
            V::from_f64(value).unwrap_or_else(|| {
                refused.get_or_insert(value);
                V::from_f64(0.0).unwrap_or_else(|| unreachable!("0 fits every voxel type"))
            })
        };
        match self.scaling {
            None => out.extend(values.map(&mut keep)),
            Some((slope, intercept)) => out.extend(values.map(|v| keep(v * slope + intercept))),
        }
        refused.map_or(Ok(()), Err)
    }
}
