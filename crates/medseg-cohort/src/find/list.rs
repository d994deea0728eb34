//! Lists of inputs: a path a line, or CSV with ids.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::id::checked_id;
use crate::{CohortError, ListFault};

/// Bytes of a line; no system has longer paths.
const LONGEST_LINE: u64 = 1 << 16;

/// Bytes of a CSV file: a quote without an end makes one row of it.
const LARGEST_CSV: u64 = 1 << 30;

/// One entry of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The line, from 1.
    pub line: u64,
    /// The id, where the list gives one.
    pub id: Option<String>,
    /// A path for each channel, as the list has them.
    pub paths: Vec<PathBuf>,
}

/// True for the names of lists.
pub(super) fn is_list(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ["txt", "csv"].iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// Calls `take` with each entry, in order.
///
/// # Errors
/// A file that cannot be read, a line that makes no case, and those of `take`.
pub(super) fn each_entry(list: &Path, take: impl FnMut(Entry) -> Result<(), CohortError>) -> Result<(), CohortError> {
    let file = File::open(list).map_err(CohortError::io("read", list))?;
    let csv = list.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    if csv && file.metadata().map_err(CohortError::io("read", list))?.len() > LARGEST_CSV {
        return Err(CohortError::Limit { path: list.into(), what: "bytes", limit: LARGEST_CSV });
    }
    let mut input = BufReader::with_capacity(1 << 16, file);
    // Windows's editors put a mark at the beginning.
    if input.fill_buf().map_err(CohortError::io("read", list))?.starts_with(b"\xef\xbb\xbf") {
        input.consume(3);
    }
    if csv { rows(list, input, take) } else { lines(list, input, take) }
}

fn lines(
    list: &Path,
    mut input: impl BufRead,
    mut take: impl FnMut(Entry) -> Result<(), CohortError>,
) -> Result<(), CohortError> {
    let mut bytes = Vec::new();
    for line in 1.. {
        let fault = |source| CohortError::List { list: list.to_path_buf(), line, source };
        bytes.clear();
        let mut limited = (&mut input).take(LONGEST_LINE + 1);
        if limited.read_until(b'\n', &mut bytes).map_err(CohortError::io("read", list))? == 0 {
            break;
        }
        if bytes.len() as u64 > LONGEST_LINE {
            return Err(fault(ListFault::LongLine { limit: LONGEST_LINE }));
        }
        let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.trim_ascii().is_empty() {
            continue;
        }
        take(Entry { line, id: None, paths: vec![path_of(text).map_err(fault)?] })?;
    }
    Ok(())
}

fn rows(
    list: &Path,
    input: impl BufRead,
    mut take: impl FnMut(Entry) -> Result<(), CohortError>,
) -> Result<(), CohortError> {
    let at = |line, source| CohortError::List { list: list.to_path_buf(), line, source };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(input);
    let names = reader.byte_headers().map_err(|error| at(1, ListFault::Csv(error)))?.clone();
    let named = |wanted: &str| names.iter().position(|name| name.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes()));
    let (Some(id), Some(image)) = (named("id"), named("image")) else { return Err(at(1, ListFault::Columns)) };
    let mut images = vec![image];
    while let Some(next) = named(&format!("image{}", images.len() + 1)) {
        images.push(next);
    }
    let mut row = csv::ByteRecord::new();
    loop {
        let line = reader.position().line();
        if !reader.read_byte_record(&mut row).map_err(|error| at(line, ListFault::Csv(error)))? {
            return Ok(());
        }
        let line = row.position().map_or(line, csv::Position::line);
        let id = std::str::from_utf8(row.get(id).unwrap_or_default()).map_err(|_| at(line, ListFault::NotText))?;
        let id = checked_id(id).map_err(|fault| at(line, fault))?;
        let mut cells: Vec<&[u8]> = images.iter().map(|column| row.get(*column).unwrap_or_default()).collect();
        while cells.last().is_some_and(|cell| cell.is_empty()) {
            cells.pop();
        }
        if cells.is_empty() || cells.iter().any(|cell| cell.is_empty()) {
            return Err(at(line, ListFault::NoImage));
        }
        let paths: Result<Vec<PathBuf>, ListFault> = cells.into_iter().map(path_of).collect();
        take(Entry { line, id: Some(id), paths: paths.map_err(|fault| at(line, fault))? })?;
    }
}

/// The path of these bytes.
fn path_of(bytes: &[u8]) -> Result<PathBuf, ListFault> {
    if bytes.contains(&0) {
        return Err(ListFault::NotText);
    }
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        Ok(PathBuf::from(std::ffi::OsStr::from_bytes(bytes)))
    }
    #[cfg(not(unix))]
    {
        std::str::from_utf8(bytes).map(PathBuf::from).map_err(|_| ListFault::NotText)
    }
}
