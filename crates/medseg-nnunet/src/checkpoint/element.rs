//! Numbers of a storage.

use half::{bf16, f16};

/// Type of a storage's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Element {
    F64,
    F32,
    F16,
    Bf16,
    I64,
    I32,
    I16,
    I8,
    U8,
    /// Another type, by PyTorch's name of it.
    Other(String),
}

/// Order of the bytes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl Element {
    /// The type of a storage class such as `FloatStorage`, or of a type such as `float32`.
    pub(super) fn of(name: &str) -> Self {
        match name {
            "DoubleStorage" | "float64" | "double" => Self::F64,
            "FloatStorage" | "float32" | "float" => Self::F32,
            "HalfStorage" | "float16" | "half" => Self::F16,
            "BFloat16Storage" | "bfloat16" => Self::Bf16,
            "LongStorage" | "int64" | "long" => Self::I64,
            "IntStorage" | "int32" | "int" => Self::I32,
            "ShortStorage" | "int16" | "short" => Self::I16,
            "CharStorage" | "int8" => Self::I8,
            "ByteStorage" | "uint8" | "BoolStorage" | "bool" => Self::U8,
            other => Self::Other(other.escape_debug().take(60).collect()),
        }
    }

    /// Bytes of a number; of an unknown type none is read, so one.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Other(_) => 1,
        }
    }

    /// The numbers as f32, rounded to nearest; nothing for another type.
    pub(super) fn decode(&self, bytes: &[u8], order: ByteOrder) -> Option<Vec<f32>> {
        Some(match self {
            Self::F64 => each(bytes, order, |number| f64::from_le_bytes(number) as f32),
            Self::F32 => each(bytes, order, f32::from_le_bytes),
            Self::F16 => each(bytes, order, |number| f16::from_le_bytes(number).to_f32()),
            Self::Bf16 => each(bytes, order, |number| bf16::from_le_bytes(number).to_f32()),
            Self::I64 => each(bytes, order, |number| i64::from_le_bytes(number) as f32),
            Self::I32 => each(bytes, order, |number| i32::from_le_bytes(number) as f32),
            Self::I16 => each(bytes, order, |number| i16::from_le_bytes(number).into()),
            Self::I8 => each(bytes, order, |number| i8::from_le_bytes(number).into()),
            Self::U8 => each(bytes, order, |[number]| number.into()),
            Self::Other(_) => return None,
        })
    }
}

fn each<const N: usize>(bytes: &[u8], order: ByteOrder, number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let (chunks, _) = bytes.as_chunks::<N>();
    let decode = |chunk: &[u8; N]| {
        let mut chunk = *chunk;
        if order == ByteOrder::Big {
            chunk.reverse();
        }
        number(chunk)
    };
    chunks.iter().map(decode).collect()
}
