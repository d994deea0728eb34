//! Names of files: case ids, channel numbers, and letters that Unicode composes in two ways.

use std::path::Path;

use medseg_volume::volume_stem;
use unicode_normalization::UnicodeNormalization;

use crate::DataError;

/// The same text with every letter composed (NFC): macOS stores `ü` as `u` and a mark, other systems as one character.
pub(crate) fn composed(text: &str) -> String {
    text.nfc().collect()
}

/// A file's name without folder and without the ending of a volume, composed.
pub(crate) fn case_id(path: &Path) -> Result<String, DataError> {
    let name = file_name(path).ok_or_else(|| DataError::FileName { path: path.into() })?;
    Ok(composed(volume_stem(name).unwrap_or(name)))
}

/// The name before `_NNNN` and the number of four digits; `None` for a name that has no such end.
pub(crate) fn channel_of(stem: &str) -> Option<(&str, usize)> {
    let (name, number) = stem.split_at_checked(stem.len().checked_sub(4)?)?;
    let name = name.strip_suffix('_').filter(|name| !name.is_empty())?;
    // `parse` would take a sign, too.
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| number.parse().ok().map(|number| (name, number)))?
}

/// The difference of two names of one case for a message, where it is that of composition.
pub(crate) fn composition(first: &Path, second: &Path) -> String {
    let stem = |path| file_name(path).map(|name| volume_stem(name).unwrap_or(name));
    match (stem(first), stem(second)) {
        (Some(a), Some(b)) if a != b && composed(a) == composed(b) => {
            let (a, b) = (a.escape_default(), b.escape_default());
            format!("; their names differ only in how Unicode composes letters: {a} and {b}")
        }
        _ => String::new(),
    }
}

/// The other name that a label may have, for the message about an image without one.
pub(crate) fn without_channel(path: &Path) -> String {
    match file_name(path).and_then(volume_stem).and_then(channel_of) {
        Some((name, _)) => format!(", nor one of the name {name}"),
        None => String::new(),
    }
}

fn file_name(path: &Path) -> Option<&str> {
    path.file_name().and_then(|name| name.to_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_an_underscore_and_four_digits_at_the_end() {
        assert_eq!(channel_of("liver_001_0000"), Some(("liver_001", 0)));
        assert_eq!(channel_of("scan_2019"), Some(("scan", 2019)));
        assert_eq!(channel_of("ü_0012"), Some(("ü", 12)));
        for other in ["liver_001", "liver0000", "_0000", "0000", "a_00000", "a_+000", "a_000١", "ü", "aaüü", ""] {
            assert_eq!(channel_of(other), None, "{other}");
        }
    }

    #[test]
    fn ids_are_composed_and_have_no_ending() {
        for name in ["leber_u\u{308}.nii.gz", "leber_\u{fc}.NRRD", "leber_\u{fc}"] {
            assert_eq!(case_id(Path::new(name)).unwrap(), "leber_\u{fc}");
        }
        let text = composition(Path::new("a/\u{fc}.nii"), Path::new("a/u\u{308}.nii.gz"));
        assert!(text.ends_with(r"\u{fc} and u\u{308}"), "{text}");
        assert_eq!(composition(Path::new("a.nii"), Path::new("a.nii.gz")), "");
    }
}
