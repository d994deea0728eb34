//! Types of stored voxels.

use std::fmt;

/// The type of a file's voxels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Datatype {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

/// All types with NIfTI's code, bytes and name.
const TABLE: [(Datatype, i16, usize, &str); 10] = [
    (Datatype::U8, 2, 1, "u8"),
    (Datatype::I8, 256, 1, "i8"),
    (Datatype::U16, 512, 2, "u16"),
    (Datatype::I16, 4, 2, "i16"),
    (Datatype::U32, 768, 4, "u32"),
    (Datatype::I32, 8, 4, "i32"),
    (Datatype::U64, 1280, 8, "u64"),
    (Datatype::I64, 1024, 8, "i64"),
    (Datatype::F32, 16, 4, "f32"),
    (Datatype::F64, 64, 8, "f64"),
];

impl Datatype {
    fn entry(self) -> &'static (Self, i16, usize, &'static str) {
        // The table is in the order of the variants.
        &TABLE[self as usize]
    }

    /// From NIfTI's code; `Err` names what the code means, if anything.
    pub(crate) fn from_code(code: i16) -> Result<Self, String> {
        if let Some((datatype, ..)) = TABLE.iter().find(|(_, known, ..)| *known == code) {
            return Ok(*datatype);
        }
        Err(match code {
            32 | 1792 | 2048 => format!("complex voxels (datatype {code}) are not read"),
            128 | 2304 => format!("colour voxels (datatype {code}) are not read"),
            1536 => "128-bit float voxels are not read".into(),
            1 => "voxels of single bits (datatype 1) are not read".into(),
            _ => format!("datatype {code} is unknown"),
        })
    }

    /// NIfTI's code.
    pub(crate) fn code(self) -> i16 {
        self.entry().1
    }

    /// Bytes of a voxel.
    #[must_use]
    pub fn bytes(self) -> usize {
        self.entry().2
    }
}

/// As Rust names the type: `i16`.
impl fmt::Display for Datatype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.entry().3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_types() {
        for (datatype, code, bytes, name) in TABLE {
            assert_eq!(Datatype::from_code(code), Ok(datatype));
            assert_eq!((datatype.code(), datatype.bytes(), datatype.to_string().as_str()), (code, bytes, name));
        }
    }
}
