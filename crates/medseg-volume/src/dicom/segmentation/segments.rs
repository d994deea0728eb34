//! SegmentSequence: the segments of an object.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;

use super::cielab;
use crate::dicom::charset::Charset;
use crate::dicom::object::Object;
use crate::segments::{AlgorithmKind, Code, Segment, text};

/// The private creator of the element with a segment's label value, and its name.
const CREATOR: (Tag, &str) = (Tag(0x0063, 0x0010), "MEDSEG");
/// The private element with a segment's label value, where its number is another.
const LABEL_VALUE: Tag = Tag(0x0063, 0x1001);

/// DICOM's code of a background.
const BACKGROUND: &str = "125040";

/// Tags of a segment's item and of the items in it.
pub(super) const WANTED: [Tag; 18] = [
    tags::SEGMENT_SEQUENCE,
    tags::SEGMENT_NUMBER,
    tags::SEGMENT_LABEL,
    tags::SEGMENT_DESCRIPTION,
    tags::SEGMENT_ALGORITHM_TYPE,
    tags::SEGMENT_ALGORITHM_NAME,
    tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE,
    tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE,
    tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE,
    tags::SEGMENTED_PROPERTY_TYPE_MODIFIER_CODE_SEQUENCE,
    tags::CODE_VALUE,
    tags::LONG_CODE_VALUE,
    tags::URN_CODE_VALUE,
    tags::CODING_SCHEME_DESIGNATOR,
    tags::CODE_MEANING,
    tags::SPECIFIC_CHARACTER_SET,
    CREATOR.0,
    LABEL_VALUE,
];

/// The texts of segments that are not of a fixed alphabet.
pub(super) fn texts(segments: &[Segment]) -> Vec<&str> {
    fn of_segment(segment: &Segment) -> [&str; 6] {
        let Segment { name, description, category, property_type, modifier, algorithm_name, .. } = segment;
        let modifier = modifier.as_ref().map_or("", |code| code.meaning.as_str());
        let description = description.as_deref().unwrap_or_default();
        [name, description, &category.meaning, &property_type.meaning, modifier, algorithm_name]
    }
    segments.iter().flat_map(of_segment).collect()
}

/// The item of a segment; its texts are in the character set.
pub(super) fn to_item(segment: &Segment, number: u16, version: &str, charset: &Charset) -> Object {
    let text = |text: &str| charset.encode(text).unwrap_or_else(|| text.as_bytes().to_vec());
    let mut item = Object::default();
    item.put_shorts(tags::SEGMENT_NUMBER, &[number]);
    item.put_bytes(tags::SEGMENT_LABEL, VR::LO, text(&segment.name));
    if let Some(description) = &segment.description {
        item.put_bytes(tags::SEGMENT_DESCRIPTION, VR::ST, text(description));
    }
    let kind = segment.algorithm.to_string().to_uppercase();
    item.put_text(tags::SEGMENT_ALGORITHM_TYPE, VR::CS, &kind);
    if segment.algorithm != AlgorithmKind::Manual {
        item.put_bytes(tags::SEGMENT_ALGORITHM_NAME, VR::LO, text(&segment.algorithm_name));
        let mut algorithm = Object::default();
        let family = Code::dcm("123110", "Artificial Intelligence");
        algorithm.put_items(tags::ALGORITHM_FAMILY_CODE_SEQUENCE, vec![code_item(&family, charset)]);
        algorithm.put_bytes(tags::ALGORITHM_NAME, VR::LO, text(&segment.algorithm_name));
        algorithm.put_bytes(tags::ALGORITHM_VERSION, VR::LO, text(version));
        item.put_items(tags::SEGMENTATION_ALGORITHM_IDENTIFICATION_SEQUENCE, vec![algorithm]);
    }
    item.put_shorts(tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE, &cielab::from_rgb(segment.colour));
    item.put_items(tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE, vec![code_item(&segment.category, charset)]);
    let mut property_type = code_item(&segment.property_type, charset);
    if let Some(modifier) = &segment.modifier {
        let modifier = vec![code_item(modifier, charset)];
        property_type.put_items(tags::SEGMENTED_PROPERTY_TYPE_MODIFIER_CODE_SEQUENCE, modifier);
    }
    item.put_items(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, vec![property_type]);
    if number != segment.label {
        item.put_text(CREATOR.0, VR::LO, CREATOR.1);
        item.put_shorts(LABEL_VALUE, &[segment.label]);
    }
    item
}

/// The item of a label map's background: each of its pixel values must be described (Supplement 243). `PixelPaddingValue`
/// says that number 0 is the background.
pub(super) fn background_item() -> Object {
    let charset = Charset::Ascii;
    let mut item = Object::default();
    item.put_shorts(tags::SEGMENT_NUMBER, &[0]);
    item.put_text(tags::SEGMENT_LABEL, VR::LO, "Background");
    item.put_text(tags::SEGMENT_ALGORITHM_TYPE, VR::CS, "MANUAL");
    item.put_shorts(tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE, &cielab::from_rgb([0, 0, 0]));
    let category = Code::sct("309825002", "Spatial and Relational Concept");
    item.put_items(tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE, vec![code_item(&category, &charset)]);
    let background = Code::dcm(BACKGROUND, "Background");
    item.put_items(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, vec![code_item(&background, &charset)]);
    item
}

/// True for the item of a background, by its type.
pub(super) fn is_background(item: &Object) -> bool {
    let code = item.item(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE);
    code.is_some_and(|code| {
        code.text(tags::CODE_VALUE) == BACKGROUND && code.text(tags::CODING_SCHEME_DESIGNATOR) == "DCM"
    })
}

/// The item of a code (PS3.3 8.8).
pub(super) fn code_item(code: &Code, charset: &Charset) -> Object {
    let mut item = Object::default();
    item.put_text(tags::CODE_VALUE, VR::SH, &code.value);
    item.put_text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, &code.scheme);
    let meaning = charset.encode(&code.meaning).unwrap_or_else(|| code.meaning.as_bytes().to_vec());
    item.put_bytes(tags::CODE_MEANING, VR::LO, meaning);
    item
}

/// A segment of a file by its number.
pub(super) struct Numbered {
    pub number: u16,
    pub segment: Segment,
}

/// The segment of an item; none without a number above 0.
///
/// Texts that a segment table cannot hold are cut, and missing codes become the general ones.
pub(super) fn from_item(item: &Object, charset: &Charset) -> Option<Numbered> {
    let number = item.short(tags::SEGMENT_NUMBER).filter(|number| *number > 0)?;
    let decoded = |tag: Tag| charset.decode(item.bytes(tag).unwrap_or_default());
    let name = text::fitted(&decoded(tags::SEGMENT_LABEL), text::LONG);
    let name = if name.is_empty() { format!("Segment {number}") } else { name };
    let private = item.text(CREATOR.0) == CREATOR.1;
    let label = item.short(LABEL_VALUE).filter(|label| private && *label > 0).unwrap_or(number);
    let mut segment = Segment::new(label, name);
    let category = code(item, tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE, charset);
    let property_type = code(item, tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, charset);
    if let (Some(category), Some(property_type)) = (category, property_type) {
        segment = segment.with_codes(category, property_type);
        let type_item = item.item(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE);
        let modifier = |item| code(item, tags::SEGMENTED_PROPERTY_TYPE_MODIFIER_CODE_SEQUENCE, charset);
        segment.modifier = type_item.and_then(modifier).or_else(|| modifier(item));
    }
    let description = decoded(tags::SEGMENT_DESCRIPTION);
    let plain = description.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'));
    segment.description = Some(plain.take(text::TEXT).collect::<String>()).filter(|text| !text.is_empty());
    if let Ok(kind) = item.text(tags::SEGMENT_ALGORITHM_TYPE).parse() {
        segment.algorithm = kind;
    }
    segment.algorithm_name = text::fitted(&decoded(tags::SEGMENT_ALGORITHM_NAME), text::LONG);
    if segment.algorithm_name.is_empty() && segment.algorithm != AlgorithmKind::Manual {
        segment.algorithm_name = "unknown".into();
    }
    let lab = item.bytes(tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE).and_then(|bytes| <[u8; 6]>::try_from(bytes).ok());
    if let Some([a, b, c, d, e, f]) = lab {
        segment.colour = cielab::to_rgb([[a, b], [c, d], [e, f]].map(u16::from_le_bytes));
    }
    Some(Numbered { number, segment })
}

/// The first code of a sequence.
fn code(item: &Object, sequence: Tag, charset: &Charset) -> Option<Code> {
    let item = item.item(sequence)?;
    let value = [tags::CODE_VALUE, tags::LONG_CODE_VALUE, tags::URN_CODE_VALUE];
    let value = value.into_iter().map(|tag| item.text(tag)).find(|value| !value.is_empty())?;
    let decoded = |tag: Tag| charset.decode(item.bytes(tag).unwrap_or_default());
    let fitted = |text: &str, most: usize| Some(text::fitted(text, most)).filter(|text| !text.is_empty());
    let value = fitted(&value, text::SHORT)?;
    let scheme = fitted(&decoded(tags::CODING_SCHEME_DESIGNATOR), text::SHORT).unwrap_or_else(|| "unknown".into());
    let meaning = fitted(&decoded(tags::CODE_MEANING), text::LONG).unwrap_or_else(|| value.clone());
    Some(Code { scheme, value, meaning })
}
