//! The head of a DICOM file.

/// Bytes at a file's start that hold the identifier in all but absurd files.
pub const HEAD: usize = 16 << 10;

/// Reads the SOP Instance UID of a file from its meta information (0002,0003), which is always explicit little endian
/// (PS3.10, section 7.1). `None` if this is no DICOM file, or its meta information has no such UID.
pub fn instance_uid(head: &[u8]) -> Option<&str> {
    let mut rest = head.get(128..)?.strip_prefix(b"DICM")?;
    loop {
        let (element, after) = rest.split_at_checked(8)?;
        let tag = [u16::from_le_bytes([element[0], element[1]]), u16::from_le_bytes([element[2], element[3]])];
        if tag[0] != 2 {
            return None;
        }
        // These types have 2 reserved bytes and 4 bytes of length.
        let long = matches!(
            &element[4..6],
            b"OB" | b"OW" | b"OF" | b"OD" | b"OL" | b"OV" | b"SQ" | b"UC" | b"UN" | b"UR" | b"UT"
        );
        let (length, values) = if long {
            let (length, values) = after.split_at_checked(4)?;
            (u32::from_le_bytes(length.try_into().ok()?), values)
        } else {
            (u32::from(u16::from_le_bytes([element[6], element[7]])), after)
        };
        let (value, next) = values.split_at_checked(usize::try_from(length).ok()?)?;
        if tag == [2, 3] {
            let text = std::str::from_utf8(value).ok()?.trim_end_matches(['\0', ' ']);
            return crate::uid::is_uid(text).then_some(text);
        }
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(elements: &[(u16, &[u8; 2], &[u8])]) -> Vec<u8> {
        let mut bytes = [vec![0; 128], b"DICM".to_vec()].concat();
        for (element, kind, value) in elements {
            bytes.extend([2, 0]);
            bytes.extend(element.to_le_bytes());
            bytes.extend(*kind);
            if *kind == b"OB" {
                bytes.extend([0, 0]);
                bytes.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
            } else {
                bytes.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
            }
            bytes.extend(*value);
        }
        bytes
    }

    #[test]
    fn the_identifier_is_found_behind_other_elements_or_refused() {
        let whole =
            file(&[(0, b"UL", &[9, 0, 0, 0]), (1, b"OB", &[0, 1]), (2, b"UI", b"1.2\0"), (3, b"UI", b"1.2.3\0")]);
        assert_eq!(instance_uid(&whole), Some("1.2.3"));
        for length in 0..whole.len() {
            assert_eq!(instance_uid(&whole[..length]), None, "{length}");
        }
        for bad in [&b"../../x\0"[..], b"", b"1..2", b"\xff\xff"] {
            assert_eq!(instance_uid(&file(&[(3, b"UI", bad)])), None);
        }
        assert_eq!(instance_uid(&file(&[(2, b"UI", b"1.2\0")])), None);
        assert_eq!(instance_uid(b"<html>not found</html>"), None);
    }
}
