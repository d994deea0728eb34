//! DICOM files (PS3.10): preamble, group 2, and a data set in little endian.

use std::io::{BufWriter, Write};
use std::path::Path;

use dicom_core::header::DataElementHeader;
use dicom_core::{Length, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::encode::Encode;
use dicom_encoding::encode::explicit_le::ExplicitVRLittleEndianEncoder;
use dicom_encoding::encode::implicit_le::ImplicitVRLittleEndianEncoder;
use medseg_files::AtomicFile;

use super::DicomError;
use super::object::{Object, Value};
use super::syntax::Encoding;
use crate::UnstorableFault;
use crate::VolumeError;

/// This implementation (PS3.7 D.3.3.2), a UUID that was drawn once.
const IMPLEMENTATION: &str = "2.25.146943644152185966427509592916692988154";
/// Its version, at most 16 characters.
const VERSION: &str = concat!("MEDSEG_", env!("CARGO_PKG_VERSION"));

/// Writes a whole file or none, in explicit little endian.
pub(super) fn write_file(path: &Path, object: &Object) -> Result<(), DicomError> {
    write_file_as(path, object, Encoding::ExplicitLittle)
}

/// Writes a whole file or none, in explicit little endian or in implicit one, whose lengths are longer.
///
/// Sequences and items end at delimiters, values are padded to an even length, and elements are sorted by tag.
pub(super) fn write_file_as(path: &Path, object: &Object, encoding: Encoding) -> Result<(), DicomError> {
    let too_long = |tag: Tag| VolumeError::unstorable(path, UnstorableFault::LongElement(tag.to_string()));
    let implicit = encoding == Encoding::ImplicitLittle;
    if let Some(tag) = too_long_for_its_field(object, implicit) {
        return Err(too_long(tag).into());
    }
    let failed = |e| DicomError::io("write", path)(e);
    let file = AtomicFile::create(path).map_err(failed)?;
    let mut to = BufWriter::with_capacity(1 << 18, file.file());
    let mut write = || -> std::io::Result<()> {
        let mut group_2 = Vec::new();
        let syntax = if implicit { uids::IMPLICIT_VR_LITTLE_ENDIAN } else { uids::EXPLICIT_VR_LITTLE_ENDIAN };
        write_object(&mut group_2, &meta(object, syntax), false)?;
        let mut length = Object::default();
        length.put_longs(tags::FILE_META_INFORMATION_GROUP_LENGTH, &[u32::try_from(group_2.len()).unwrap_or(0)]);
        to.write_all(&[0; 128])?;
        to.write_all(b"DICM")?;
        write_object(&mut to, &length, false)?;
        to.write_all(&group_2)?;
        write_object(&mut to, object, implicit)?;
        to.flush()
    };
    write().map_err(failed)?;
    drop(to);
    file.commit().map_err(failed)
}

/// Group 2 without its length.
fn meta(object: &Object, syntax: &str) -> Object {
    let mut meta = Object::default();
    meta.put_bytes(tags::FILE_META_INFORMATION_VERSION, VR::OB, [0, 1]);
    meta.put_text(tags::MEDIA_STORAGE_SOP_CLASS_UID, VR::UI, &object.text(tags::SOP_CLASS_UID));
    meta.put_text(tags::MEDIA_STORAGE_SOP_INSTANCE_UID, VR::UI, &object.text(tags::SOP_INSTANCE_UID));
    meta.put_text(tags::TRANSFER_SYNTAX_UID, VR::UI, syntax);
    meta.put_text(tags::IMPLEMENTATION_CLASS_UID, VR::UI, IMPLEMENTATION);
    meta.put_text(tags::IMPLEMENTATION_VERSION_NAME, VR::SH, &VERSION[..VERSION.len().min(16)]);
    meta
}

/// An element whose value is longer than the field of its length can say.
fn too_long_for_its_field(object: &Object, implicit: bool) -> Option<Tag> {
    object.elements().iter().find_map(|element| match &element.value {
        Value::Items(items) => items.iter().find_map(|item| too_long_for_its_field(item, implicit)),
        Value::Bytes(bytes) => {
            let most = if has_short_length(element.vr) && !implicit { 0xFFFE } else { 0xFFFF_FFFE };
            (bytes.len() as u64 > most).then_some(element.tag)
        }
    })
}

/// True for representations whose length has 16 bits (PS3.5 7.1.2).
fn has_short_length(vr: VR) -> bool {
    use VR::{AE, AS, AT, CS, DA, DS, DT, FD, FL, IS, LO, LT, PN, SH, SL, SS, ST, TM, UI, UL, US};
    matches!(vr, AE | AS | AT | CS | DA | DS | DT | FD | FL | IS | LO | LT | PN | SH | SL | SS | ST | TM | UI | UL | US)
}

/// Writes the head of an element.
fn write_head(to: &mut impl Write, tag: Tag, vr: VR, length: Length, implicit: bool) -> std::io::Result<()> {
    let head = DataElementHeader::new(tag, vr, length);
    let written = if implicit {
        ImplicitVRLittleEndianEncoder::default().encode_element_header(to, head)
    } else {
        ExplicitVRLittleEndianEncoder::default().encode_element_header(to, head)
    };
    written.map(|_| ()).map_err(std::io::Error::other)
}

fn write_object(to: &mut impl Write, object: &Object, implicit: bool) -> std::io::Result<()> {
    // Items and delimiters are the same in both.
    let encoder = ExplicitVRLittleEndianEncoder::default();
    let failed = std::io::Error::other::<dicom_encoding::encode::Error>;
    for element in object.elements() {
        match &element.value {
            Value::Bytes(bytes) => {
                let odd = bytes.len() % 2;
                let length = u32::try_from(bytes.len() + odd).map_err(std::io::Error::other)?;
                write_head(to, element.tag, element.vr, Length(length), implicit)?;
                to.write_all(bytes)?;
                let padding = if matches!(element.vr, VR::UI | VR::OB | VR::UN) { b"\0" } else { b" " };
                to.write_all(&padding[..odd])?;
            }
            Value::Items(items) => {
                write_head(to, element.tag, VR::SQ, Length::UNDEFINED, implicit)?;
                for item in items {
                    encoder.encode_item_header(&mut *to, Length::UNDEFINED.0).map_err(failed)?;
                    write_object(to, item, implicit)?;
                    encoder.encode_item_delimiter(&mut *to).map_err(failed)?;
                }
                encoder.encode_sequence_delimiter(&mut *to).map_err(failed)?;
            }
        }
    }
    Ok(())
}
