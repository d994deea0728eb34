//! Texts that fit the value representations of DICOM (PS3.5 6.2).

use super::SegmentFault;

/// Most characters of a short string (SH).
pub(crate) const SHORT: usize = 16;
/// Most characters of a long string (LO).
pub(crate) const LONG: usize = 64;
/// Most characters of a short text (ST).
pub(crate) const TEXT: usize = 1024;

/// Checks a text of one line: not empty, no backslash, no control characters, at most `most` characters.
pub(crate) fn check(attribute: &'static str, text: &str, most: usize) -> Result<(), SegmentFault> {
    if text.trim().is_empty() {
        return Err(SegmentFault::Empty(attribute));
    }
    if text.contains(|c: char| c == '\\' || c.is_control()) {
        return Err(SegmentFault::Characters(attribute));
    }
    check_length(attribute, text, most)
}

/// Checks a text of any number of lines.
pub(crate) fn check_lines(attribute: &'static str, text: &str, most: usize) -> Result<(), SegmentFault> {
    if text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(SegmentFault::Characters(attribute));
    }
    check_length(attribute, text, most)
}

fn check_length(attribute: &'static str, text: &str, most: usize) -> Result<(), SegmentFault> {
    let length = text.chars().count();
    if length > most { Err(SegmentFault::Long { attribute, length, most }) } else { Ok(()) }
}

/// Makes a stranger's text one that passes [`check`], or an empty one.
pub(crate) fn fitted(text: &str, most: usize) -> String {
    let plain: String = text.trim().chars().map(|c| if c == '\\' || c.is_control() { ' ' } else { c }).collect();
    plain.trim().chars().take(most).collect::<String>().trim_end().to_string()
}
