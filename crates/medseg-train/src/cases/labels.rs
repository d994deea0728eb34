//! Label values as classes.

use medseg_data::Case;
use medseg_transforms::LabelMap;
use medseg_volume::{LabelChoice, Volume, read_label_of};

use crate::TrainError;

/// Reads a case's label as a mask of its foreground; `None` for an unlabelled case.
pub(crate) fn load_label(case: &Case, values: &[u8]) -> Result<Option<Volume<u8>>, TrainError> {
    load_mapped(case, &LabelChoice::only_or_foreground(values), &LabelMap::foreground_of(values))
}

/// Reads a case's label in the values that masks have: 1 for the only class, or the data's own where there are several
/// classes; 0 for what is none of them. `None` for an unlabelled case.
pub(crate) fn load_reference(case: &Case, values: &[u8], classes: usize) -> Result<Option<Volume<u8>>, TrainError> {
    let map = if classes > 1 { LabelMap::only(values) } else { LabelMap::foreground_of(values) };
    load_mapped(case, &LabelChoice::only_or_foreground(values), &map)
}

/// Class numbers: 1 for the values named, or for every value above 0 if none is; where there are several classes, the
/// place of the value among those named, from 1.
pub(super) fn class_map(values: &[u8], classes: usize) -> LabelMap {
    if classes > 1 { LabelMap::numbered(values) } else { LabelMap::foreground_of(values) }
}

/// The warning for a label in which nothing counts as foreground.
pub(crate) fn no_foreground(case: &Case) -> String {
    let path = case.label.as_deref().unwrap_or(&case.image);
    format!("case {}: no voxel of {} counts as foreground", case.id, path.display())
}

fn load_mapped(case: &Case, choice: &LabelChoice, map: &LabelMap) -> Result<Option<Volume<u8>>, TrainError> {
    let Some(path) = &case.label else { return Ok(None) };
    let mut label = read_label_of(path, choice)?;
    map.apply(&mut label.data)?;
    Ok(Some(label))
}
