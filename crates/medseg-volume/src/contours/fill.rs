//! From polygons to pixels.

use std::ops::Range;

use ndarray::Array2;

use super::{PlanePoint, Polygon};

/// A centre within so many pixels of a polygon's path, in each direction, lies on it: text of few digits moves paths.
pub const ON_PATH: f64 = 0.01;

/// The side to which the path of a polygon belongs, where it passes the centre of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum PathRule {
    /// A centre within [`ON_PATH`] of a path is inside, as DICOM PS3.3 C.8.8.6.3 and OpenCV have it. Tools that draw
    /// paths through the centres of boundary pixels, such as rt-utils, mean this.
    #[default]
    Inside,
    /// A centre on a path is inside if the polygon lies at higher columns, or at higher rows along a level path. So
    /// polygons that share a path never share a pixel.
    HalfOpen,
}

/// The pixels of a plane of `[rows, columns]` whose centres lie within polygons, by the rule of the [module](super).
///
/// Any polygon has a result: points may repeat, edges may cross or lie outside the plane. A polygon with a coordinate that
/// is not finite encloses nothing. The time grows with the points, the rows that edges cross, and the plane's pixels.
#[must_use]
pub fn fill_polygons(polygons: &[Polygon], shape: [usize; 2], path: PathRule) -> Array2<bool> {
    let mut fill = PlaneFill::new(shape, path);
    for polygon in polygons {
        fill.add(&polygon.points);
    }
    let mut plane = Array2::from_elem(shape, false);
    fill.finish(|row, columns| {
        for column in columns {
            plane[[row, column]] = true;
        }
    });
    plane
}

/// Polygons on the rows of a plane, by the places where they begin and end in each row.
pub(crate) struct PlaneFill {
    path: PathRule,
    /// One more than the plane's columns.
    width: usize,
    rows: usize,
    /// For each row and column, true after an odd number of crossings between the last column's centre and this one's.
    crossings: Vec<bool>,
    /// For each row and column, the paths that begin to cover centres here minus those that end.
    on_path: Vec<i32>,
    /// Rows with crossings or covered centres.
    touched: Range<usize>,
}

impl PlaneFill {
    pub fn new([rows, columns]: [usize; 2], path: PathRule) -> Self {
        let width = columns.saturating_add(1);
        let cells = rows.saturating_mul(width);
        let covered = if path == PathRule::Inside { cells } else { 0 };
        let (crossings, on_path) = (vec![false; cells], vec![0; covered]);
        Self { path, width, rows, crossings, on_path, touched: 0..0 }
    }

    /// Adds a closed polygon, combined with those before by exclusive or.
    pub fn add(&mut self, points: &[PlanePoint]) {
        if points.iter().any(|point| !point.row.is_finite() || !point.column.is_finite()) {
            return;
        }
        for (point, next) in points.iter().zip(points.iter().cycle().skip(1)) {
            // From the upper end, so that an edge crosses at the same place in both directions.
            let (upper, lower) = if point.row <= next.row { (point, next) } else { (next, point) };
            self.cross(upper, lower);
            if self.path == PathRule::Inside {
                self.cover(upper, lower);
            }
        }
    }

    /// Marks where an edge crosses the rows' centres.
    fn cross(&mut self, upper: &PlanePoint, lower: &PlanePoint) {
        let rows = first_at(upper.row, self.rows)..first_at(lower.row, self.rows);
        for row in rows.clone() {
            let column = first_at(column_at(upper, lower, row as f64), self.width);
            if column < self.width {
                self.crossings[row * self.width + column] ^= true;
            }
        }
        self.touch(rows);
    }

    /// Marks the centres that an edge passes.
    fn cover(&mut self, upper: &PlanePoint, lower: &PlanePoint) {
        let rows = first_at(upper.row - ON_PATH, self.rows)..first_after(lower.row + ON_PATH, self.rows);
        for row in rows.clone() {
            let (from, to) = (row as f64 - ON_PATH, row as f64 + ON_PATH);
            let from = if from <= upper.row { upper.column } else { column_at(upper, lower, from) };
            let to = if to >= lower.row { lower.column } else { column_at(upper, lower, to) };
            let first = first_at(from.min(to) - ON_PATH, self.width - 1);
            let end = first_after(from.max(to) + ON_PATH, self.width - 1);
            if first < end {
                // Each is at most the number of edges, and wraps back where a hostile file exceeds i32.
                let cells = &mut self.on_path[row * self.width..][..self.width];
                cells[first] = cells[first].wrapping_add(1);
                cells[end] = cells[end].wrapping_sub(1);
            }
        }
        self.touch(rows);
    }

    fn touch(&mut self, rows: Range<usize>) {
        if self.touched.is_empty() {
            self.touched = rows;
        } else if !rows.is_empty() {
            self.touched = self.touched.start.min(rows.start)..self.touched.end.max(rows.end);
        }
    }

    /// Calls `inside` with the row and the columns of every run of pixels that are inside, and begins anew.
    pub fn finish(&mut self, mut inside: impl FnMut(usize, Range<usize>)) {
        for row in self.touched.clone() {
            let cells = row * self.width..(row + 1) * self.width;
            let (mut odd, mut covering, mut start) = (false, 0_i32, None);
            for column in 0..self.width {
                odd ^= std::mem::take(&mut self.crossings[cells.start + column]);
                if let Some(begin) = self.on_path.get_mut(cells.start + column) {
                    covering = covering.wrapping_add(std::mem::take(begin));
                }
                // Beyond the last column nothing is inside.
                let now = (odd || covering != 0) && column + 1 < self.width;
                match (start, now) {
                    (None, true) => start = Some(column),
                    (Some(first), false) => {
                        inside(row, first..column);
                        start = None;
                    }
                    _ => {}
                }
            }
        }
        self.touched = 0..0;
    }
}

/// The first whole number that is not below a place, at most `end`.
fn first_at(place: f64, end: usize) -> usize {
    // The conversion saturates.
    (place.ceil().max(0.0) as usize).min(end)
}

/// The first whole number above a place, at most `end`.
fn first_after(place: f64, end: usize) -> usize {
    ((place.floor() + 1.0).max(0.0) as usize).min(end)
}

/// The column where an edge has a row between those of its ends.
fn column_at(upper: &PlanePoint, lower: &PlanePoint, row: f64) -> f64 {
    // Halved, because the difference of two finite numbers may not be finite.
    let part = (0.5 * row - 0.5 * upper.row) / (0.5 * lower.row - 0.5 * upper.row);
    (1.0 - part) * upper.column + part * lower.column
}
