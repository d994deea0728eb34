//! The contours of a mask's segments in patient space, as the text of a file.

use std::fmt::Write;
use std::ops::Range;

use ndarray::{ArrayView2, ArrayView3, Axis, s};
use rayon::prelude::*;

use super::{StructureSetError, WriteStructureSetOptions};
use crate::Dhw;
use crate::contours::{PlanePoint, trace_contours};
use crate::dicom::SourceSeries;
use crate::segments::SegmentTable;

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

/// Traces the segments of a mask on the series' grid.
pub(super) fn outlines<L: Copy + Into<u16> + Sync>(
    labels: &ArrayView3<'_, L>,
    segments: &SegmentTable,
    source: &SourceSeries,
    options: &WriteStructureSetOptions,
) -> Result<Outlines, StructureSetError> {
    let places = places(segments);
    let decimals = decimals(source);
    let slices: Vec<(usize, ArrayView2<'_, L>)> = labels.axis_iter(Axis(0)).enumerate().collect();
    let traced = slices.into_par_iter().map(|(slice, plane)| {
        let boxes = boxes(slice, &plane, segments.len(), &places)?;
        let mut outlines = Vec::new();
        for (place, segment) in segments.segments().iter().enumerate() {
            let Some([rows, columns]) = boxes[place].clone() else { continue };
            let start = [rows.start as f64, columns.start as f64];
            let part = plane.slice(s![rows, columns]).map(|label| -> u16 { (*label).into() });
            for polygon in trace_contours(&part.view(), &segment.label, options.holes) {
                let data = contour_data(&polygon.points, start, slice, source, decimals)?;
                outlines.push((place, Outline { slice, points: polygon.points.len(), data }));
            }
        }
        Ok(outlines)
    });
    // The first in order, so that the error does not depend on the threads.
    let traced: Vec<Result<Vec<(usize, Outline)>, StructureSetError>> = traced.collect();
    let mut outlines = Outlines { rois: segments.segments().iter().map(|_| Vec::new()).collect(), points: 0 };
    for slice in traced {
        for (place, outline) in slice? {
            outlines.points += outline.points as u64;
            outlines.rois[place].push(outline);
        }
    }
    if outlines.points > options.max_points {
        return Err(StructureSetError::ManyPoints { points: outlines.points, limit: options.max_points });
    }
    Ok(outlines)
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

/// The boxes around the segments of a slice.
fn boxes<L: Copy + Into<u16>>(
    slice: usize,
    plane: &ArrayView2<'_, L>,
    segments: usize,
    places: &[Option<usize>],
) -> Result<Vec<Option<Box2>>, StructureSetError> {
    let mut boxes: Vec<Option<Box2>> = vec![None; segments];
    for ((row, column), label) in plane.indexed_iter() {
        let label: u16 = (*label).into();
        if label == 0 {
            continue;
        }
        let missing = || StructureSetError::LabelWithoutSegment { label, voxel: Dhw { d: slice, h: row, w: column } };
        let found = &mut boxes[places[usize::from(label)].ok_or_else(missing)?];
        let [rows, columns] = found.get_or_insert([row..row, column..column]);
        rows.end = row + 1;
        *columns = columns.start.min(column)..columns.end.max(column + 1);
    }
    Ok(boxes)
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
