//! The attributes of a segmentation, its pixels excepted.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::{tags, uids};

use super::frames::Frame;
use super::segments::{background_item, code_item, to_item};
use super::write_options::{Form, WriteOptions};
use crate::dicom::charset::Charset;
use crate::dicom::decimal_string::{decimal_string, decimal_strings};
use crate::dicom::object::Object;
use crate::dicom::{SourceSeries, SourceSlice};
use crate::segments::{Code, SegmentTable};

/// The UIDs of a new object.
pub(super) struct Uids {
    pub series: String,
    pub instance: String,
    pub dimensions: String,
}

/// Attributes that must be there, be it without a value (type 2).
const MAY_BE_EMPTY: [(Tag, VR); 9] = [
    (tags::PATIENT_NAME, VR::PN),
    (tags::PATIENT_ID, VR::LO),
    (tags::PATIENT_BIRTH_DATE, VR::DA),
    (tags::PATIENT_SEX, VR::CS),
    (tags::STUDY_DATE, VR::DA),
    (tags::STUDY_TIME, VR::TM),
    (tags::REFERRING_PHYSICIAN_NAME, VR::PN),
    (tags::STUDY_ID, VR::SH),
    (tags::ACCESSION_NUMBER, VR::SH),
];

/// The sources of the attributes.
pub(super) struct Content<'a> {
    pub source: &'a SourceSeries,
    pub table: &'a SegmentTable,
    pub options: &'a WriteOptions,
    pub frames: &'a [Frame],
    pub charset: &'a Charset,
    pub uids: &'a Uids,
    /// Bits of a stored pixel.
    pub bits: u16,
}

impl Content<'_> {
    /// Adds all attributes to those of the source.
    pub(super) fn add_to(&self, object: &mut Object) {
        self.add_identity(object);
        self.add_image(object);
        self.add_dimensions(object);
        object.put_items(tags::REFERENCED_SERIES_SEQUENCE, vec![self.referenced_series()]);
        let numbered = (1..).zip(self.table.segments()).map(|(number, segment)| {
            let number = if self.options.form == Form::Binary { number } else { segment.label };
            to_item(segment, number, &self.options.algorithm_version, self.charset)
        });
        let background = (self.options.form == Form::LabelMap).then(background_item);
        object.put_items(tags::SEGMENT_SEQUENCE, background.into_iter().chain(numbered).collect());
        object.put_items(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![self.shared_groups()]);
        object.put_items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, self.frame_groups());
    }

    /// Patient, study, series, equipment and object.
    fn add_identity(&self, object: &mut Object) {
        let Self { source, options, uids, charset, .. } = self;
        for (tag, vr) in MAY_BE_EMPTY.into_iter().chain([(tags::POSITION_REFERENCE_INDICATOR, VR::LO)]) {
            if !object.has(tag) {
                object.put_text(tag, vr, "");
            }
        }
        let date = options.content_date.clone().unwrap_or_else(|| source.content_date());
        let class = match options.form {
            Form::Binary => uids::SEGMENTATION_STORAGE,
            Form::LabelMap => uids::LABEL_MAP_SEGMENTATION_STORAGE,
        };
        let text = |text: &str| charset.encode(text).unwrap_or_else(|| text.as_bytes().to_vec());
        object.put_text(tags::SOP_CLASS_UID, VR::UI, class);
        object.put_text(tags::SOP_INSTANCE_UID, VR::UI, &uids.instance);
        object.put_text(tags::MODALITY, VR::CS, "SEG");
        object.put_text(tags::SERIES_INSTANCE_UID, VR::UI, &uids.series);
        object.put_text(tags::SERIES_NUMBER, VR::IS, &options.series_number.to_string());
        object.put_bytes(tags::SERIES_DESCRIPTION, VR::LO, text(&options.series_description));
        object.put_text(tags::INSTANCE_NUMBER, VR::IS, "1");
        object.put_text(tags::MANUFACTURER, VR::LO, "medseg");
        object.put_bytes(tags::MANUFACTURER_MODEL_NAME, VR::LO, text(&options.model_name));
        object.put_text(tags::DEVICE_SERIAL_NUMBER, VR::LO, "0");
        object.put_text(tags::SOFTWARE_VERSIONS, VR::LO, env!("CARGO_PKG_VERSION"));
        object.put_text(tags::CONTENT_DATE, VR::DA, date.date());
        object.put_text(tags::CONTENT_TIME, VR::TM, date.time());
        object.put_text(tags::CONTENT_LABEL, VR::CS, &options.content_label);
        object.put_bytes(tags::CONTENT_DESCRIPTION, VR::LO, text(&options.series_description));
        object.put_text(tags::CONTENT_CREATOR_NAME, VR::PN, "");
    }

    /// Pixels and what they mean.
    fn add_image(&self, object: &mut Object) {
        let shape = self.source.shape();
        let short = |length: usize| u16::try_from(length).unwrap_or(u16::MAX);
        object.put_text(tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY");
        object.put_shorts(tags::SAMPLES_PER_PIXEL, &[1]);
        object.put_text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
        object.put_text(tags::NUMBER_OF_FRAMES, VR::IS, &self.frames.len().to_string());
        object.put_shorts(tags::ROWS, &[short(shape.h)]);
        object.put_shorts(tags::COLUMNS, &[short(shape.w)]);
        object.put_shorts(tags::BITS_ALLOCATED, &[self.bits]);
        object.put_shorts(tags::BITS_STORED, &[self.bits]);
        object.put_shorts(tags::HIGH_BIT, &[self.bits - 1]);
        object.put_shorts(tags::PIXEL_REPRESENTATION, &[0]);
        if !object.has(tags::LOSSY_IMAGE_COMPRESSION) {
            object.put_text(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00");
        }
        let form = match self.options.form {
            Form::Binary => "BINARY",
            Form::LabelMap => "LABELMAP",
        };
        object.put_text(tags::SEGMENTATION_TYPE, VR::CS, form);
        object.put_text(tags::SEGMENTS_OVERLAP, VR::CS, "NO");
        if self.options.form == Form::LabelMap {
            object.put_shorts(tags::PIXEL_PADDING_VALUE, &[0]);
        }
    }

    /// The order of the frames: by segment, then by position.
    fn add_dimensions(&self, object: &mut Object) {
        let uid = &self.uids.dimensions;
        let dimension = |pointer: Tag, group: Tag, name: &str| {
            let mut item = Object::default();
            item.put_text(tags::DIMENSION_ORGANIZATION_UID, VR::UI, uid);
            item.put_tag(tags::DIMENSION_INDEX_POINTER, pointer);
            item.put_tag(tags::FUNCTIONAL_GROUP_POINTER, group);
            item.put_text(tags::DIMENSION_DESCRIPTION_LABEL, VR::LO, name);
            item
        };
        let segment = (self.options.form == Form::Binary).then(|| {
            let group = tags::SEGMENT_IDENTIFICATION_SEQUENCE;
            dimension(tags::REFERENCED_SEGMENT_NUMBER, group, "Segment Number")
        });
        let position = dimension(tags::IMAGE_POSITION_PATIENT, tags::PLANE_POSITION_SEQUENCE, "Image Position Patient");
        object.put_items(tags::DIMENSION_INDEX_SEQUENCE, segment.into_iter().chain([position]).collect());
        let mut organization = Object::default();
        organization.put_text(tags::DIMENSION_ORGANIZATION_UID, VR::UI, uid);
        object.put_items(tags::DIMENSION_ORGANIZATION_SEQUENCE, vec![organization]);
    }

    /// The series with each of its images.
    fn referenced_series(&self) -> Object {
        let mut images: Vec<&SourceSlice> = Vec::new();
        for slice in self.source.slices() {
            // The frames of one image follow one another, or are few.
            if images.last().is_none_or(|last| last.instance_uid != slice.instance_uid)
                && (slice.frame.is_none() || images.iter().all(|image| image.instance_uid != slice.instance_uid))
            {
                images.push(slice);
            }
        }
        let mut series = Object::default();
        series.put_text(tags::SERIES_INSTANCE_UID, VR::UI, self.source.series_uid());
        series.put_items(tags::REFERENCED_INSTANCE_SEQUENCE, images.into_iter().map(image_item).collect());
        series
    }

    /// The groups that all frames share: orientation and spacing.
    fn shared_groups(&self) -> Object {
        let mut orientation = Object::default();
        let directions = decimal_strings(self.source.orientation().as_flattened());
        orientation.put_text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, &directions);
        let mut measures = Object::default();
        let between = self.source.geometry().plane_spacing().d;
        measures.put_text(tags::SLICE_THICKNESS, VR::DS, &decimal_string(self.source.thickness()));
        measures.put_text(tags::SPACING_BETWEEN_SLICES, VR::DS, &decimal_string(between));
        measures.put_text(tags::PIXEL_SPACING, VR::DS, &decimal_strings(&self.source.pixel_spacing()));
        let mut groups = Object::default();
        groups.put_items(tags::PLANE_ORIENTATION_SEQUENCE, vec![orientation]);
        groups.put_items(tags::PIXEL_MEASURES_SEQUENCE, vec![measures]);
        groups
    }

    /// The groups of each frame: its place in the order and in the patient, its source and its segment.
    fn frame_groups(&self) -> Vec<Object> {
        // The number of each slice among those that have a frame, from 1.
        let mut positions = vec![0_u32; self.source.slices().len()];
        self.frames.iter().for_each(|frame| positions[frame.slice] = 1);
        let mut count = 0;
        for position in positions.iter_mut().filter(|position| **position > 0) {
            count += 1;
            *position = count;
        }
        let derivation = Code::dcm("113076", "Segmentation");
        let purpose = Code::dcm("121322", "Source image for image processing operation");
        let group = |frame: &Frame| {
            let slice = &self.source.slices()[frame.slice];
            let mut order = Object::default();
            let indices: Vec<u32> = frame.segment.map(u32::from).into_iter().chain([positions[frame.slice]]).collect();
            order.put_longs(tags::DIMENSION_INDEX_VALUES, &indices);
            let mut position = Object::default();
            position.put_text(tags::IMAGE_POSITION_PATIENT, VR::DS, &decimal_strings(&slice.position));
            let mut image = image_item(slice);
            if let Some(frame) = slice.frame {
                image.put_text(tags::REFERENCED_FRAME_NUMBER, VR::IS, &frame.to_string());
            }
            image.put_text(tags::SPATIAL_LOCATIONS_PRESERVED, VR::CS, "YES");
            image.put_items(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, vec![code_item(&purpose, self.charset)]);
            let mut derived = Object::default();
            derived.put_items(tags::SOURCE_IMAGE_SEQUENCE, vec![image]);
            derived.put_items(tags::DERIVATION_CODE_SEQUENCE, vec![code_item(&derivation, self.charset)]);
            let mut groups = Object::default();
            groups.put_items(tags::FRAME_CONTENT_SEQUENCE, vec![order]);
            groups.put_items(tags::PLANE_POSITION_SEQUENCE, vec![position]);
            groups.put_items(tags::DERIVATION_IMAGE_SEQUENCE, vec![derived]);
            if let Some(number) = frame.segment {
                let mut identification = Object::default();
                identification.put_shorts(tags::REFERENCED_SEGMENT_NUMBER, &[number]);
                groups.put_items(tags::SEGMENT_IDENTIFICATION_SEQUENCE, vec![identification]);
            }
            groups
        };
        self.frames.iter().map(group).collect()
    }
}

/// A reference to an image.
fn image_item(slice: &SourceSlice) -> Object {
    let mut item = Object::default();
    item.put_text(tags::REFERENCED_SOP_CLASS_UID, VR::UI, &slice.class_uid);
    item.put_text(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, &slice.instance_uid);
    item
}
