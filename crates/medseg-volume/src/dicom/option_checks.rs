//! Checks of the UIDs and texts of a DICOM object to be written.

use super::DicomError;
use super::uid::is_uid;
use crate::segments::{SegmentFault, text};

/// Refuses UIDs that are none; without one it is derived from the content.
pub(super) fn check_uids(series: Option<&str>, instance: Option<&str>) -> Result<(), DicomError> {
    for (option, uid) in [("the series' UID", series), ("the instance's UID", instance)] {
        if uid.is_some_and(|uid| !is_uid(uid)) {
            return Err(DicomError::Option { option, reason: "is no UID".into() });
        }
    }
    Ok(())
}

/// Refuses texts that are empty, have forbidden characters, or more characters than are allowed.
pub(super) fn check_texts<const N: usize>(texts: [(&'static str, &str, usize); N]) -> Result<(), DicomError> {
    texts.into_iter().try_for_each(|(option, value, most)| {
        let fault = |fault: SegmentFault| DicomError::Option { option, reason: format!("is refused: {fault}") };
        text::check(option, value, most).map_err(fault)
    })
}
