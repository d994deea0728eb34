//! Functional groups (PS3.3 C.7.6.16): what frames of one object share, and what each has of its own.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::data_set::List;
use super::elements::{Elements, Head, WalkError};

/// Sequences whose elements place a frame or scale its values.
const MACROS: [Tag; 6] = [
    tags::PLANE_POSITION_SEQUENCE,
    tags::PLANE_ORIENTATION_SEQUENCE,
    tags::PIXEL_MEASURES_SEQUENCE,
    tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE,
    tags::CT_IMAGE_FRAME_TYPE_SEQUENCE,
    tags::MR_IMAGE_FRAME_TYPE_SEQUENCE,
];

/// Their elements.
const WANTED: [Tag; 8] = [
    tags::IMAGE_POSITION_PATIENT,
    tags::IMAGE_ORIENTATION_PATIENT,
    tags::PIXEL_SPACING,
    tags::SLICE_THICKNESS,
    tags::SPACING_BETWEEN_SLICES,
    tags::RESCALE_INTERCEPT,
    tags::RESCALE_SLOPE,
    tags::FRAME_TYPE,
];

/// Reads the items of a sequence of functional groups, each as one list of elements.
pub(super) fn read(elements: &mut Elements, sequence: &Head) -> Result<Vec<List>, WalkError> {
    let mut groups = Vec::new();
    elements.items(sequence, |elements, end| {
        let mut list = List::default();
        while let Some(head) = elements.next_of_item(end)? {
            if MACROS.contains(&head.tag) {
                elements.items(&head, |elements, end| {
                    while let Some(head) = elements.next_of_item(end)? {
                        if WANTED.contains(&head.tag) { list.read(elements, &head)? } else { elements.skip(&head)? }
                    }
                    Ok(())
                })?;
            } else {
                elements.skip(&head)?;
            }
        }
        groups.push(list);
        Ok(())
    })?;
    Ok(groups)
}
