//! The places of frames: on a grid of their own, or on one that is given.

use std::path::Path;

use crate::dicom::series::{self, ONE_PLACE_MM, TILT_PIXELS, UNEVEN_ERROR, UNEVEN_WARNING};
use crate::dicom::vectors::{Vector, difference, dot, norm, scaled, sum};
use crate::dicom::{DicomError, SeriesWarning};
use crate::{Dhw, Geometry};

/// Most slices of an object's own grid, frames that are missing included.
const MOST_SLICES: f64 = 65535.0;

/// Frames of one orientation and spacing.
pub(super) struct Planes {
    /// `ImagePositionPatient` of each frame.
    pub positions: Vec<Vector>,
    pub orientation: [Vector; 2],
    /// `PixelSpacing`: millimetres between rows, between columns.
    pub spacing: [f64; 2],
    /// `SpacingBetweenSlices`.
    pub between: Option<f64>,
    /// `SliceThickness`.
    pub thickness: Option<f64>,
    pub rows: usize,
    pub columns: usize,
}

/// A grid that all frames lie on.
pub(super) struct OwnGrid {
    pub shape: Dhw<usize>,
    pub geometry: Geometry,
    /// The slice of each frame.
    pub slices: Vec<usize>,
    pub warnings: Vec<SeriesWarning>,
}

/// The place of a frame on a grid: the voxel `[d, h, w]` of its first pixel, and the ways to the next row and column, of
/// one voxel each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placement {
    pub start: [isize; 3],
    pub per_row: [isize; 3],
    pub per_column: [isize; 3],
}

impl Planes {
    /// The steps from a pixel to the next column and to the next row, and the normal.
    fn steps(&self, path: &Path, warnings: &mut Vec<SeriesWarning>) -> Result<[Vector; 3], DicomError> {
        let frame = series::frame(path, self.orientation, warnings)?;
        let [between_rows, between_columns] = self.spacing;
        if !(between_rows > 0.0 && between_columns > 0.0) {
            return Err(DicomError::Geometry { folder: path.into(), reason: "PixelSpacing is not positive".into() });
        }
        Ok([scaled(frame.row, between_columns), scaled(frame.column, between_rows), frame.normal])
    }

    /// The grid from the first frame along the normal to the last, with equal steps: `SpacingBetweenSlices` where all
    /// frames lie on multiples of it, else the smallest distance between two.
    pub(super) fn own_grid(&self, path: &Path) -> Result<OwnGrid, DicomError> {
        let mut warnings = Vec::new();
        let [i, j, normal] = self.steps(path, &mut warnings)?;
        let mut order: Vec<usize> = (0..self.positions.len()).collect();
        let along = |frame: usize| dot(self.positions[frame], normal);
        order.sort_by(|a, b| along(*a).total_cmp(&along(*b)).then(a.cmp(b)));
        // Frames of several segments lie at one place.
        let mut places: Vec<Vec<usize>> = Vec::new();
        for frame in order {
            match places.last_mut() {
                Some(place) if along(frame) - along(place[0]) < ONE_PLACE_MM => place.push(frame),
                _ => places.push(vec![frame]),
            }
        }
        let first = |place: &Vec<usize>| self.positions[place[0]];
        let (Some(start), Some(end)) = (places.first().map(first), places.last().map(first)) else {
            return Err(DicomError::Geometry { folder: path.into(), reason: "it has no frame".into() });
        };
        let gaps: Vec<f64> = places.windows(2).map(|pair| along(pair[1][0]) - along(pair[0][0])).collect();
        let positive = |length: &f64| *length >= ONE_PLACE_MM;
        let (numbers, step) = if gaps.is_empty() {
            let missing = || DicomError::Missing { path: path.into(), attribute: "SpacingBetweenSlices" };
            let length = self.between.filter(positive).or(self.thickness.filter(positive)).ok_or_else(missing)?;
            (vec![0], scaled(normal, length))
        } else {
            let smallest = gaps.iter().copied().fold(f64::INFINITY, f64::min);
            let usual = self.between.filter(positive).filter(|length| is_multiple(&gaps, *length)).unwrap_or(smallest);
            if !is_multiple(&gaps, usual) {
                let reason = format!("its frames lie at no multiples of {usual:.4} mm; give the grid of the series");
                return Err(DicomError::Geometry { folder: path.into(), reason });
            }
            let numbers = numbers(&gaps, usual);
            let count = numbers.last().copied().unwrap_or(0.0);
            if count >= MOST_SLICES {
                let reason = format!("its frames span {count} slices of {usual:.4} mm");
                return Err(DicomError::Geometry { folder: path.into(), reason });
            }
            let way = difference(end, start);
            let straight = scaled(normal, dot(way, normal));
            let shift = norm(difference(way, straight));
            let tilted = shift > TILT_PIXELS * self.spacing[0].min(self.spacing[1]);
            if tilted {
                warnings.push(SeriesWarning::GantryTilt { degrees: shift.atan2(norm(straight)).to_degrees() });
            }
            let step = scaled(if tilted { way } else { straight }, 1.0 / count);
            (numbers.into_iter().map(|number| number as usize).collect(), step)
        };
        self.check_places(path, &places, &numbers, (start, step), &mut warnings)?;
        let mut slices = vec![0; self.positions.len()];
        for (place, number) in places.iter().zip(&numbers) {
            place.iter().for_each(|frame| slices[*frame] = *number);
        }
        let fault =
            |fault: crate::GeometryFault| DicomError::Geometry { folder: path.into(), reason: fault.to_string() };
        let geometry = Geometry::from_lps([i, j, step], start).map_err(fault)?;
        let depth = numbers.last().map_or(1, |last| last + 1);
        Ok(OwnGrid { shape: Dhw { d: depth, h: self.rows, w: self.columns }, geometry, slices, warnings })
    }

    /// Refuses frames off their places on the grid by more than a tenth of a step or of a pixel.
    fn check_places(
        &self,
        path: &Path,
        places: &[Vec<usize>],
        numbers: &[usize],
        (start, step): (Vector, Vector),
        warnings: &mut Vec<SeriesWarning>,
    ) -> Result<(), DicomError> {
        let (length, pixel) = (norm(step), self.spacing[0].min(self.spacing[1]));
        let (mut worst, mut off_mm) = (0.0_f64, 0.0_f64);
        for (place, number) in places.iter().zip(numbers) {
            let expected = sum(start, scaled(step, *number as f64));
            for frame in place {
                let off = difference(self.positions[*frame], expected);
                let along = dot(off, step) / length;
                let across = norm(difference(off, scaled(step, along / length)));
                let part = (along.abs() / length).max(across / pixel);
                if part.is_nan() || part > UNEVEN_ERROR {
                    return Err(DicomError::UnevenSlices { file: path.into(), off_mm: norm(off), step_mm: length });
                }
                (worst, off_mm) = (worst.max(part), off_mm.max(norm(off)));
            }
        }
        if worst > UNEVEN_WARNING {
            warnings.push(SeriesWarning::UnevenSlices { off_mm });
        }
        Ok(())
    }

    /// The places of the frames on a grid, in their order; none for one whose pixels lie a tenth of a voxel or more off the
    /// grid's.
    pub(super) fn placements(&self, path: &Path, geometry: &Geometry) -> Result<Vec<Option<Placement>>, DicomError> {
        let [i, j, _] = self.steps(path, &mut Vec::new())?;
        let voxel = |[x, y, z]: Vector| geometry.world_to_voxel([-x, -y, z]).to_array();
        let (last_column, last_row) = (self.columns.saturating_sub(1) as f64, self.rows.saturating_sub(1) as f64);
        let place = |position: &Vector| {
            let start = whole(voxel(*position))?;
            let way = |step: Vector| {
                let to = voxel(sum(*position, step));
                let from = voxel(*position);
                let way = whole_within(std::array::from_fn(|axis| to[axis] - from[axis]), 0.5)?;
                (way.iter().map(|part| part.unsigned_abs()).sum::<usize>() == 1).then_some(way)
            };
            let (per_column, per_row) = (way(i)?, way(j)?);
            let corners = [(0.0, last_column), (last_row, 0.0), (last_row, last_column)];
            let near = corners.into_iter().all(|(row, column)| {
                let found = voxel(sum(*position, sum(scaled(i, column), scaled(j, row))));
                (0..3).all(|axis| {
                    let way = per_row[axis] as f64 * row + per_column[axis] as f64 * column;
                    (found[axis] - start[axis] as f64 - way).abs() <= UNEVEN_ERROR
                })
            });
            let parallel = per_row.iter().zip(per_column).all(|(row, column)| *row == 0 || column == 0);
            (near && parallel).then_some(Placement { start, per_row, per_column })
        };
        Ok(self.positions.iter().map(place).collect())
    }
}

/// Whole numbers within a tenth of a voxel.
fn whole(numbers: [f64; 3]) -> Option<[isize; 3]> {
    whole_within(numbers, UNEVEN_ERROR)
}

/// The nearest whole numbers, if none is farther than `most` and none is beyond any volume.
fn whole_within(numbers: [f64; 3], most: f64) -> Option<[isize; 3]> {
    let fits = |number: f64| (number - number.round()).abs() <= most && number.abs() < 1e9;
    numbers.iter().all(|number| fits(*number)).then(|| numbers.map(|number| number.round() as isize))
}

/// True if all gaps are whole multiples of a length, but for a tenth of it.
fn is_multiple(gaps: &[f64], length: f64) -> bool {
    gaps.iter().all(|gap| {
        let times = gap / length;
        times.round() >= 1.0 && (times - times.round()).abs() <= UNEVEN_ERROR
    })
}

/// The numbers of the places from the first on.
fn numbers(gaps: &[f64], length: f64) -> Vec<f64> {
    let mut numbers = vec![0.0];
    let mut number = 0.0;
    for gap in gaps {
        number += (gap / length).round();
        numbers.push(number);
    }
    numbers
}
