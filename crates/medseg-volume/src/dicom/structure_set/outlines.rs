//! The contours of a mask's segments in patient space, as the text of a file.

use std::fmt::Write;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use ndarray::{ArrayView2, ArrayView3, Axis, s};
use rayon::prelude::*;

use super::{StructureSetError, WriteOptions};
use crate::Dhw;
use crate::contours::{PlanePoint, trace_contours};
use crate::dicom::SourceSeries;
use crate::segments::{SegmentTable, SegmentationError};

/// Characters of a decimal string (PS3.5 6.2).
const LONGEST_DECIMAL: usize = 16;
/// Digits after the point of a coordinate in millimetres, or more if pixels are tiny.
const DECIMALS: usize = 6;
/// Largest rounding of a coordinate, as a part of a pixel.
const ROUNDING: f64 = 1e-3;

/// The contours of all segments.
pub(super) struct Outlines {
    /// Those of each segment, in the table's order, by slices.
    pub rois: Vec<Vec<Outline>>,
    /// Points of all contours.
    pub points: u64,
}

/// One contour.
pub(super) struct Outline {
    pub slice: usize,
    pub points: usize,
    /// `ContourData`.
    pub data: String,
}

/// Traces the segments of a mask on the series' grid; `place` gives the voxel of the mask that a voxel of the grid is.
pub(super) fn outlines<L: Copy + Into<u16> + Sync>(
    labels: &ArrayView3<'_, L>,
    segments: &SegmentTable,
    source: &SourceSeries,
    options: &WriteOptions,
    place: impl Fn([usize; 3]) -> Dhw<usize> + Sync,
) -> Result<Outlines, StructureSetError> {
    let planes: Vec<(usize, ArrayView2<'_, L>)> = labels.axis_iter(Axis(0)).enumerate().collect();
    let boxes = boxes(&planes, segments, place)?;
    let decimals = decimals(source);
    let points = AtomicU64::new(0);
    let trace = |(slice, plane): &(usize, ArrayView2<'_, L>)| {
        let mut outlines = Vec::new();
        for (segment, found) in segments.segments().iter().zip(&boxes[*slice]) {
            let mut traced = Vec::new();
            if let Some([rows, columns]) = found.clone() {
                let start = [rows.start as f64, columns.start as f64];
                let part = plane.slice(s![rows, columns]).map(|label| -> u16 { (*label).into() });
                for polygon in trace_contours(&part.view(), &segment.label, options.holes) {
                    let count = polygon.points.len();
                    if points.fetch_add(count as u64, Ordering::Relaxed) + count as u64 > options.max_points {
                        return Err(StructureSetError::ManyPoints { limit: options.max_points });
                    }
                    let data = contour_data(&polygon.points, start, *slice, source, decimals)?;
                    traced.push(Outline { slice: *slice, points: count, data });
                }
            }
            outlines.push(traced);
        }
        Ok(outlines)
    };
    let traced: Vec<Result<Vec<Vec<Outline>>, StructureSetError>> = planes.par_iter().map(trace).collect();
    let mut rois: Vec<Vec<Outline>> = segments.segments().iter().map(|_| Vec::new()).collect();
    for slice in traced {
        rois.iter_mut().zip(slice?).for_each(|(roi, outlines)| roi.extend(outlines));
    }
    Ok(Outlines { rois, points: points.into_inner() })
}

/// The place in the table of every label value.
fn places(segments: &SegmentTable) -> Vec<Option<usize>> {
    let mut places = vec![None; usize::from(u16::MAX) + 1];
    for (place, segment) in segments.segments().iter().enumerate() {
        places[usize::from(segment.label)] = Some(place);
    }
    places
}

/// Rows and columns of a segment in a slice.
type Box2 = [Range<usize>; 2];

/// The boxes around the segments of each slice.
fn boxes<L: Copy + Into<u16> + Sync>(
    planes: &[(usize, ArrayView2<'_, L>)],
    segments: &SegmentTable,
    place: impl Fn([usize; 3]) -> Dhw<usize> + Sync,
) -> Result<Vec<Vec<Option<Box2>>>, SegmentationError> {
    let places = places(segments);
    let boxes = planes.par_iter().map(|(slice, plane)| {
        let mut boxes: Vec<Option<Box2>> = vec![None; segments.len()];
        for ((row, column), label) in plane.indexed_iter() {
            let label: u16 = (*label).into();
            if label == 0 {
                continue;
            }
            let missing = || SegmentationError::LabelWithoutSegment { label, voxel: place([*slice, row, column]) };
            let found = &mut boxes[places[usize::from(label)].ok_or_else(missing)?];
            let [rows, columns] = found.get_or_insert([row..row, column..column]);
            rows.end = row + 1;
            *columns = columns.start.min(column)..columns.end.max(column + 1);
        }
        Ok(boxes)
    });
    // The first in order, so that the error does not depend on the threads.
    let boxes: Vec<Result<Vec<Option<Box2>>, SegmentationError>> = boxes.collect();
    boxes.into_iter().collect()
}

/// Digits after the point that place a contour exactly enough.
fn decimals(source: &SourceSeries) -> usize {
    let spacing = source.geometry().spacing();
    let rounding = ROUNDING * spacing.h.min(spacing.w);
    (DECIMALS..LONGEST_DECIMAL).find(|digits| 0.5 * 0.1_f64.powi(*digits as i32) <= rounding).unwrap_or(LONGEST_DECIMAL)
}

/// The points of a contour in LPS millimetres, on the plane of their image; `start` is the first pixel of the traced part.
fn contour_data(
    points: &[PlanePoint],
    start: [f64; 2],
    slice: usize,
    source: &SourceSeries,
    decimals: usize,
) -> Result<String, StructureSetError> {
    let first = source.slices()[slice].position;
    let ([column_step, row_step, _], _) = source.geometry().to_lps();
    let mut text = String::with_capacity(points.len() * 3 * (decimals + 5));
    for point in points {
        let (row, column) = (start[0] + point.row, start[1] + point.column);
        for axis in 0..3 {
            let number = first[axis] + column * column_step[axis] + row * row_step[axis];
            push_decimal(&mut text, number, decimals)?;
        }
    }
    text.pop();
    Ok(text)
}

/// Appends a number without superfluous zeros, and a backslash.
fn push_decimal(text: &mut String, number: f64, decimals: usize) -> Result<(), StructureSetError> {
    let start = text.len();
    // Writing to a string does not fail.
    let _ = write!(text, "{number:.decimals$}");
    let digits = text[start..].trim_end_matches('0').trim_end_matches('.').len();
    text.truncate(start + digits);
    if matches!(&text[start..], "-0" | "-" | "") {
        text.truncate(start);
        text.push('0');
    }
    if text.len() - start > LONGEST_DECIMAL {
        return Err(StructureSetError::Coordinate(number));
    }
    text.push('\\');
    Ok(())
}
