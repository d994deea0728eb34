//! Character sets of texts (PS3.5 6.1).

use dicom_core::VR;
use dicom_dictionary_std::tags;
use dicom_encoding::text::{SpecificCharacterSet, TextCodec};

use super::object::{Element, Object, Value};

/// The name of UTF-8.
const UTF_8: &str = "ISO_IR 192";

/// The character set of a data set.
pub(super) enum Charset {
    /// ASCII, alone or with sets that escape sequences switch to: of these only the common part is written.
    Ascii,
    Known(SpecificCharacterSet),
}

impl Charset {
    /// By SpecificCharacterSet (0008,0005).
    pub(super) fn of(object: &Object) -> Self {
        let name = object.text(tags::SPECIFIC_CHARACTER_SET);
        match name.as_str() {
            "" | "ISO_IR 6" | "ISO_IR_6" | "ISO 2022 IR 6" => Self::Ascii,
            name => match SpecificCharacterSet::from_code(name) {
                Some(set) if !name.contains('\\') => Self::Known(set),
                _ => Self::Ascii,
            },
        }
    }

    /// The text of a value without the padding around it; characters that are not known become a replacement.
    pub(super) fn decode(&self, bytes: &[u8]) -> String {
        let text = match self {
            Self::Known(set) => set.decode(bytes).ok(),
            Self::Ascii => None,
        };
        let text = text.unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned());
        text.trim_matches([' ', '\0']).to_string()
    }

    /// The bytes of a text; none if the set lacks a character.
    pub(super) fn encode(&self, text: &str) -> Option<Vec<u8>> {
        match self {
            _ if text.is_ascii() => Some(text.into()),
            Self::Ascii => None,
            Self::Known(set) => set.encode(text).ok().filter(|bytes| set.decode(bytes).is_ok_and(|back| back == text)),
        }
    }
}

/// Brings a data set to a character set that has all characters of new texts, and gives that set: its own where it can,
/// else UTF-8. None if its own texts cannot be brought to UTF-8, because they exchange sets by escape sequences.
pub(super) fn fitting(object: &mut Object, texts: &[&str]) -> Option<Charset> {
    let own = Charset::of(object);
    if texts.iter().all(|text| own.encode(text).is_some()) {
        return Some(own);
    }
    let changed: Vec<Element> = object.elements().iter().filter_map(|element| in_utf_8(element, &own)).collect();
    let foreign = object.elements().iter().any(|element| match &element.value {
        Value::Bytes(bytes) => is_text(element.vr) && !bytes.is_ascii(),
        Value::Items(_) => false,
    });
    if foreign && !matches!(own, Charset::Known(_)) {
        return None;
    }
    changed.into_iter().for_each(|element| object.put(element.tag, element.vr, element.value));
    object.put_text(tags::SPECIFIC_CHARACTER_SET, VR::CS, UTF_8);
    Some(Charset::Known(SpecificCharacterSet::ISO_IR_192))
}

fn in_utf_8(element: &Element, own: &Charset) -> Option<Element> {
    match &element.value {
        Value::Bytes(bytes) if is_text(element.vr) => {
            Some(Element { value: Value::Bytes(own.decode(bytes).into_bytes()), ..element.clone() })
        }
        _ => None,
    }
}

/// True for representations that the character set concerns.
fn is_text(vr: VR) -> bool {
    matches!(vr, VR::LO | VR::LT | VR::PN | VR::SH | VR::ST | VR::UC | VR::UT)
}
