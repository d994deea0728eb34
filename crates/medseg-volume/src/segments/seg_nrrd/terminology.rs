//! The codes of a segment in the tag `TerminologyEntry` of `Segment0_Tags`.
//!
//! An entry's parts stand between `~`: the terminology's name, category, type, modifier, and the same of an anatomic region.
//! A code is `scheme^value^meaning`; tags end at `|`.

use crate::segments::{AlgorithmKind, Code, Segment, text};

/// The name of the tag.
const ENTRY: &str = "TerminologyEntry:";
/// Tags for the way in which a segment was made, which DICOM has as attributes.
const ALGORITHM: [&str; 2] = ["DICOM.SegmentAlgorithmType:", "DICOM.SegmentAlgorithmName:"];
/// The tag of a description.
const DESCRIPTION: &str = "DICOM.SegmentDescription:";

/// The value of `Segment0_Tags`.
pub(super) fn tags(segment: &Segment) -> String {
    let code = |code: &Code| [&*code.scheme, &*code.value, &*code.meaning].map(plain).join("^");
    let modifier = segment.modifier.as_ref().map_or_else(|| "^^".into(), code);
    let description = segment.description.as_ref().map(|text| format!("{DESCRIPTION}{}|", plain(text)));
    format!(
        "{}{}|{}{}|{}Segmentation.Status:completed|{ENTRY}Segmentation category and type - DICOM master list~{}~{}~\
         {modifier}~Anatomic codes - DICOM master list~^^~^^|",
        ALGORITHM[0],
        segment.algorithm.to_string().to_uppercase(),
        ALGORITHM[1],
        plain(&segment.algorithm_name),
        description.unwrap_or_default(),
        code(&segment.category),
        code(&segment.property_type),
    )
}

/// A text without the characters that separate parts.
fn plain(text: &str) -> String {
    text.replace(['~', '^', '|', '\n', '\r'], " ")
}

/// Takes what tags say of a segment.
pub(super) fn apply(tags: &str, segment: &mut Segment) {
    let value = |name: &str| tags.split('|').find_map(|tag| tag.strip_prefix(name));
    if let Some(kind) = value(ALGORITHM[0]).and_then(|kind| kind.parse().ok()) {
        segment.algorithm = kind;
        segment.algorithm_name = text::fitted(value(ALGORITHM[1]).unwrap_or_default(), text::LONG);
        if segment.algorithm_name.is_empty() && kind != AlgorithmKind::Manual {
            segment.algorithm_name = "unknown".into();
        }
    }
    segment.description = value(DESCRIPTION).map(|d| text::fitted(d, text::TEXT)).filter(|text| !text.is_empty());
    let mut parts = value(ENTRY).unwrap_or_default().split('~').skip(1).map(code);
    if let (Some(Some(category)), Some(Some(property_type))) = (parts.next(), parts.next()) {
        (segment.category, segment.property_type) = (category, property_type);
        segment.modifier = parts.next().flatten();
    }
}

/// Reads `scheme^value^meaning`; none without a value.
fn code(part: &str) -> Option<Code> {
    let mut parts = part.split('^');
    let mut next = |most: usize| text::fitted(parts.next().unwrap_or_default(), most);
    let (scheme, value, meaning) = (next(text::SHORT), next(text::SHORT), next(text::LONG));
    if value.is_empty() {
        return None;
    }
    let or = |text: String, other: &str| if text.is_empty() { other.to_string() } else { text };
    Some(Code { scheme: or(scheme, "unknown"), meaning: or(meaning, &value), value })
}
