//! Small JSON files that are either the old or the new one, never half of it.

use std::fs;
use std::path::Path;

use medseg_files::write_atomic;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::DataError;

/// Writes `value` as indented JSON.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), DataError> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|error| DataError::BadJson { path: path.into(), reason: error.to_string() })?;
    text.push('\n');
    write_atomic(path, text.as_bytes()).map_err(DataError::io(path))
}

/// Reads a JSON file in UTF-8, with or without a byte-order mark.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, DataError> {
    let text = fs::read(path).map_err(DataError::io(path))?;
    if let Some(encoding) = other_encoding(&text) {
        return Err(DataError::Encoding { path: path.into(), encoding });
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    serde_json::from_slice(text).map_err(|error| DataError::BadJson { path: path.into(), reason: error.to_string() })
}

/// The encoding of a text that is not in UTF-8, by its mark, or by zeros, of which JSON has none.
fn other_encoding(text: &[u8]) -> Option<&'static str> {
    match text {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] | [0, 0, 0, _, ..] | [_, 0, 0, 0, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] => Some("UTF-16"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("value.json");
        write_json(&path, &1).unwrap();
        write_json(&path, &2).unwrap();
        assert_eq!(read_json::<i32>(&path).unwrap(), 2);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

        let taken = folder.path().join("folder.json");
        fs::create_dir(&taken).unwrap();
        let message = write_json(&taken, &3).unwrap_err().to_string();
        assert!(message.contains("folder.json"), "{message}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_and_other_encodings_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("value.json");
        let read = |bytes: Vec<u8>| {
            fs::write(&path, bytes).unwrap();
            read_json::<Vec<String>>(&path)
        };
        let text = "[\"ü\"]";
        let utf16: Vec<u16> = text.encode_utf16().collect();
        let bytes = |order: fn(u16) -> [u8; 2]| utf16.iter().flat_map(|unit| order(*unit)).collect::<Vec<u8>>();
        let wide: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        for start in ["", "\u{feff}"] {
            assert_eq!(read(format!("{start}{text}").into_bytes()).unwrap(), ["ü"]);
        }
        for (bytes, encoding) in [
            (bytes(u16::to_le_bytes), "UTF-16"),
            (bytes(u16::to_be_bytes), "UTF-16"),
            ([vec![0xff, 0xfe], bytes(u16::to_le_bytes)].concat(), "UTF-16"),
            ([vec![0xfe, 0xff], bytes(u16::to_be_bytes)].concat(), "UTF-16"),
            ([vec![0xff, 0xfe, 0, 0], wide.clone()].concat(), "UTF-32"),
            (wide, "UTF-32"),
        ] {
            let message = read(bytes).unwrap_err().to_string();
            assert!(message.contains("value.json") && message.contains(encoding), "{message}");
        }
        for bytes in [vec![], vec![0xff], vec![0xef, 0xbb, 0xbf], b"[\"\xff\"]".to_vec()] {
            assert!(matches!(read(bytes), Err(DataError::BadJson { .. })));
        }
    }
}
