//! Writes DICOM slices with dicom-object, a writer that shares no code with the reader but the head of an element.

use std::path::Path;

use dicom_core::{DataElement, PrimitiveValue, Tag, VR, dicom_value};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

pub const ROWS: usize = 3;
pub const COLUMNS: usize = 4;
/// A name that must never come out of the reader.
pub const SECRET: &str = "Secret^Patient";

/// One slice to be written.
#[derive(Clone)]
pub struct Slice {
    pub syntax: &'static str,
    pub object: InMemDicomObject,
}

impl Slice {
    /// An axial slice of unsigned 16-bit pixels at `z`; its pixels count up from `first`.
    pub fn at(z: f64, first: u16) -> Self {
        let mut object = InMemDicomObject::new_empty();
        let mut text = |tag, vr, value: &str| {
            object.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
        };
        text(tags::SOP_CLASS_UID, VR::UI, uids::CT_IMAGE_STORAGE);
        text(tags::SOP_INSTANCE_UID, VR::UI, &format!("1.2.3.{first}"));
        text(tags::MODALITY, VR::CS, "CT");
        text(tags::PATIENT_NAME, VR::PN, SECRET);
        text(tags::SLICE_THICKNESS, VR::DS, "4");
        text(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3");
        text(tags::FRAME_OF_REFERENCE_UID, VR::UI, "1.2.4");
        text(tags::IMAGE_POSITION_PATIENT, VR::DS, &format!("10\\-20\\{z}"));
        text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\1\\0");
        text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
        text(tags::PIXEL_SPACING, VR::DS, "0.5\\0.75");
        text(tags::RESCALE_SLOPE, VR::DS, "1");
        text(tags::RESCALE_INTERCEPT, VR::DS, "0");
        let mut slice = Self { syntax: uids::EXPLICIT_VR_LITTLE_ENDIAN, object };
        let numbers = [
            (tags::SAMPLES_PER_PIXEL, 1),
            (tags::ROWS, ROWS as u16),
            (tags::COLUMNS, COLUMNS as u16),
            (tags::BITS_ALLOCATED, 16),
            (tags::BITS_STORED, 16),
            (tags::HIGH_BIT, 15),
            (tags::PIXEL_REPRESENTATION, 0),
        ];
        for (tag, value) in numbers {
            slice = slice.number(tag, value);
        }
        slice.pixels((0..(ROWS * COLUMNS) as u16).map(|index| first + index).collect())
    }

    pub fn syntax(mut self, syntax: &'static str) -> Self {
        self.syntax = syntax;
        self
    }

    pub fn text(mut self, tag: Tag, value: &str) -> Self {
        let vr = self.object.get(tag).map_or(VR::LO, |element| element.vr());
        self.object.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
        self
    }

    pub fn number(mut self, tag: Tag, value: u16) -> Self {
        self.object.put(DataElement::new(tag, VR::US, dicom_value!(U16, [value])));
        self
    }

    pub fn pixels(mut self, pixels: Vec<u16>) -> Self {
        self.object.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into())));
        self
    }

    pub fn without(mut self, tag: Tag) -> Self {
        self.object.remove_element(tag);
        self
    }

    pub fn write(&self, path: impl AsRef<Path>) {
        let class = self.object.get(tags::SOP_CLASS_UID).map(|class| class.to_str().unwrap().to_string());
        let meta = FileMetaTableBuilder::new()
            .media_storage_sop_class_uid(class.unwrap_or_default())
            .media_storage_sop_instance_uid("1.2.5")
            .transfer_syntax(self.syntax);
        self.object.clone().with_meta(meta).unwrap().write_to_file(path).unwrap();
    }
}

/// Writes slices into a new folder under names that say nothing of their order.
pub fn folder(slices: &[Slice]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (index, slice) in slices.iter().enumerate() {
        slice.write(folder.path().join(format!("{:02}.dcm", (index * 7 + 3) % 10)));
    }
    folder
}
