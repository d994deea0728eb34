//! Names that are safe as parts of files' names.

/// Longer names are cut: systems allow 255 bytes for the whole.
const MOST: usize = 60;

/// A name as a part of a file's name: letters, digits, `-` and `_` stay, everything else becomes `_`.
///
/// ```
/// assert_eq!(medseg_files::plain_name("../left kidney"), "___left_kidney");
/// ```
#[must_use]
pub fn plain_name(name: &str) -> String {
    let plain = |letter: char| if letter.is_alphanumeric() || "-_".contains(letter) { letter } else { '_' };
    name.chars().take(MOST).map(plain).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_lead_to_no_other_folder() {
        assert_eq!(super::plain_name("../a b/Ö.x"), "___a_b_Ö_x");
        assert_eq!(super::plain_name(&"x".repeat(300)).len(), 60);
    }
}
