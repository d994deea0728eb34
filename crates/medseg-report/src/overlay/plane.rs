//! One plane of a volume as a square picture.

use ndarray::{ArrayView2, ArrayView3, Axis};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::contour::draw_contours;
use super::view::View;
use super::{PANEL, REFERENCE};
use crate::ReportError;
use crate::charts::{ensure_font, text};
use crate::picture::Picture;

const NAMES: [&str; 3] = ["axial", "coronal", "sagittal"];
/// Directions to the left, right, top and bottom of each plane.
const SIDES: [[&str; 4]; 3] = [["R", "L", "A", "P"], ["R", "L", "S", "I"], ["A", "P", "S", "I"]];
const LETTERS: RGBColor = RGBColor(235, 240, 247);
/// Outside the volume, and between planes.
const OUTSIDE: [u8; 3] = [16, 18, 22];
/// Pixels of the contours; the reference's is broader, so that it shows beside the prediction's. The narrower one covers whole
/// pixels wherever it lies: mixed half and half the two colours are grey.
const REFERENCE_WIDTH: f32 = 5.2;
const PREDICTION_WIDTH: f32 = 2.2;

/// Map from a plane's pixels to its voxels.
pub(super) struct Pixels {
    /// Pixels of the side.
    pub side: usize,
    /// Voxels a pixel, along rows and columns.
    step: [f64; 2],
    /// Voxel coordinates of the first pixel's centre; whole numbers are voxel centres.
    origin: [f64; 2],
}

impl Pixels {
    /// Voxel coordinates of a pixel.
    pub fn voxel(&self, row: f64, column: f64) -> [f64; 2] {
        [self.origin[0] + row * self.step[0], self.origin[1] + column * self.step[1]]
    }
}

/// A plane and everything drawn on it.
pub(super) struct Plane<'a> {
    axis: usize,
    side_mm: f64,
    pixels: Pixels,
    image: ArrayView2<'a, f32>,
    prediction: ArrayView2<'a, u8>,
    reference: Option<ArrayView2<'a, u8>>,
}

impl<'a> Plane<'a> {
    /// The plane of `view` across an axis of volumes that are oriented LPI.
    pub fn new(
        axis: usize,
        view: &View,
        image: &ArrayView3<'a, f32>,
        prediction: &ArrayView3<'a, u8>,
        reference: Option<&ArrayView3<'a, u8>>,
        spacing: [f64; 3],
    ) -> Self {
        let axes = [usize::from(axis == 0), if axis == 2 { 1 } else { 2 }];
        let pixel_mm = view.side_mm / PANEL as f64;
        let pixels = Pixels {
            side: PANEL,
            step: axes.map(|a| pixel_mm / spacing[a]),
            origin: axes.map(|a| (view.start_mm[a] + pixel_mm / 2.0) / spacing[a] - 0.5),
        };
        let at = view.index[axis];
        Self {
            axis,
            side_mm: view.side_mm,
            pixels,
            image: (*image).index_axis_move(Axis(axis), at),
            prediction: (*prediction).index_axis_move(Axis(axis), at),
            reference: reference.map(|r| (*r).index_axis_move(Axis(axis), at)),
        }
    }

    /// Draws image, contours, letters and scale bar; `colour` is that of the prediction's labels.
    pub fn draw(&self, window: [f32; 2], colour: fn(u8) -> [u8; 3]) -> Result<Picture, ReportError> {
        let mut picture = Picture::filled(PANEL, PANEL, OUTSIDE);
        self.draw_image(&mut picture, window);
        if let Some(reference) = &self.reference {
            draw_contours(&mut picture, reference, &self.pixels, |_| REFERENCE, REFERENCE_WIDTH);
        }
        draw_contours(&mut picture, &self.prediction, &self.pixels, colour, PREDICTION_WIDTH);
        self.annotate(&mut picture)
            .map_err(|reason| ReportError::drawing(format!("the letters of a {} plane", NAMES[self.axis]), reason))?;
        for row in 0..PANEL {
            picture.blend(row, PANEL - 1, OUTSIDE, 1.0);
            picture.blend(row, 0, OUTSIDE, 1.0);
        }
        Ok(picture)
    }

    /// The image, interpolated linearly; a NaN voxel is black.
    fn draw_image(&self, picture: &mut Picture, window: [f32; 2]) {
        let (rows, columns) = self.image.dim();
        let grey = |row: usize, column: usize| {
            let v = self.image[[row, column]];
            let v = if v.is_nan() { window[0] } else { v };
            ((v - window[0]) / (window[1] - window[0])).clamp(0.0, 1.0) * 255.0
        };
        for y in 0..PANEL {
            for x in 0..PANEL {
                let [row, column] = self.pixels.voxel(y as f64, x as f64);
                if !inside(row, rows) || !inside(column, columns) {
                    continue;
                }
                let (r, down) = neighbours(row, rows);
                let (c, right) = neighbours(column, columns);
                let top = grey(r[0], c[0]) * (1.0 - right) + grey(r[0], c[1]) * right;
                let bottom = grey(r[1], c[0]) * (1.0 - right) + grey(r[1], c[1]) * right;
                picture.blend(y, x, [(top * (1.0 - down) + bottom * down).round() as u8; 3], 1.0);
            }
        }
    }

    /// Writes the plane's name, the letters of the directions and a bar of a round number of millimetres.
    fn annotate(&self, picture: &mut Picture) -> Result<(), String> {
        ensure_font();
        let side = PANEL as i32;
        let size = (PANEL as u32, PANEL as u32);
        let bar_mm = [100.0, 50.0, 20.0, 10.0, 5.0, 2.0, 1.0].into_iter().find(|mm| *mm <= self.side_mm / 3.0);
        let bar_mm = bar_mm.unwrap_or(0.5);
        let bar = (bar_mm / self.side_mm * f64::from(side)).round() as i32;
        let area = BitMapBackend::with_buffer(&mut picture.rgb, size).into_drawing_area();
        let write = |words: &str, size: i32, (h, v): (HPos, VPos), at: (i32, i32)| {
            // A dark copy below keeps the letters readable on bright tissue.
            let dark = text(size, BLACK).pos(Pos::new(h, v));
            let bright = text(size, LETTERS).pos(Pos::new(h, v));
            area.draw_text(words, &dark, (at.0 + 1, at.1 + 1)).map_err(|e| e.to_string())?;
            area.draw_text(words, &bright, at).map_err(|e| e.to_string())
        };
        let [left, right, upper, lower] = SIDES[self.axis];
        write(NAMES[self.axis], 17, (HPos::Left, VPos::Top), (8, 6))?;
        write(left, 19, (HPos::Left, VPos::Center), (7, side / 2))?;
        write(right, 19, (HPos::Right, VPos::Center), (side - 8, side / 2))?;
        write(upper, 19, (HPos::Center, VPos::Top), (side / 2, 6))?;
        write(lower, 19, (HPos::Center, VPos::Bottom), (side / 2, side - 8))?;
        write(&format!("{bar_mm} mm"), 14, (HPos::Left, VPos::Bottom), (10, side - 16))?;
        let line = |shift: i32, colour: RGBColor| {
            Rectangle::new([(10, side - 12 + shift), (10 + bar, side - 10 + shift)], colour.filled())
        };
        area.draw(&line(1, BLACK)).and_then(|()| area.draw(&line(0, LETTERS))).map_err(|e| e.to_string())?;
        area.present().map_err(|e| e.to_string())
    }
}

/// True if a coordinate lies on one of `length` voxels.
fn inside(at: f64, length: usize) -> bool {
    (-0.5..length as f64 - 0.5).contains(&at)
}

/// The voxels on both sides of a coordinate and the second one's share.
fn neighbours(at: f64, length: usize) -> ([usize; 2], f32) {
    let at = at.clamp(0.0, (length - 1) as f64);
    let low = at.floor() as usize;
    ([low, (low + 1).min(length - 1)], at.fract() as f32)
}
