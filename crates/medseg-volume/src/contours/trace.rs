//! From pixels to outlines.

use ndarray::ArrayView2;

use super::{PlanePoint, Polygon};

/// Distance in pixels from an outline to the outer faces of the pixels that it encloses.
pub const INSET: f64 = 0.125;

/// Lattice steps in a pixel: every vertex lies on a multiple of an eighth, which f64 holds exactly.
const STEPS: i64 = 8;
/// Lattice steps from a pixel's centre to an outline along its face.
const TO_EDGE: i64 = 3;
/// Lattice steps from a pixel's centre, beyond a corner that points inwards, to the outline in the next pixel.
const TO_NEXT: i64 = 5;
/// Lattice steps from a row's centre to the channels of keyholes in it; not 0, so that no channel meets a pixel's centre.
const CHANNEL: i64 = -2;

/// Encodings of holes in outlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Holes {
    /// A hole is connected with the outline around it by a channel of no width ("keyhole", DICOM PS3.3 C.8.8.6.3).
    /// Every reader fills such a polygon alike, whether it combines polygons by union or by exclusive or.
    #[default]
    Keyhole,
    /// A hole is a polygon of its own, which runs anticlockwise; readers must combine polygons by exclusive or.
    ExclusiveOr,
}

/// Traces the outlines of the pixels that have a value, sorted by their first pixel.
#[must_use]
pub fn trace_contours<T: PartialEq>(plane: &ArrayView2<'_, T>, value: &T, holes: Holes) -> Vec<Polygon> {
    let Some(mut grid) = Grid::around(plane, value) else { return Vec::new() };
    let traced = grid.trace_all();
    let channels: Vec<usize> = traced.iter().filter_map(|outline| outline.hole).collect();
    if holes == Holes::ExclusiveOr || channels.is_empty() {
        return traced.into_iter().map(|outline| outline.polygon).collect();
    }
    grid.dig(&channels);
    grid.trace_all().into_iter().map(|outline| outline.polygon).collect()
}

/// The pixel belongs to the mask.
const INSIDE: u8 = 1;
/// The upper face was passed.
const PASSED: u8 = 2;
/// The pixel's left face is where a channel ends.
const LEFT_END: u8 = 4;
/// The pixel's right face is where a channel ends.
const RIGHT_END: u8 = 8;

/// Faces of a pixel in the order in which an outline passes them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Face {
    Upper,
    Right,
    Lower,
    Left,
}

impl Face {
    fn after(self) -> Self {
        match self {
            Self::Upper => Self::Right,
            Self::Right => Self::Lower,
            Self::Lower => Self::Left,
            Self::Left => Self::Upper,
        }
    }

    fn before(self) -> Self {
        self.after().after().after()
    }

    /// The direction from the pixel's centre through the face, `[row, column]`.
    fn outward(self) -> [i64; 2] {
        match self {
            Self::Upper => [-1, 0],
            Self::Right => [0, 1],
            Self::Lower => [1, 0],
            Self::Left => [0, -1],
        }
    }

    /// The direction in which an outline passes the face, `[row, column]`.
    fn along(self) -> [i64; 2] {
        self.after().outward()
    }
}

/// The box around the pixels of the mask, with a margin of one pixel that is outside.
struct Grid {
    /// Row and column of the plane at the grid's first cell.
    first: [i64; 2],
    width: usize,
    cells: Vec<u8>,
}

struct Outline {
    polygon: Polygon,
    /// The pixel left of a hole's first one, if the outline is a hole's.
    hole: Option<usize>,
}

impl Grid {
    /// The grid of the pixels that have a value; `None` if none has.
    fn around<T: PartialEq>(plane: &ArrayView2<'_, T>, value: &T) -> Option<Self> {
        let (mut rows, mut columns) = ([usize::MAX, 0], [usize::MAX, 0]);
        for ((row, column), found) in plane.indexed_iter() {
            if found == value {
                rows = [rows[0].min(row), rows[1].max(row)];
                columns = [columns[0].min(column), columns[1].max(column)];
            }
        }
        if rows[0] > rows[1] {
            return None;
        }
        let (height, width) = (rows[1] - rows[0] + 3, columns[1] - columns[0] + 3);
        let mut cells = vec![0; height * width];
        for row in rows[0]..=rows[1] {
            for column in columns[0]..=columns[1] {
                if plane[[row, column]] == *value {
                    cells[(row - rows[0] + 1) * width + column - columns[0] + 1] = INSIDE;
                }
            }
        }
        Some(Self { first: [rows[0] as i64 - 1, columns[0] as i64 - 1], width, cells })
    }

    fn is_inside(&self, cell: usize) -> bool {
        self.cells[cell] & INSIDE != 0
    }

    /// The neighbour of a cell that is no margin.
    fn neighbour(&self, cell: usize, [row, column]: [i64; 2]) -> usize {
        let at = cell as i64 + row * self.width as i64 + column;
        at as usize
    }

    /// Marks the ends of the channels that lead to the left from holes to the outlines around them.
    ///
    /// A hole's first row begins at its pixel right of `last`. The run of pixels that ends with `last` begins at another
    /// outline: beyond it lies a hole with an earlier first pixel, or the outside. So channels never form a ring.
    fn dig(&mut self, last: &[usize]) {
        for &right in last {
            let mut left = right;
            while self.is_inside(left - 1) {
                left -= 1;
            }
            self.cells[left] |= LEFT_END;
            self.cells[right] |= RIGHT_END;
        }
        for cell in &mut self.cells {
            *cell &= !PASSED;
        }
    }

    /// Traces every outline.
    fn trace_all(&mut self) -> Vec<Outline> {
        let mut outlines = Vec::new();
        for cell in self.width..self.cells.len() {
            let fresh = self.cells[cell] & (INSIDE | PASSED) == INSIDE;
            if fresh && !self.is_inside(cell - self.width) {
                outlines.push(self.trace(cell));
            }
        }
        outlines
    }

    /// Traces the outline that passes the upper face of a pixel.
    fn trace(&mut self, start: usize) -> Outline {
        let mut points = Vec::new();
        let (mut cell, mut face) = (start, Face::Upper);
        // Quarter turns to the right minus those to the left: 4 around pixels, -4 around a hole.
        let mut turns = 0_i64;
        let mut before_hole = usize::MAX;
        loop {
            match face {
                Face::Upper => self.cells[cell] |= PASSED,
                Face::Right => before_hole = before_hole.min(cell),
                Face::Lower | Face::Left => {}
            }
            if let Some(end) = self.channel_end(cell, face) {
                points.push(self.point(cell, [CHANNEL, TO_EDGE * face.outward()[1]]));
                (cell, face) = (end, face.after().after());
                points.push(self.point(cell, [CHANNEL, TO_EDGE * face.outward()[1]]));
            }
            let (along, outward) = (face.along(), face.outward());
            let ahead = self.neighbour(cell, along);
            let beyond = self.neighbour(ahead, outward);
            let vertex = |forward: i64| std::array::from_fn(|axis| forward * along[axis] + TO_EDGE * outward[axis]);
            if !self.is_inside(ahead) {
                points.push(self.point(cell, vertex(TO_EDGE)));
                face = face.after();
                turns += 1;
            } else if !self.is_inside(beyond) {
                cell = ahead;
            } else {
                points.push(self.point(cell, vertex(TO_NEXT)));
                (cell, face) = (beyond, face.before());
                turns -= 1;
            }
            if (cell, face) == (start, Face::Upper) {
                break;
            }
        }
        Outline { polygon: Polygon { points }, hole: (turns < 0).then_some(before_hole) }
    }

    /// The pixel at the other end of a channel that begins at a face.
    fn channel_end(&self, cell: usize, face: Face) -> Option<usize> {
        let (begin, end, step) = match face {
            Face::Left => (LEFT_END, RIGHT_END, [0, 1]),
            Face::Right => (RIGHT_END, LEFT_END, [0, -1]),
            Face::Upper | Face::Lower => return None,
        };
        if self.cells[cell] & begin == 0 {
            return None;
        }
        let mut other = cell;
        while self.cells[other] & end == 0 {
            other = self.neighbour(other, step);
        }
        Some(other)
    }

    /// The place a few lattice steps from a pixel's centre.
    fn point(&self, cell: usize, steps: [i64; 2]) -> PlanePoint {
        let [first_row, first_column] = self.first;
        let place = |pixel: i64, steps: i64| (STEPS * pixel + steps) as f64 / STEPS as f64;
        PlanePoint {
            row: place(first_row + (cell / self.width) as i64, steps[0]),
            column: place(first_column + (cell % self.width) as i64, steps[1]),
        }
    }
}
