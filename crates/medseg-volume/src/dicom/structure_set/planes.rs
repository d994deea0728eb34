//! The slices of a grid that contours lie on.

use super::StructureSetWarning;
use super::roi::Roi;
use crate::contours::PlanePoint;
use crate::{Dhw, Geometry};

/// Slices that a contour may lie across and still be parallel to them.
const PARALLEL: f64 = 0.25;
/// Contours within this part of a step lie on one plane.
const ONE_PLANE: f64 = 0.01;
/// A plane farther than this part of a step from its slice is warned of; an uneven series may have as much.
const OFF_PLANE: f64 = 0.1;

/// The array axis that slices with contours follow each other along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SliceAxis {
    Depth,
    Height,
    Width,
}

impl SliceAxis {
    /// The number of slices, and the rows and columns of each.
    pub fn split(self, shape: Dhw<usize>) -> (usize, [usize; 2]) {
        match self {
            Self::Depth => (shape.d, [shape.h, shape.w]),
            Self::Height => (shape.h, [shape.d, shape.w]),
            Self::Width => (shape.w, [shape.d, shape.h]),
        }
    }

    /// The index `[depth, height, width]` of a voxel in a slice.
    pub fn index(self, slice: usize, row: usize, column: usize) -> [usize; 3] {
        match self {
            Self::Depth => [slice, row, column],
            Self::Height => [row, slice, column],
            Self::Width => [row, column, slice],
        }
    }

    /// The slice, row and column of a place in a grid.
    fn place(self, voxel: Dhw<f64>) -> (f64, PlanePoint) {
        let (slice, row, column) = match self {
            Self::Depth => (voxel.d, voxel.h, voxel.w),
            Self::Height => (voxel.h, voxel.d, voxel.w),
            Self::Width => (voxel.w, voxel.d, voxel.h),
        };
        (slice, PlanePoint { row, column })
    }
}

/// The first axis, of depth, height and width, whose slices are parallel to all contours; or else the region with the
/// worst contour and the slices that this lies across.
pub(super) fn parallel_axis(rois: &[&Roi], geometry: &Geometry) -> Result<SliceAxis, (String, f64)> {
    let mut across = [(0.0_f64, ""); 3];
    for roi in rois {
        for contour in &roi.contours {
            let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
            for point in &contour.points {
                let voxel = voxel(geometry, *point).to_array();
                for axis in 0..3 {
                    (low[axis], high[axis]) = (low[axis].min(voxel[axis]), high[axis].max(voxel[axis]));
                }
            }
            for axis in 0..3 {
                if high[axis] - low[axis] > across[axis].0 {
                    across[axis] = (high[axis] - low[axis], &roi.name);
                }
            }
        }
    }
    let axes = [SliceAxis::Depth, SliceAxis::Height, SliceAxis::Width];
    match axes.into_iter().zip(across).find(|(_, (slices, _))| *slices <= PARALLEL) {
        Some((axis, _)) => Ok(axis),
        None => {
            let (steps, roi) = across.into_iter().fold((f64::INFINITY, ""), |a, b| if b.0 < a.0 { b } else { a });
            Err((roi.to_string(), steps))
        }
    }
}

/// The voxel of a point in LPS millimetres.
fn voxel(geometry: &Geometry, [x, y, z]: [f64; 3]) -> Dhw<f64> {
    geometry.world_to_voxel([-x, -y, z])
}

/// The contours of one region on one slice of a grid.
pub(super) struct SliceContours {
    pub slice: usize,
    pub contours: Vec<Vec<PlanePoint>>,
}

/// A contour on the grid.
struct Placed {
    /// Its plane, counted in slices.
    plane: f64,
    points: Vec<PlanePoint>,
}

/// Assigns the contours of a region to slices, in their order.
pub(super) fn assign(
    roi: &Roi,
    geometry: &Geometry,
    axis: SliceAxis,
    slices: usize,
    warnings: &mut Vec<StructureSetWarning>,
) -> Vec<SliceContours> {
    let mut placed: Vec<Placed> =
        roi.contours.iter().filter_map(|contour| place(&contour.points, geometry, axis)).collect();
    let empty = roi.contours.iter().filter(|contour| contour.points.is_empty()).count();
    placed.retain(|contour| slice_of(contour.plane, slices).is_some());
    let outside = roi.contours.len() - empty - placed.len();
    placed.sort_by(|a, b| a.plane.total_cmp(&b.plane));

    let (mut assigned, mut dense, mut off) = (Vec::<SliceContours>::new(), 0, 0.0_f64);
    let mut rest = placed.into_iter().peekable();
    // Planes come in order, so those of one slice follow each other.
    let mut nearest = f64::INFINITY;
    while let Some(first) = rest.next() {
        let Some(slice) = slice_of(first.plane, slices) else { continue };
        let distance = (first.plane - slice as f64).abs();
        let mut contours = vec![first.points];
        let same =
            |other: &Placed| other.plane - first.plane <= ONE_PLANE && slice_of(other.plane, slices) == Some(slice);
        while let Some(other) = rest.next_if(same) {
            contours.push(other.points);
        }
        match assigned.last_mut().filter(|last| last.slice == slice) {
            None => {
                off = off.max(if nearest.is_finite() { nearest } else { 0.0 });
                nearest = distance;
                assigned.push(SliceContours { slice, contours });
            }
            Some(last) if distance < nearest => {
                nearest = distance;
                dense += std::mem::replace(&mut last.contours, contours).len();
            }
            Some(_) => dense += contours.len(),
        }
    }
    off = off.max(if nearest.is_finite() { nearest } else { 0.0 });

    let name = || roi.name.clone();
    if outside > 0 {
        warnings.push(StructureSetWarning::OutsideGrid { roi: name(), contours: outside });
    }
    if dense > 0 {
        warnings.push(StructureSetWarning::DensePlanes { roi: name(), contours: dense });
    }
    if off > OFF_PLANE {
        warnings.push(StructureSetWarning::OffPlane { roi: name(), steps: off });
    }
    let mut gaps: Vec<usize> = assigned.windows(2).map(|pair| pair[1].slice - pair[0].slice).collect();
    gaps.sort_unstable();
    // The lower median; a single gap may lie between two parts of a region.
    match gaps.get(gaps.len().saturating_sub(1) / 2) {
        Some(&gap) if gaps.len() > 1 && gap > 1 => {
            warnings.push(StructureSetWarning::SparsePlanes { roi: name(), slices: gap });
        }
        _ => {}
    }
    assigned
}

/// A contour on the grid; none without points or with places beyond all numbers.
fn place(points: &[[f64; 3]], geometry: &Geometry, axis: SliceAxis) -> Option<Placed> {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    let points: Vec<PlanePoint> = points
        .iter()
        .map(|point| {
            let (slice, place) = axis.place(voxel(geometry, *point));
            (low, high) = (low.min(slice), high.max(slice));
            place
        })
        .collect();
    let plane = 0.5 * low + 0.5 * high;
    let finite = plane.is_finite() && points.iter().all(|point| point.row.is_finite() && point.column.is_finite());
    (finite && !points.is_empty()).then_some(Placed { plane, points })
}

/// The slice nearest to a plane, the lower of two; none if it is farther than half a step.
fn slice_of(plane: f64, slices: usize) -> Option<usize> {
    let slice = (plane - 0.5).ceil();
    (slice >= 0.0 && slice < slices as f64).then_some(slice as usize)
}
