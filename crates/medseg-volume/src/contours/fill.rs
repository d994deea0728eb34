//! From polygons to pixels.

use std::ops::Range;

use ndarray::Array2;

use super::{PlanePoint, Polygon};

/// The pixels of a plane of `[rows, columns]` whose centres lie within polygons, by the rule of the [module](super).
///
/// Any polygon has a result: points may repeat, edges may cross or lie outside the plane. A polygon with a coordinate that
/// is not finite encloses nothing. The time grows with the points, the rows that edges cross, and the plane's pixels.
#[must_use]
pub fn fill_polygons(polygons: &[Polygon], shape: [usize; 2]) -> Array2<bool> {
    let mut fill = PlaneFill::new(shape);
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

/// Edges that cross the rows of a plane: each changes inside and outside from a column on.
pub(crate) struct PlaneFill {
    columns: usize,
    /// For each row and column, true after an odd number of crossings between the last column's centre and this one's.
    crossings: Vec<bool>,
    /// Rows with crossings.
    rows: Range<usize>,
}

impl PlaneFill {
    pub fn new([rows, columns]: [usize; 2]) -> Self {
        Self { columns, crossings: vec![false; rows.saturating_mul(columns)], rows: usize::MAX..0 }
    }

    /// Adds a closed polygon, combined with those before by exclusive or.
    pub fn add(&mut self, points: &[PlanePoint]) {
        if points.iter().any(|point| !point.row.is_finite() || !point.column.is_finite()) {
            return;
        }
        for (point, next) in points.iter().zip(points.iter().cycle().skip(1)) {
            self.add_edge(*point, *next);
        }
    }

    fn add_edge(&mut self, a: PlanePoint, b: PlanePoint) {
        if self.columns == 0 {
            return;
        }
        // From the upper end, so that an edge crosses at the same place in both directions.
        let (upper, lower) = if a.row <= b.row { (a, b) } else { (b, a) };
        // Conversions saturate, and a row that is outside is none.
        let rows = self.crossings.len() / self.columns;
        let first = (upper.row.ceil().max(0.0) as usize).min(rows);
        let end = (lower.row.ceil().max(0.0) as usize).min(rows);
        for row in first..end {
            // Halved, because the difference of two finite numbers may not be.
            let from_upper = 0.5 * row as f64 - 0.5 * upper.row;
            let part = from_upper / (0.5 * lower.row - 0.5 * upper.row);
            let column = (1.0 - part) * upper.column + part * lower.column;
            let column = column.ceil().max(0.0) as usize;
            if column < self.columns {
                self.crossings[row * self.columns + column] ^= true;
            }
        }
        if first < end {
            self.rows = self.rows.start.min(first)..self.rows.end.max(end);
        }
    }

    /// Calls `inside` with the row and the columns of every run of pixels that are inside, and begins anew.
    pub fn finish(&mut self, mut inside: impl FnMut(usize, Range<usize>)) {
        for row in self.rows.clone() {
            let crossings = &mut self.crossings[row * self.columns..(row + 1) * self.columns];
            let mut start = None;
            for (column, crossed) in crossings.iter_mut().enumerate() {
                if std::mem::take(crossed) {
                    start = match start {
                        None => Some(column),
                        Some(start) => {
                            inside(row, start..column);
                            None
                        }
                    };
                }
            }
            if let Some(start) = start {
                inside(row, start..self.columns);
            }
        }
        self.rows = usize::MAX..0;
    }
}
