//! From images of one series to the grid of a volume: order, checks, affine.

use std::path::Path;

use super::header::Header;
use super::summary::{SeriesWarning, VolumeSummary};
use super::vectors::{Vector, cross, difference, dot, norm, scaled, sum};
use super::{DicomError, SeriesOptions};
use crate::{Dhw, Geometry};

/// Directions and lengths that should be equal may differ by this much, relative: text of few digits.
const SAME: f64 = 1e-4;
/// Directions of slices that differ by more than [`SAME`] are warned of, by more than this refused: it moves the farthest
/// of 512 pixels by half of one.
pub(super) const VARYING: f64 = 1e-3;
/// Directions farther than this from unit vectors at a right angle are refused.
const REPAIRABLE: f64 = 1e-2;
/// Slices closer than this are one place, in millimetres.
pub(super) const ONE_PLACE_MM: f64 = 1e-3;
/// A slice off the even grid by more than this part of the step or of a pixel is warned of ...
pub(super) const UNEVEN_WARNING: f64 = 0.01;
/// ... and by more than this refused.
pub(super) const UNEVEN_ERROR: f64 = 0.1;
/// Shift in the plane, over the whole series and in pixels, below which slices count as stacked along their normal.
pub(super) const TILT_PIXELS: f64 = 0.1;

/// The slices of a volume in order along their normal, and what they make.
pub(super) struct Stack {
    pub slices: Vec<Header>,
    pub summary: VolumeSummary,
    /// The directions of rows and columns that all slices take, as a file states them.
    pub orientation: [Vector; 2],
}

/// Puts the images of one series in order and checks that they make a volume.
pub(super) fn stack(folder: &Path, slices: Vec<Header>, options: &SeriesOptions) -> Result<Stack, DicomError> {
    let Some(first) = slices.first() else {
        return Err(DicomError::NoSeries { folder: folder.to_path_buf(), passed_over: Vec::new() });
    };
    let mut warnings = Vec::new();
    let mut varying: f64 = 0.0;
    for slice in &slices {
        same_grid(first, slice)?;
        let (a, b) = (first.orientation.as_flattened(), slice.orientation.as_flattened());
        varying = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(varying, f64::max);
    }
    if varying > SAME {
        warnings.push(SeriesWarning::DirectionsVary { by: varying });
    }
    let orientation = first.orientation;
    let frame = frame(folder, orientation, &mut warnings)?;
    let slices = in_order(slices, frame.normal);
    let step = step(folder, &slices, &frame, options, &mut warnings)?;
    let first = &slices[0];
    if first.series.is_empty() {
        warnings.push(SeriesWarning::NoSeriesUid);
    }
    if first.photometric == "MONOCHROME1" {
        warnings.push(SeriesWarning::Monochrome1);
    }
    if slices.iter().any(|slice| slice.mosaic) {
        warnings.push(SeriesWarning::Mosaic);
    }
    if slices.iter().any(|slice| slice.guessed) {
        warnings.push(SeriesWarning::NoTransferSyntax);
    }
    if slices.iter().any(|slice| (slice.slope, slice.intercept) != (first.slope, first.intercept)) {
        warnings.push(SeriesWarning::RescaleVaries);
    }
    let pixels = &first.pixels;
    let sign = if pixels.signed { 'i' } else { 'u' };
    let shape = Dhw { d: slices.len(), h: usize::from(pixels.rows), w: usize::from(pixels.columns) };
    let summary = VolumeSummary {
        shape,
        geometry: geometry(folder, first, &frame, step)?,
        datatype: format!("{sign}{} in {} bits", pixels.stored, pixels.allocated),
        syntax: first.syntax.name.clone(),
        warnings,
    };
    Ok(Stack { slices, summary, orientation })
}

/// Checks what every slice of a volume shares.
fn same_grid(first: &Header, other: &Header) -> Result<(), DicomError> {
    let near = |a: &[f64], b: &[f64], tolerance: f64| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance);
    let (a, b) = (&first.pixels, &other.pixels);
    let checks = [
        ("Rows", a.rows == b.rows),
        ("Columns", a.columns == b.columns),
        ("ImageOrientationPatient", near(first.orientation.as_flattened(), other.orientation.as_flattened(), VARYING)),
        ("PixelSpacing", near(&first.spacing, &other.spacing, SAME * first.spacing[0].abs())),
        ("FrameOfReferenceUID", first.frame_of_reference == other.frame_of_reference),
        ("Modality", first.modality == other.modality),
        ("PhotometricInterpretation", first.photometric == other.photometric),
    ];
    match checks.iter().find(|(_, same)| !same) {
        None => Ok(()),
        Some((attribute, _)) => {
            Err(DicomError::Mixed { attribute, first: first.path.clone(), other: other.path.clone() })
        }
    }
}

/// Unit vectors of a slice in LPS.
pub(super) struct Frame {
    /// Along a row: from a pixel to the next column.
    pub row: Vector,
    /// Down a column: from a pixel to the next row.
    pub column: Vector,
    pub normal: Vector,
}

/// The directions of a slice, made orthonormal where they are nearly so.
pub(super) fn frame(
    folder: &Path,
    [row, column]: [Vector; 2],
    warnings: &mut Vec<SeriesWarning>,
) -> Result<Frame, DicomError> {
    let off = (norm(row) - 1.0).abs().max((norm(column) - 1.0).abs()).max(dot(row, column).abs());
    if off.is_nan() || off > REPAIRABLE {
        let reason = format!("ImageOrientationPatient is not two unit vectors at a right angle (off by {off:.3})");
        return Err(DicomError::Geometry { folder: folder.to_path_buf(), reason });
    }
    if off > SAME {
        warnings.push(SeriesWarning::DirectionsRepaired { off });
    }
    let row = scaled(row, 1.0 / norm(row));
    // The part of the column's direction at a right angle to the row's.
    let column = sum(column, scaled(row, -dot(row, column)));
    let column = scaled(column, 1.0 / norm(column));
    Ok(Frame { row, column, normal: cross(row, column) })
}

/// Sorts by position along the normal; slices at one place keep the order of their paths.
fn in_order(mut slices: Vec<Header>, normal: Vector) -> Vec<Header> {
    slices.sort_by(|a, b| {
        let along = dot(a.position, normal).total_cmp(&dot(b.position, normal));
        along.then_with(|| a.path.cmp(&b.path))
    });
    slices
}

/// The way from one slice to the next, in LPS millimetres.
fn step(
    folder: &Path,
    slices: &[Header],
    frame: &Frame,
    options: &SeriesOptions,
    warnings: &mut Vec<SeriesWarning>,
) -> Result<Vector, DicomError> {
    let [first, .., last] = slices else {
        warnings.push(SeriesWarning::SingleSlice);
        let thickness = slices[0].thickness;
        let missing = || DicomError::Missing { path: slices[0].path.clone(), attribute: "SliceThickness" };
        return Ok(scaled(frame.normal, thickness.ok_or_else(missing)?));
    };
    check_thickness(slices, frame)?;
    check_gaps(slices, frame)?;
    let steps = (slices.len() - 1) as f64;
    let way = difference(last.position, first.position);
    let along = scaled(frame.normal, dot(way, frame.normal));
    let shift = norm(difference(way, along));
    let pixel = first.spacing[0].abs().min(first.spacing[1].abs());
    let tilted = shift > TILT_PIXELS * pixel;
    let step = scaled(if tilted { way } else { along }, 1.0 / steps);
    check_evenness(slices, step, pixel, warnings)?;
    if tilted {
        let degrees = shift.atan2(norm(along)).to_degrees();
        if !options.accept_tilt {
            return Err(DicomError::GantryTilt { folder: folder.to_path_buf(), degrees });
        }
        warnings.push(SeriesWarning::GantryTilt { degrees });
    }
    Ok(step)
}

/// Refuses slices whose distance changes with their thickness, as where a protocol goes on with thicker ones: none is
/// missing.
fn check_thickness(slices: &[Header], frame: &Frame) -> Result<(), DicomError> {
    let thickness = |slice: &Header| slice.slice_thickness.unwrap_or(0.0);
    let other = |a: f64, b: f64| (a - b).abs() > UNEVEN_ERROR * a.min(b);
    let gap = |pair: &[Header]| dot(difference(pair[1].position, pair[0].position), frame.normal);
    let change = slices.windows(3).find(|three| {
        let (before, after) = (gap(&three[..2]), gap(&three[1..]));
        before >= ONE_PLACE_MM
            && after >= ONE_PLACE_MM
            && other(before, after)
            && other(thickness(&three[0]), thickness(&three[2]))
    });
    match change {
        None => Ok(()),
        Some(three) => Err(DicomError::StepChanges {
            at: three[1].path.clone(),
            before_mm: gap(&three[..2]),
            after_mm: gap(&three[1..]),
        }),
    }
}

/// Refuses two slices at one place, and gaps that are a multiple of the usual one.
fn check_gaps(slices: &[Header], frame: &Frame) -> Result<(), DicomError> {
    let along: Vec<f64> = slices.iter().map(|slice| dot(slice.position, frame.normal)).collect();
    let gaps: Vec<f64> = along.windows(2).map(|pair| pair[1] - pair[0]).collect();
    if let Some(at) = gaps.iter().position(|gap| *gap < ONE_PLACE_MM) {
        let (first, other) = (slices[at].path.clone(), slices[at + 1].path.clone());
        return Err(DicomError::DuplicateSlices { first, other, position_mm: along[at] });
    }
    let mut sorted = gaps.clone();
    sorted.sort_by(f64::total_cmp);
    // The lower median: of two gaps the shorter one is the step.
    let usual = sorted[(sorted.len() - 1) / 2];
    let multiple = |gap: f64| (gap / usual).round();
    let whole = gaps.iter().all(|gap| (gap / usual - multiple(*gap)).abs() <= UNEVEN_ERROR && multiple(*gap) >= 1.0);
    let wide = gaps.iter().position(|gap| multiple(*gap) >= 2.0);
    match wide.filter(|_| whole) {
        None => Ok(()),
        Some(at) => Err(DicomError::MissingSlices {
            after: slices[at].path.clone(),
            position_mm: along[at],
            missing: gaps.iter().fold(0, |sum: usize, gap| sum.saturating_add(multiple(*gap) as usize - 1)),
        }),
    }
}

/// Holds every slice against the grid of equal steps from the first to the last, as a part of the step along it and of
/// a pixel across it.
fn check_evenness(
    slices: &[Header],
    step: Vector,
    pixel: f64,
    warnings: &mut Vec<SeriesWarning>,
) -> Result<(), DicomError> {
    let length = norm(step);
    let direction = scaled(step, 1.0 / length);
    let (mut worst, mut worst_part, mut off_mm) = (0, 0.0, 0.0);
    for (index, slice) in slices.iter().enumerate() {
        let off = difference(difference(slice.position, slices[0].position), scaled(step, index as f64));
        let along = dot(off, direction);
        let across = norm(difference(off, scaled(direction, along)));
        let part = (along.abs() / length).max(across / pixel);
        if part > worst_part {
            (worst, worst_part, off_mm) = (index, part, norm(off));
        }
    }
    if worst_part > UNEVEN_ERROR {
        return Err(DicomError::UnevenSlices { file: slices[worst].path.clone(), off_mm, step_mm: length });
    }
    if worst_part > UNEVEN_WARNING {
        warnings.push(SeriesWarning::UnevenSlices { off_mm });
    }
    Ok(())
}

/// The volume's place by its first slice and the steps.
fn geometry(folder: &Path, first: &Header, frame: &Frame, step: Vector) -> Result<Geometry, DicomError> {
    let [between_rows, between_columns] = first.spacing;
    let fail = |reason: String| DicomError::Geometry { folder: folder.to_path_buf(), reason };
    if !(between_rows > 0.0 && between_columns > 0.0) {
        return Err(fail("PixelSpacing is not positive".into()));
    }
    let i = scaled(frame.row, between_columns);
    let j = scaled(frame.column, between_rows);
    Geometry::from_lps([i, j, step], first.position).map_err(|fault| fail(fault.to_string()))
}
