//! Ids of cases: relative paths of plain names.

use std::fmt::Write;
use std::path::{Component, Path};

use unicode_normalization::UnicodeNormalization;
use xxhash_rust::xxh3::xxh3_64;

use crate::ListFault;

/// Bytes of one name in an id; systems allow 255 for the whole with its ending.
const LONGEST_NAME: usize = 180;
/// Characters that some system does not have in names of files.
const RESERVED: &str = "%\\/<>:\"|?*";

/// The id of a relative path. Parts that are no names are left out.
pub(super) fn id_of(relative: &Path) -> String {
    let names = relative.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name),
        _ => None,
    });
    let names: Vec<String> = names.map(|name| plain(name.as_encoded_bytes())).collect();
    names.join("/")
}

/// The id below another one, which may be empty.
pub(crate) fn below(folder: &str, id: &str) -> String {
    match (folder, id) {
        ("", id) => id.into(),
        (folder, "") => folder.into(),
        (folder, id) => format!("{folder}/{id}"),
    }
}

/// The id of a list, made plain.
///
/// # Errors
/// [`ListFault::UnsafeId`].
pub(crate) fn checked_id(id: &str) -> Result<String, ListFault> {
    let mut names = Vec::new();
    for name in id.split('/') {
        if name.trim().is_empty() || name == "." || name == ".." {
            return Err(ListFault::UnsafeId { id: id.chars().take(LONGEST_NAME).collect() });
        }
        names.push(plain(name.as_bytes()));
    }
    Ok(names.join("/"))
}

/// A name that every system takes and that hides no file: letters composed (NFC), every other byte as `%` and two digits.
/// Two names give one only if they differ in nothing but composition.
pub(super) fn plain(name: &[u8]) -> String {
    let mut plain = String::new();
    for chunk in name.utf8_chunks() {
        for letter in chunk.valid().nfc() {
            let hidden = letter == '.' && plain.is_empty();
            if hidden || letter.is_control() || RESERVED.contains(letter) {
                escape(&mut plain, letter.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                plain.push(letter);
            }
        }
        escape(&mut plain, chunk.invalid());
    }
    // Windows drops them.
    if let Some(last) = plain.chars().last().filter(|last| ". ".contains(*last)) {
        plain.pop();
        escape(&mut plain, last.encode_utf8(&mut [0; 4]).as_bytes());
    }
    shortened(plain, LONGEST_NAME)
}

fn escape(plain: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(plain, "%{byte:02X}");
    }
}

/// The text, or its beginning with a hash of all of it where it is too long.
pub(crate) fn shortened(text: String, longest: usize) -> String {
    if text.len() <= longest {
        return text;
    }
    let hash = xxh3_64(text.as_bytes());
    let end = text.floor_char_boundary(longest - 17);
    format!("{}~{hash:016x}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_names_stay_as_they_are() {
        for name in ["patient_7/ct", "a b/c-d", "liver.1", "Leber_ü/日本"] {
            assert_eq!(id_of(Path::new(name)), name);
            assert_eq!(checked_id(name).unwrap(), name);
        }
    }

    #[test]
    fn no_id_leads_elsewhere_or_hides_a_file() {
        for id in ["", "/", "/etc/passwd", "a//b", "a/", "..", "a/../b", "./a", " ", "a/ /b"] {
            assert!(matches!(checked_id(id), Err(ListFault::UnsafeId { .. })), "{id:?}");
        }
        assert_eq!(checked_id(".medseg").unwrap(), "%2Emedseg");
        assert_eq!(checked_id("a\\..\\b\n").unwrap(), "a%5C..%5Cb%0A");
        assert_eq!(id_of(Path::new("../../a/./b")), "a/b");
        assert_eq!(checked_id("a.").unwrap(), "a%2E");
        assert_eq!(checked_id("...").unwrap(), "%2E.%2E");
    }

    #[test]
    fn different_names_have_different_ids() {
        let names = ["a%20", "a ", "a%2520", "%2E", "x.", "x%2E", "a:b", "a%3Ab"];
        let ids: std::collections::BTreeSet<String> = names.iter().map(|name| plain(name.as_bytes())).collect();
        assert_eq!(ids.len(), names.len());
        let long = |end: &str| plain(format!("{}{end}", "ü".repeat(200)).as_bytes());
        assert!(long("a").len() <= LONGEST_NAME && long("a") != long("b"));
        assert_eq!(plain("u\u{308}".as_bytes()), "ü");
    }

    #[test]
    fn bytes_that_are_no_text_are_written_as_digits() {
        assert_eq!(plain(b"a\xff\xfeb"), "a%FF%FEb");
    }
}
