//! Numbers of a storage.

use std::fmt;

use half::{bf16, f16};

/// Type of a tensor's numbers; it is displayed by PyTorch's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Element {
    /// `torch.float64`.
    F64,
    /// `torch.float32`.
    F32,
    /// `torch.float16`.
    F16,
    /// `torch.bfloat16`.
    Bf16,
    /// `torch.int64`.
    I64,
    /// `torch.int32`.
    I32,
    /// `torch.int16`.
    I16,
    /// `torch.int8`.
    I8,
    /// `torch.uint8` and `torch.bool`.
    U8,
    /// Another type, by PyTorch's name of it or of its storage. Its numbers are not read.
    Other(String),
}

/// Order of the bytes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteOrder {
    Little,
    Big,
}

impl fmt::Display for Element {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::F64 => "float64",
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::Bf16 => "bfloat16",
            Self::I64 => "int64",
            Self::I32 => "int32",
            Self::I16 => "int16",
            Self::I8 => "int8",
            Self::U8 => "uint8",
            Self::Other(name) => name,
        })
    }
}

impl Element {
    /// The type of a storage class such as `FloatStorage`, or of a type such as `float32`.
    pub(crate) fn of(name: &str) -> Self {
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
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Other(_) => 1,
        }
    }

    /// Bytes of a number in a storage; nothing for a type whose size is unknown.
    pub(crate) fn stored_bytes(&self) -> Option<u64> {
        match self {
            Self::Other(name) => match &name[..] {
                "QInt8Storage" | "QUInt8Storage" | "UntypedStorage" => Some(1),
                "QInt32Storage" => Some(4),
                "ComplexFloatStorage" => Some(8),
                "ComplexDoubleStorage" => Some(16),
                _ => None,
            },
            known => Some(known.bytes()),
        }
    }

    /// True for floating-point numbers, of which weights are made.
    #[must_use]
    pub fn is_float(&self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::Bf16)
    }

    /// The numbers as f32, rounded to nearest; nothing for another type.
    pub(crate) fn decode(&self, bytes: &[u8], order: ByteOrder) -> Option<Vec<f32>> {
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
