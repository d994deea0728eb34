//! Entries of a zip archive's directory.

use crate::bytes::{u16_at, u32_at, u64_at};

/// An entry of the archive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Position of its header in the file.
    pub(super) header: u64,
    /// Its size.
    pub(super) bytes: u64,
    /// CRC-32 of its bytes; zero stands for none.
    pub(super) checksum: u32,
    /// Neither compressed nor encrypted.
    pub(super) stored: bool,
}

impl Entry {
    /// Name, entry and size of the first record of a directory.
    pub(super) fn first(record: &[u8]) -> Option<(String, Self, usize)> {
        if !record.starts_with(b"PK\x01\x02") {
            return None;
        }
        let length = |at| u16_at(record, at).map(usize::from);
        let name_end = 46 + length(28)?;
        let extra_end = name_end + length(30)?;
        let size = extra_end + length(32)?;
        let name = String::from_utf8_lossy(record.get(46..name_end)?).into_owned();
        let mut large = large_sizes(record.get(name_end..extra_end)?);
        // The extra field holds those of the sizes that do not fit 32 bits, in this order.
        let mut wide = |at| match u32_at(record, at)? {
            u32::MAX => {
                let (value, rest) = large.split_at_checked(8)?;
                large = rest;
                u64_at(value, 0)
            }
            small => Some(u64::from(small)),
        };
        let bytes = wide(24)?;
        let packed = wide(20)?;
        let header = wide(42)?;
        let (flags, method, checksum) = (u16_at(record, 8)?, u16_at(record, 10)?, u32_at(record, 16)?);
        let stored = method == 0 && flags & 1 == 0 && packed == bytes;
        record.get(..size)?;
        Some((name, Self { header, bytes, checksum, stored }, size))
    }
}

/// The extra field of sizes over 32 bits, or nothing.
fn large_sizes(mut extra: &[u8]) -> &[u8] {
    while let (Some(kind), Some(size)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let end = 4 + usize::from(size);
        if kind == 1 {
            return extra.get(4..end).unwrap_or_default();
        }
        extra = extra.get(end..).unwrap_or_default();
    }
    &[]
}
