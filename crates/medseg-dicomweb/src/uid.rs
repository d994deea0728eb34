//! Unique identifiers of DICOM.

use crate::DicomWebError;

/// Checks a UID: 1 to 64 characters, numbers separated by single dots (PS3.5, section 9.1).
///
/// Leading zeros are accepted, as archives hold such UIDs.
pub fn is_uid(text: &str) -> bool {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= 64 && text.split('.').all(number)
}

/// Returns the UID, or an error that says which of the caller's UIDs is none.
pub fn checked<'a>(what: &'static str, text: &'a str) -> Result<&'a str, DicomWebError> {
    if is_uid(text) { Ok(text) } else { Err(DicomWebError::Uid { what, text: crate::error::printable(text) }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_numbers_and_dots_of_at_most_64_characters() {
        for good in ["1", "1.2.840.10008.1.1", &"1".repeat(64), "2.25.0"] {
            assert!(is_uid(good), "{good}");
        }
        for bad in ["", ".", "1.", ".1", "1..2", "1.2/3", "1.2 ", "1.2\0", "a", "../1", "1.2?x", "１", &"1".repeat(65)]
        {
            assert!(!is_uid(bad), "{bad}");
        }
    }
}
