//! Comparing the headers of a case's image and label before any voxel is read.

use medseg_volume::{Dhw, Geometry, VolumeInfo, read_info};

use crate::DataError;
use crate::case::Case;

/// Largest distance (mm) of a label's voxels from the image's for [`check_case`]: the rounding of headers, not more.
pub const GRID_TOLERANCE_MM: f64 = 0.1;

/// Reads the headers of a case and checks that all channels of the image and the label have the same shape and the same
/// grid in space, within [`GRID_TOLERANCE_MM`]. Returns the header of the image, or of its first channel.
///
/// # Errors
/// If a header cannot be read, or two differ; the message names the case, both files and the difference.
pub fn check_case(case: &Case) -> Result<VolumeInfo, DataError> {
    check_case_within(case, GRID_TOLERANCE_MM)
}

/// [`check_case`] with another tolerance (mm) for the grid; `f64::INFINITY` compares shapes only.
///
/// # Errors
/// As [`check_case`].
pub fn check_case_within(case: &Case, tolerance_mm: f64) -> Result<VolumeInfo, DataError> {
    compare(case, tolerance_mm).map_err(|error| error.in_case(case))
}

fn compare(case: &Case, tolerance_mm: f64) -> Result<VolumeInfo, DataError> {
    let image = match check_channels(case, tolerance_mm)? {
        Some(info) => info,
        None => read_info(&case.image)?,
    };
    let Some(label) = &case.label else { return Ok(image) };
    match difference(&image, &read_info(label)?, tolerance_mm) {
        Some(difference) => {
            Err(DataError::GridMismatch { image: case.image.clone(), label: label.clone(), difference })
        }
        None => Ok(image),
    }
}

/// Compares the headers of a case's channels. Returns that of the first, or none for a case of one channel, whose file
/// is not looked at.
pub(crate) fn check_channels(case: &Case, tolerance_mm: f64) -> Result<Option<VolumeInfo>, DataError> {
    if case.channels.is_empty() {
        return Ok(None);
    }
    let first = read_info(&case.image)?;
    for other in &case.channels {
        if let Some(difference) = difference(&first, &read_info(other)?, tolerance_mm) {
            return Err(DataError::ChannelMismatch { first: case.image.clone(), other: other.clone(), difference });
        }
    }
    Ok(Some(first))
}

/// The difference of two files' shapes or grids, if there is one.
fn difference(first: &VolumeInfo, other: &VolumeInfo, tolerance_mm: f64) -> Option<String> {
    if first.shape != other.shape {
        return Some(format!("{} against {} voxels", first.shape, other.shape));
    }
    let same = tolerance_mm == f64::INFINITY || first.geometry.same_grid(&other.geometry, first.shape, tolerance_mm);
    (!same).then(|| grid_difference(&first.geometry, &other.geometry, first.shape))
}

/// [`check_case`] for all cases; the first that does not fit is the error.
///
/// # Errors
/// As [`check_case`].
pub fn check_cases(cases: &[Case]) -> Result<Vec<VolumeInfo>, DataError> {
    cases.iter().map(check_case).collect()
}

/// In what the two grids differ, in the order in which a user would look for it.
fn grid_difference(image: &Geometry, label: &Geometry, shape: Dhw<usize>) -> String {
    let (codes_a, codes_b) = (image.orientation().to_string(), label.orientation().to_string());
    if codes_a != codes_b {
        return format!("the voxel axes point {codes_a} against {codes_b}");
    }
    let far = |a: [f64; 3], b: [f64; 3], limit: f64| a.iter().zip(b).any(|(a, b)| (a - b).abs() > limit);
    let (a, b) = (image.spacing().to_array(), label.spacing().to_array());
    if far(a, b, 1e-3) {
        return format!("spacing (depth, height, width) {} against {} mm", listed(a), listed(b));
    }
    let origin = |geometry: &Geometry| geometry.affine().map(|row| row[3]);
    let ([ax, ay, az, _], [bx, by, bz, _]) = (origin(image), origin(label));
    let (a, b) = ([ax, ay, az], [bx, by, bz]);
    if far(a, b, 1e-2) {
        return format!("the first voxel lies at {} against {} mm", listed(a), listed(b));
    }
    let distance = image.largest_distance(label, shape);
    format!("the voxel axes point in slightly different directions: voxels lie up to {distance:.3} mm apart")
}

fn listed(mm: [f64; 3]) -> String {
    mm.map(|value| format!("{value:.3}")).join(", ")
}
