//! Smooth outlines of a label, drawn with soft edges.

use ndarray::{Array2, ArrayView2};

use super::plane::Pixels;
use crate::picture::Picture;

/// Draws where the linearly interpolated mask of every label value passes one half: the voxels' outline with its corners
/// cut, at most half a voxel from it.
pub(super) fn draw_contours(
    picture: &mut Picture,
    mask: &ArrayView2<'_, u8>,
    pixels: &Pixels,
    colour: fn(u8) -> [u8; 3],
    width: f32,
) {
    let mut values: Vec<u8> = mask.iter().copied().filter(|v| *v != 0).collect();
    values.sort_unstable();
    values.dedup();
    for value in values {
        let field = field(mask, value, pixels);
        for row in 0..picture.height {
            for column in 0..picture.width {
                let share = (width / 2.0 + 0.5 - distance(&field, row, column)).clamp(0.0, 1.0);
                if share > 0.0 {
                    picture.blend(row, column, colour(value), share);
                }
            }
        }
    }
}

/// The interpolated mask at every pixel's centre with a rim of one pixel; background outside the volume.
fn field(mask: &ArrayView2<'_, u8>, value: u8, pixels: &Pixels) -> Array2<f32> {
    let (rows, columns) = mask.dim();
    let at = |row: isize, column: isize| {
        let inside = (0..rows as isize).contains(&row) && (0..columns as isize).contains(&column);
        f32::from(u8::from(inside && mask[[row as usize, column as usize]] == value))
    };
    let side = pixels.side + 2;
    Array2::from_shape_fn((side, side), |(y, x)| {
        let [row, column] = pixels.voxel(y as f64 - 1.0, x as f64 - 1.0);
        let (low_row, low_column) = (row.floor(), column.floor());
        let (down, right) = ((row - low_row) as f32, (column - low_column) as f32);
        let (r, c) = (low_row as isize, low_column as isize);
        let top = at(r, c) * (1.0 - right) + at(r, c + 1) * right;
        let bottom = at(r + 1, c) * (1.0 - right) + at(r + 1, c + 1) * right;
        top * (1.0 - down) + bottom * down
    })
}

/// Pixels from the field's level of one half, by its slope there; infinite where it is flat.
fn distance(field: &Array2<f32>, row: usize, column: usize) -> f32 {
    let (y, x) = (row + 1, column + 1);
    let slope_y = (field[[y + 1, x]] - field[[y - 1, x]]) / 2.0;
    let slope_x = (field[[y, x + 1]] - field[[y, x - 1]]) / 2.0;
    let slope = slope_y.hypot(slope_x);
    if slope < 1e-3 { f32::INFINITY } else { (field[[y, x]] - 0.5).abs() / slope }
}
