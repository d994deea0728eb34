//! Masks of any form.

use std::path::Path;

use medseg_volume::segments::{SegNrrdOptions, Segment, SegmentTable, read_seg_nrrd};
use medseg_volume::{Dhw, Geometry, Volume, read_label_values};

use super::{MaskForm, MaskVolume};
use crate::CliError;
use crate::console::Console;

/// The grid that a mask is wanted on.
#[cfg_attr(not(feature = "dicom"), expect(dead_code, reason = "DICOM objects alone are put on a grid"))]
pub struct Grid {
    pub shape: Dhw<usize>,
    pub geometry: Geometry,
}

/// A mask with the meaning of its labels.
pub struct ReadMask {
    pub mask: MaskVolume,
    pub segments: SegmentTable,
    /// True if the file names its labels.
    pub named: bool,
}

/// Reads a mask: a volume of labels, `.seg.nrrd`, a DICOM segmentation or a structure set. Structure sets have no grid of
/// their own.
///
/// # Errors
/// A file that is none, a DICOM object that does not lie on the grid, labels beyond 65535.
pub fn read_mask(path: &Path, grid: Option<&Grid>, console: &mut Console) -> Result<ReadMask, CliError> {
    if MaskForm::of(path) == MaskForm::SegNrrd {
        let read = read_seg_nrrd(path, &SegNrrdOptions::default());
        let (mask, segments) = read.map_err(|error| CliError::failed(&error))?;
        return Ok(ReadMask { mask: mask.into(), segments, named: true });
    }
    #[cfg(feature = "dicom")]
    if path.is_file() && medseg_volume::dicom::is_dicom(path) {
        return read_dicom(path, grid, console);
    }
    let _ = (grid, console);
    let labels = read_label_values(path)?;
    let mut found = std::collections::BTreeSet::new();
    for label in &labels.data {
        let label = u16::try_from(*label);
        found.insert(label.map_err(|_| CliError::Failed(format!("{}: labels go from 0 to 65535", path.display())))?);
    }
    found.remove(&0);
    let segments = found.iter().map(|label| Segment::new(*label, format!("label {label}"))).collect();
    let segments = SegmentTable::new(segments).map_err(|error| CliError::failed(&error))?;
    let mask = labels.map_data(|label| *label as u16);
    Ok(ReadMask { mask: Volume::new(mask.data, labels.geometry).into(), segments, named: false })
}

#[cfg(feature = "dicom")]
fn read_dicom(path: &Path, grid: Option<&Grid>, console: &mut Console) -> Result<ReadMask, CliError> {
    use medseg_train::Observer;
    use medseg_volume::dicom::structure_set::RasteriseOptions;
    use medseg_volume::dicom::{ObjectKind, object_kind, segmentation, structure_set};

    let (mask, segments, warnings): (_, _, Vec<String>) = match object_kind(path)? {
        ObjectKind::Segmentation => {
            let mut options = segmentation::ReadOptions::default();
            if let Some(grid) = grid {
                options = options.with_grid(grid.shape, grid.geometry.clone());
            }
            let read = segmentation::read(path, &options).map_err(|error| CliError::failed(&error))?;
            (read.mask, read.table, read.warnings.iter().map(ToString::to_string).collect())
        }
        ObjectKind::StructureSet => {
            let Some(grid) = grid else {
                let path = path.display();
                return Err(CliError::Usage(format!(
                    "{path} is a structure set, which has no grid; name one by --like"
                )));
            };
            let set = structure_set::read(path).map_err(|error| CliError::failed(&error))?;
            let read = set.rasterise(&grid.geometry, grid.shape, &RasteriseOptions::default());
            let read = read.map_err(|error| CliError::failed(&error))?;
            (read.mask, read.segments, read.warnings.iter().map(ToString::to_string).collect())
        }
        _ => return Err(CliError::Failed(format!("{}: a DICOM object that is no mask", path.display()))),
    };
    warnings.iter().for_each(|warning| console.warning(&format!("{}: {warning}", path.display())));
    console.message(&format!("{}: {} segment(s)", path.display(), segments.len()));
    Ok(ReadMask { mask: mask.into(), segments, named: true })
}
