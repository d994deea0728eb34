//! Headers of text, line by line.

use std::io::{self, BufRead, BufReader, Read, Take};
use std::path::Path;
use std::str::FromStr;

use super::source::{Packing, Source};
use crate::{MalformedKind, VolumeError};

/// Longest header in bytes.
const LONGEST: u64 = 1 << 20;

/// The lines at the start of a file.
pub(crate) struct Lines {
    input: BufReader<Take<Box<dyn Read>>>,
    /// Bytes of the lines so far.
    pub read: u64,
}

impl Lines {
    /// The lines of a source that is not packed.
    pub fn of(source: &Source) -> Result<Self, VolumeError> {
        let content: Box<dyn Read> = source.from(0, Packing::None).open(1 << 12)?.content;
        Ok(Self { input: BufReader::new(content.take(LONGEST)), read: 0 })
    }

    /// The next line without its end; `None` at the end of the file, or of the longest header.
    pub fn next(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        self.read += self.input.read_until(b'\n', &mut line)? as u64;
        if line.is_empty() {
            return Ok(None);
        }
        while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            line.pop();
        }
        Ok(Some(String::from_utf8_lossy(&line).into_owned()))
    }
}

/// The fields of a header in their order, each once.
pub(crate) struct Fields<'a> {
    path: &'a Path,
    fields: Vec<(String, String)>,
}

impl<'a> Fields<'a> {
    pub fn new(path: &'a Path) -> Self {
        Self { path, fields: Vec::new() }
    }

    /// Adds a field that must not be there yet.
    pub fn add(&mut self, name: String, value: &str) -> Result<(), VolumeError> {
        if self.get(&name).is_some() {
            return Err(self.bad(format!("{name} occurs twice in its header")));
        }
        self.fields.push((name, value.trim().to_string()));
        Ok(())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn needed(&self, name: &str) -> Result<&str, VolumeError> {
        self.get(name).ok_or_else(|| self.bad(format!("its header lacks {name}")))
    }

    /// The numbers of a field, exactly `count`; `None` without the field.
    pub fn numbers<T: FromStr>(&self, name: &str, count: usize) -> Result<Option<Vec<T>>, VolumeError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let numbers = value.split_whitespace().map(|word| word.parse().ok()).collect::<Option<Vec<T>>>();
        let refused = || self.bad(format!("{name} in its header is not {count} numbers"));
        numbers.filter(|numbers| numbers.len() == count).map(Some).ok_or_else(refused)
    }

    /// An error of this header.
    pub fn bad(&self, reason: impl Into<String>) -> VolumeError {
        VolumeError::malformed(self.path, MalformedKind::Header, reason)
    }
}
