//! One case: whether it is finished, and making it.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use medseg_transforms::{LabelInterpolation, LabelMap};
use medseg_volume::{
    LabelChoice, ValueFault, Volume, VolumeError, read_image, read_label, read_label_of, write_image, write_image_i16,
    write_label,
};
use ndarray::Array3;

use super::{Offline, OfflineOutcome, OfflineStep};
use crate::DataError;
use crate::case::Case;
use crate::check::check_case;

/// The case in the folder of the results.
fn result(case: &Case, out: &Path) -> Case {
    let file = |kind: &str| -> PathBuf { out.join(kind).join(format!("{}.nii.gz", case.id)) };
    Case::new(case.id.clone(), file("image"), Some(file("label")))
}

/// True if both files are there, fit each other and the step, and are not older than their sources.
pub(super) fn is_finished(case: &Case, step: &OfflineStep, out: &Path) -> bool {
    let made = result(case, out);
    let Ok(info) = check_case(&made) else { return false };
    let changed = |path: &PathBuf| -> Option<SystemTime> { path.metadata().ok()?.modified().ok() };
    let newer = |made: Option<&PathBuf>, source: Option<&PathBuf>| match (made, source) {
        (Some(made), Some(source)) => changed(made).zip(changed(source)).is_some_and(|(made, source)| made >= source),
        _ => false,
    };
    let fits = match step {
        OfflineStep::Resized { size, .. } => info.shape == *size,
        OfflineStep::Foreground { .. } => true,
    };
    fits && newer(Some(&made.image), Some(&case.image)) && newer(made.label.as_ref(), case.label.as_ref())
}

/// Makes a case unless it is finished; what goes wrong is the outcome.
pub(super) fn make(case: &Case, offline: &Offline, out: &Path) -> OfflineOutcome {
    if is_finished(case, &offline.step, out) {
        return OfflineOutcome::Finished;
    }
    written(case, offline, out).unwrap_or_else(OfflineOutcome::Failed)
}

fn written(case: &Case, offline: &Offline, out: &Path) -> Result<OfflineOutcome, DataError> {
    check_case(case)?;
    let in_case = |error: VolumeError| DataError::from(error).in_case(case);
    let image = read_image(&case.image).map_err(in_case)?;
    let path = case.label.as_ref().unwrap_or(&case.image);
    let (label, unwritable) = values_of(path, &offline.foreground).map_err(in_case)?;
    let foreground = LabelMap::foreground_of(&offline.foreground);
    let warning = warning(case, &image.data, &label.data, &foreground, unwritable);
    let (image, label) = match &offline.preprocessing {
        Some(preprocessing) => {
            (preprocessing.apply(image), preprocessing.apply_label(label, LabelInterpolation::NearestExact))
        }
        None => (image, label),
    };
    let (image, label) = offline.step.apply(image, label, &foreground);
    let made = result(case, out);
    write_intensities(&made.image, &image).map_err(in_case)?;
    // Last, so that a case with its label is whole.
    write_label(made.label.as_ref().unwrap_or(&made.image), &label).map_err(in_case)?;
    Ok(OfflineOutcome::Written { shape: image.shape(), warning })
}

/// The label values of a file. Those that u8 does not hold become 0, with a warning, if the foreground is named: they are
/// none of it.
fn values_of(path: &Path, foreground: &[u8]) -> Result<(Volume<u8>, Option<String>), VolumeError> {
    match read_label(path) {
        Err(error @ VolumeError::Value { value, fault: ValueFault::NoU8, .. })
            if value.fract() == 0.0 && !foreground.is_empty() =>
        {
            let storable: Vec<u8> = (0..=u8::MAX).collect();
            let warning = format!("values that cannot be stored became background: {error}");
            Ok((read_label_of(path, &LabelChoice::only(&storable))?, Some(warning)))
        }
        label => Ok((label?, None)),
    }
}

fn warning(
    case: &Case,
    image: &Array3<f32>,
    label: &Array3<u8>,
    foreground: &LabelMap,
    unwritable: Option<String>,
) -> Option<String> {
    let strange = image.iter().filter(|v| !v.is_finite()).count();
    let classes = foreground.table();
    let empty = label.iter().all(|v| classes[usize::from(*v)] == 0);
    let reasons = [
        (strange > 0).then(|| format!("{strange} voxels of the image are not finite")),
        empty.then(|| "no voxel of the label counts as foreground".to_string()),
        unwritable,
    ];
    let reasons: Vec<String> = reasons.into_iter().flatten().collect();
    (!reasons.is_empty()).then(|| format!("case {}: {}", case.id, reasons.join("; ")))
}

/// As i16 where that loses nothing, as with Hounsfield units, else as f32.
fn write_intensities(path: &Path, image: &Volume<f32>) -> Result<(), VolumeError> {
    let whole = |v: &f32| f32::from(*v as i16).to_bits() == v.to_bits();
    if image.data.iter().all(whole) {
        write_image_i16(path, &image.map_data(|v| *v as i16))
    } else {
        write_image(path, image)
    }
}
