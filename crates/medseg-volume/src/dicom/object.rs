//! A data set as a tree of elements, to be written whole or read in parts.
//!
//! Reading takes only the elements that are asked for. Their number, length and depth are bounded, so that a stranger's
//! file costs neither memory nor stack; a value is never longer than what is left of the file.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;

use super::elements::{Elements, Head, WalkError};
use super::syntax::Encoding;
use super::uid::DerivedUid;
use crate::MalformedKind;

/// A data set, or an item of a sequence: elements sorted by tag, each tag once.
#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct Object {
    elements: Vec<Element>,
}

/// An element with its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Element {
    pub tag: Tag,
    pub vr: VR,
    pub value: Value,
}

/// A value: bytes with the lowest of a number first, or the items of a sequence.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Bytes(Vec<u8>),
    Items(Vec<Object>),
}

impl Object {
    /// Sets an element, in place of one with the same tag.
    pub(super) fn put(&mut self, tag: Tag, vr: VR, value: Value) {
        let element = Element { tag, vr, value };
        match self.elements.binary_search_by_key(&tag, |element| element.tag) {
            Ok(at) => self.elements[at] = element,
            Err(at) => self.elements.insert(at, element),
        }
    }

    /// Sets bytes as they are.
    pub(super) fn put_bytes(&mut self, tag: Tag, vr: VR, bytes: impl Into<Vec<u8>>) {
        self.put(tag, vr, Value::Bytes(bytes.into()));
    }

    /// Sets a text; of several values there is a backslash between.
    pub(super) fn put_text(&mut self, tag: Tag, vr: VR, text: &str) {
        self.put_bytes(tag, vr, text);
    }

    /// Sets 16-bit numbers.
    pub(super) fn put_shorts(&mut self, tag: Tag, numbers: &[u16]) {
        self.put_bytes(tag, VR::US, numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>());
    }

    /// Sets 32-bit numbers.
    pub(super) fn put_longs(&mut self, tag: Tag, numbers: &[u32]) {
        self.put_bytes(tag, VR::UL, numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>());
    }

    /// Sets an attribute tag.
    pub(super) fn put_tag(&mut self, tag: Tag, value: Tag) {
        self.put_bytes(tag, VR::AT, [value.group().to_le_bytes(), value.element().to_le_bytes()].concat());
    }

    /// Sets a sequence.
    pub(super) fn put_items(&mut self, tag: Tag, items: Vec<Object>) {
        self.put(tag, VR::SQ, Value::Items(items));
    }

    /// Removes an element, if it is there.
    pub(super) fn remove(&mut self, tag: Tag) {
        self.elements.retain(|element| element.tag != tag);
    }

    /// Adds all elements to a UID's hash.
    pub(super) fn hashed(&self, uid: DerivedUid) -> DerivedUid {
        self.elements.iter().fold(uid, |uid, element| {
            let uid = uid.of(&[element.tag.group().to_le_bytes(), element.tag.element().to_le_bytes()].concat());
            match &element.value {
                Value::Bytes(bytes) => uid.of(bytes),
                Value::Items(items) => {
                    let uid = uid.of(&(items.len() as u64).to_le_bytes());
                    items.iter().fold(uid, |uid, item| item.hashed(uid.of(&(item.elements.len() as u64).to_le_bytes())))
                }
            }
        })
    }

    /// The elements, sorted by tag.
    pub(super) fn elements(&self) -> &[Element] {
        &self.elements
    }

    fn get(&self, tag: Tag) -> Option<&Value> {
        let at = self.elements.binary_search_by_key(&tag, |element| element.tag).ok()?;
        self.elements.get(at).map(|element| &element.value)
    }

    /// True if the element is there.
    pub(super) fn has(&self, tag: Tag) -> bool {
        self.get(tag).is_some()
    }

    /// The bytes of a value; none for a sequence.
    pub(super) fn bytes(&self, tag: Tag) -> Option<&[u8]> {
        match self.get(tag) {
            Some(Value::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// The items of a sequence; none where it is missing.
    pub(super) fn items(&self, tag: Tag) -> &[Object] {
        match self.get(tag) {
            Some(Value::Items(items)) => items,
            _ => &[],
        }
    }

    /// The first item of a sequence.
    pub(super) fn item(&self, tag: Tag) -> Option<&Object> {
        self.items(tag).first()
    }

    /// A text in the default characters without the padding around it; empty where it is missing.
    pub(super) fn text(&self, tag: Tag) -> String {
        let bytes = self.bytes(tag).unwrap_or_default();
        String::from_utf8_lossy(bytes).trim_matches([' ', '\0']).to_string()
    }

    /// The first 16-bit number.
    pub(super) fn short(&self, tag: Tag) -> Option<u16> {
        self.bytes(tag)?.first_chunk().map(|two| u16::from_le_bytes(*two))
    }

    /// Finite decimal numbers, exactly `N`.
    pub(super) fn decimals<const N: usize>(&self, tag: Tag) -> Option<[f64; N]> {
        let text = self.text(tag);
        let parse = |text: &str| text.trim_matches([' ', '\0']).parse::<f64>().ok().filter(|number| number.is_finite());
        let numbers: Option<Vec<f64>> = text.split('\\').take(N + 1).map(parse).collect();
        numbers?.try_into().ok()
    }
}

/// Bounds of what is read.
pub(super) struct Bounds<'a> {
    /// True for the tags whose elements are read, in items too.
    pub wanted: &'a dyn Fn(Tag) -> bool,
    /// Longest value in bytes.
    pub longest: u64,
    /// Bytes that all elements together may take in memory.
    pub memory: u64,
    pub encoding: Encoding,
}

/// Sequences within one another that are read.
const MOST_DEPTH: usize = 8;

/// The place of pixels: the start of the value, and its length if that is known.
pub(super) type PixelPlace = (u64, Option<u64>);

/// Reads the wanted elements up to the pixels or the end, and finds where the pixels are.
pub(super) fn read(elements: &mut Elements, mut bounds: Bounds<'_>) -> Result<(Object, Option<PixelPlace>), WalkError> {
    let mut object = Object::default();
    while let Some(head) = elements.next()? {
        if head.tag == tags::PIXEL_DATA {
            return Ok((object, Some((elements.position(), head.length))));
        }
        read_element(elements, &head, &mut object, &mut bounds, MOST_DEPTH)?;
    }
    Ok((object, None))
}

fn read_element(
    elements: &mut Elements,
    head: &Head,
    object: &mut Object,
    bounds: &mut Bounds<'_>,
    depth: usize,
) -> Result<(), WalkError> {
    if !(bounds.wanted)(head.tag) {
        return elements.skip(head);
    }
    let fault = |reason: String| WalkError::Malformed(MalformedKind::Header, reason);
    if object.has(head.tag) {
        return Err(fault(format!("{} occurs twice", head.tag)));
    }
    spend(bounds, size_of::<Element>() as u64 * 2 + head.length.filter(|_| head.vr != VR::SQ).unwrap_or(0))?;
    if head.vr != VR::SQ {
        if head.length.is_none() {
            // An unknown value that only a delimiter ends.
            return elements.skip(head);
        }
        let mut bytes = elements.value(head, bounds.longest)?;
        if bounds.encoding == Encoding::ExplicitBig {
            let width = width(head.vr);
            bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
        }
        object.put(head.tag, head.vr, Value::Bytes(bytes));
        return Ok(());
    }
    let Some(depth) = depth.checked_sub(1) else {
        return Err(fault("sequences are nested too deep".into()));
    };
    let mut items = Vec::new();
    elements.items(head, |elements, end| {
        spend(bounds, size_of::<Object>() as u64 * 2)?;
        let mut item = Object::default();
        while let Some(head) = elements.next_of_item(end)? {
            read_element(elements, &head, &mut item, bounds, depth)?;
        }
        items.push(item);
        Ok(())
    })?;
    object.put(head.tag, VR::SQ, Value::Items(items));
    Ok(())
}

/// Takes bytes from the memory that is left.
fn spend(bounds: &mut Bounds<'_>, bytes: u64) -> Result<(), WalkError> {
    let refused = || WalkError::Malformed(MalformedKind::Header, "its elements need more memory than allowed".into());
    bounds.memory = bounds.memory.checked_sub(bytes).ok_or_else(refused)?;
    Ok(())
}

/// Bytes of a number of a representation; 1 for texts.
fn width(vr: VR) -> usize {
    match vr {
        VR::US | VR::SS | VR::OW | VR::AT => 2,
        VR::UL | VR::SL | VR::FL | VR::OL | VR::OF => 4,
        VR::UV | VR::SV | VR::FD | VR::OD | VR::OV => 8,
        _ => 1,
    }
}
