//! The directory at the end of a zip archive.

use std::collections::BTreeMap;

use super::entry::Entry;
use crate::bytes::{u16_at, u32_at, u64_at};
use crate::source::Source;
use crate::{TorchError, TorchProblem};

/// Largest directory of entries that is read.
const LARGEST: u64 = 64 << 20;

/// Reads all entries.
pub(super) fn entries(source: &Source) -> Result<BTreeMap<String, Entry>, TorchError> {
    let damaged = |part| source.error(TorchProblem::DamagedZip { part });
    let (start, bytes) = position(source)?;
    if bytes > LARGEST {
        let entry = "of all names".to_owned();
        return Err(source.error(TorchProblem::TooLarge { entry, bytes, limit: LARGEST }));
    }
    let directory = source.read(start, bytes)?.ok_or_else(|| damaged("the directory lies outside of the file"))?;
    let mut entries = BTreeMap::new();
    let mut rest = &directory[..];
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (name, entry, size) = Entry::first(rest).ok_or_else(|| damaged("its directory"))?;
        // Entries that overlap would let a small file hold large tensors.
        total = total.saturating_add(if entry.stored { entry.bytes } else { 0 });
        if total > source.length() {
            return Err(damaged("its entries overlap"));
        }
        // Readers differ in which of two entries they take.
        if entries.insert(name, entry).is_some() {
            return Err(damaged("two entries have one name"));
        }
        rest = rest.get(size..).unwrap_or_default();
    }
    Ok(entries)
}

/// Position and size of the directory, in bytes.
fn position(source: &Source) -> Result<(u64, u64), TorchError> {
    let damaged = |part| source.error(TorchProblem::DamagedZip { part });
    // The record at the end has 22 bytes and a comment of at most 65535.
    let tail_start = source.length().saturating_sub(22 + 65535);
    let tail = source.read(tail_start, source.length() - tail_start)?.unwrap_or_default();
    let is_end = |at: &usize| {
        tail[*at..].starts_with(b"PK\x05\x06")
            && u16_at(&tail, *at + 20).is_some_and(|comment| *at + 22 + usize::from(comment) == tail.len())
    };
    let candidates = 0..tail.len().saturating_sub(21);
    let end = candidates.rev().find(is_end).ok_or_else(|| source.error(TorchProblem::NotZip))?;
    let (bytes, start) = (u32_at(&tail, end + 12), u32_at(&tail, end + 16));
    let (Some(bytes), Some(start)) = (bytes, start) else { return Err(damaged("its end")) };
    let locator = end.checked_sub(20).and_then(|at| tail.get(at..end));
    let locator = locator.filter(|locator| locator.starts_with(b"PK\x06\x07"));
    match locator.and_then(|locator| u64_at(locator, 8)) {
        Some(record) if bytes == u32::MAX || start == u32::MAX => {
            let record = source.read(record, 56)?.filter(|record| record.starts_with(b"PK\x06\x06"));
            let found = record.and_then(|record| Some((u64_at(&record, 48)?, u64_at(&record, 40)?)));
            found.ok_or_else(|| damaged("its end for large archives"))
        }
        _ => Ok((u64::from(start), u64::from(bytes))),
    }
}
