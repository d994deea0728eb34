//! The kind of a DICOM object.

use std::path::Path;

use dicom_dictionary_std::{tags, uids};

use super::{DicomError, start};

/// Longest UID, with room for padding.
const LONGEST: u64 = 128;

/// Kinds of DICOM objects that are read in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ObjectKind {
    /// A segmentation or a label map; see [`segmentation::read`](super::segmentation::read).
    Segmentation,
    /// A structure set (RTSTRUCT); see [`structure_set::read`](super::structure_set::read).
    StructureSet,
    /// An image, a report, or anything else.
    Other,
}

/// The kind of the object in a file, by its SOPClassUID; no more of the file is read.
///
/// # Errors
/// A file that cannot be read, or is damaged before that element.
pub fn object_kind(path: impl AsRef<Path>) -> Result<ObjectKind, DicomError> {
    let path = path.as_ref();
    let start::Found::DataSet(mut start) = start::open(path)? else { return Ok(ObjectKind::Other) };
    let mut class = String::new();
    while let Some(head) = start.elements.next().map_err(|error| error.of_file(path))? {
        if head.tag == tags::SOP_CLASS_UID {
            let value = start.elements.value(&head, LONGEST).map_err(|error| error.of_file(path))?;
            class = String::from_utf8_lossy(&value).trim_matches([' ', '\0']).to_string();
        }
        // Elements stand in the order of their tags.
        if head.tag >= tags::SOP_CLASS_UID {
            break;
        }
        start.elements.skip(&head).map_err(|error| error.of_file(path))?;
    }
    Ok(match class.as_str() {
        uids::SEGMENTATION_STORAGE | uids::LABEL_MAP_SEGMENTATION_STORAGE => ObjectKind::Segmentation,
        uids::RT_STRUCTURE_SET_STORAGE => ObjectKind::StructureSet,
        _ => ObjectKind::Other,
    })
}
