//! Marching through the cubes between voxels.

use std::ops::Range;

use medseg_volume::Dhw;
use ndarray::ArrayView3;

use crate::SurfaceError;
use crate::cubes::{EDGES, TRIANGLES};

/// No vertex yet.
const NONE: u32 = u32::MAX;

/// Vertices in voxels, and triangles between them.
type Mesh = (Vec<Dhw<f64>>, Vec<[u32; 3]>);

/// Vertices in voxels, and triangles that run anticlockwise seen from outside where the axes i, j, k are right-handed.
pub(crate) fn march<T: PartialEq>(data: &ArrayView3<'_, T>, label: &T) -> Result<Mesh, SurfaceError> {
    let [depth, rows, columns] = bounds(data, label).ok_or(SurfaceError::Empty)?;
    // A margin of one voxel that is outside, so that the surface closes at the border.
    let (height, width) = (rows.len() + 2, columns.len() + 2);
    let cells = height * width;
    let mut lower = Layer::outside(cells);
    let (mut vertices, mut triangles) = (Vec::new(), Vec::new());
    for slice in depth.start..=depth.end {
        let mut upper = Layer::outside(cells);
        if slice < depth.end {
            for (at, row) in rows.clone().enumerate() {
                for (to, column) in columns.clone().enumerate() {
                    upper.inside[(at + 1) * width + to + 1] = data[[slice, row, column]] == *label;
                }
            }
        }
        let mut between = vec![NONE; cells];
        let first = [slice as f64 - 1.0, rows.start as f64 - 1.0, columns.start as f64 - 1.0];
        for row in 0..height - 1 {
            for column in 0..width - 1 {
                let cell = row * width + column;
                let corner = |n: usize| cell + (n & 1) + (n >> 1 & 1) * width;
                let inside = |n: usize| if n < 4 { lower.inside[corner(n)] } else { upper.inside[corner(n)] };
                let case = (0..8).fold(0, |case, n| case | usize::from(inside(n)) << n);
                for triangle in &TRIANGLES[case] {
                    let mut numbered = [NONE; 3];
                    for (number, edge) in numbered.iter_mut().zip(triangle) {
                        let [from, to] = EDGES[*edge];
                        let axis = to - from;
                        let known = match (axis, from < 4) {
                            (4, _) => &mut between[corner(from)],
                            (axis, true) => &mut lower.along[axis - 1][corner(from)],
                            (axis, false) => &mut upper.along[axis - 1][corner(from)],
                        };
                        if *known == NONE {
                            *known = u32::try_from(vertices.len()).map_err(|_| SurfaceError::Large)?;
                            if *known == NONE {
                                return Err(SurfaceError::Large);
                            }
                            let place = |bit: usize, first: f64, at: usize| {
                                let end = if from & bit > 0 { 1.0 } else { 0.0 };
                                first + at as f64 + end + if axis == bit { 0.5 } else { 0.0 }
                            };
                            vertices.push(Dhw {
                                d: place(4, first[0], 0),
                                h: place(2, first[1], row),
                                w: place(1, first[2], column),
                            });
                        }
                        *number = *known;
                    }
                    triangles.push(numbered);
                }
            }
        }
        lower = upper;
    }
    if triangles.len() > NONE as usize {
        return Err(SurfaceError::Large);
    }
    Ok((vertices, triangles))
}

/// A slice of voxels with its margin.
struct Layer {
    inside: Vec<bool>,
    /// Vertices on the way from each voxel to the next column, and to the next row.
    along: [Vec<u32>; 2],
}

impl Layer {
    fn outside(cells: usize) -> Self {
        Self { inside: vec![false; cells], along: [vec![NONE; cells], vec![NONE; cells]] }
    }
}

/// The box around the voxels with a label.
fn bounds<T: PartialEq>(data: &ArrayView3<'_, T>, label: &T) -> Option<[Range<usize>; 3]> {
    let mut bounds: Option<[Range<usize>; 3]> = None;
    for ((slice, row, column), value) in data.indexed_iter() {
        if value == label {
            let bounds = bounds.get_or_insert_with(|| [slice, row, column].map(|at| at..at + 1));
            for (range, at) in bounds.iter_mut().zip([slice, row, column]) {
                *range = range.start.min(at)..range.end.max(at + 1);
            }
        }
    }
    bounds
}
