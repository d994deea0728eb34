//! Names below a picture, each beside its colour.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::label_colour;
use crate::ReportError;
use crate::charts::{ensure_font, text};
use crate::picture::Picture;

const BACKGROUND: [u8; 3] = [16, 18, 22];
const LETTERS: RGBColor = RGBColor(235, 240, 247);
/// Pixels of the letters, of a row, of the colour's square, and around a name.
const SIZE: i32 = 15;
const ROW: i32 = 22;
const SQUARE: i32 = 11;
const GAP: i32 = 14;

/// Puts names of labels below a picture of [`overlay`](super::overlay), each beside the label's colour.
///
/// # Errors
/// [`ReportError::Drawing`] if the letters cannot be drawn.
pub fn with_legend(mut picture: Picture, names: &[(u8, String)]) -> Result<Picture, ReportError> {
    if names.is_empty() || picture.width == 0 {
        return Ok(picture);
    }
    ensure_font();
    let fail = |reason: String| ReportError::drawing("a legend", reason);
    let (width, top) = (picture.width as i32, picture.height as i32);
    let mut placed = Vec::new();
    let (mut x, mut row) = (GAP, 0);
    for (label, name) in names {
        let letters = text(SIZE, LETTERS).font.box_size(name).map_or(0, |(width, _)| width as i32);
        let needed = SQUARE + 6 + letters + GAP;
        if x > GAP && x + needed > width {
            (x, row) = (GAP, row + 1);
        }
        placed.push((*label, name, x, top + row * ROW));
        x += needed;
    }
    let added = ((row + 1) * ROW + 4) as usize;
    picture.rgb.extend(BACKGROUND.repeat(picture.width * added));
    picture.height += added;
    let size = (picture.width as u32, picture.height as u32);
    let area = BitMapBackend::with_buffer(&mut picture.rgb, size).into_drawing_area();
    for (label, name, x, y) in placed {
        let [red, green, blue] = label_colour(label);
        let square = [(x, y + 6), (x + SQUARE, y + 6 + SQUARE)];
        area.draw(&Rectangle::new(square, RGBColor(red, green, blue).filled())).map_err(|e| fail(e.to_string()))?;
        let style = text(SIZE, LETTERS).pos(Pos::new(HPos::Left, VPos::Top));
        area.draw_text(name, &style, (x + SQUARE + 6, y + 3)).map_err(|e| fail(e.to_string()))?;
    }
    area.present().map_err(|e| fail(e.to_string()))?;
    drop(area);
    Ok(picture)
}
