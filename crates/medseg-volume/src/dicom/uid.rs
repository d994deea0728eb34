//! Unique identifiers of new objects.

use sha2::{Digest, Sha256};

/// A UID from a hash of what the object is made of: the same content has the same UID, in every process.
///
/// It is `2.25.` and a UUID as a decimal number (PS3.5 B.2), of version 8 (RFC 9562): 122 bits of SHA-256.
pub(super) struct DerivedUid(Sha256);

impl DerivedUid {
    /// Starts with the object's role, which tells the UIDs of one object apart.
    pub(super) fn new(role: &str) -> Self {
        let uid = Self(Sha256::new());
        uid.of(role.as_bytes())
    }

    /// Adds a part with its length, so that parts do not run into one another.
    pub(super) fn of(mut self, part: &[u8]) -> Self {
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    pub(super) fn finish(self) -> String {
        let digest = self.0.finalize();
        let bytes: [u8; 16] = std::array::from_fn(|n| digest[n]);
        let random = u128::from_be_bytes(bytes);
        let version = (random & !(0xF << 76)) | (8 << 76);
        let uuid = (version & !(0b11 << 62)) | (0b10 << 62);
        format!("2.25.{uuid}")
    }
}

/// True for a valid UID (PS3.5 9.1): numbers without leading zeros between points, at most 64 characters.
pub(super) fn is_uid(text: &str) -> bool {
    let number = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'))
    };
    text.len() <= 64 && text.split('.').count() > 1 && text.split('.').all(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_valid_and_follow_the_content() {
        let of =
            |role, parts: &[&str]| parts.iter().fold(DerivedUid::new(role), |uid, p| uid.of(p.as_bytes())).finish();
        let uid = of("series", &["1.2.3", "mask"]);
        assert!(is_uid(&uid), "{uid}");
        assert_eq!(uid, of("series", &["1.2.3", "mask"]));
        for other in [of("instance", &["1.2.3", "mask"]), of("series", &["1.2.3m", "ask"]), of("series", &["1.2.3"])] {
            assert_ne!(uid, other);
        }
        // Version 8, variant 0b10.
        let number: u128 = uid.strip_prefix("2.25.").unwrap().parse().unwrap();
        assert_eq!((number >> 76 & 0xF, number >> 62 & 0b11), (8, 0b10));
        assert!(["1", "1..2", "1.02", "1.2 ", "a.b", ""].iter().all(|text| !is_uid(text)));
        assert!(!is_uid(&format!("1.{}", "2".repeat(63))));
    }
}
