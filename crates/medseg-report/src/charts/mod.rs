//! Charts as SVG and PNG: drawn once, for any of Plotters' backends, with a font of their own.

mod boxes;
mod curves;
mod paired;

use std::sync::Once;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

pub use boxes::{BoxPlot, Group};
pub use curves::{StageCurves, curves_png, curves_svg};
pub use paired::PairedPlot;

use crate::ReportError;
use crate::picture::Picture;

/// The colours of series, in order; colour-blind readers can distinguish them (Okabe and Ito).
pub(crate) const SERIES: [RGBColor; 5] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
];
/// Grid lines.
const GRID: RGBColor = RGBColor(221, 225, 231);
/// Axes and ticks.
const AXIS: RGBColor = RGBColor(110, 118, 130);
/// Text.
const INK: RGBColor = RGBColor(28, 35, 48);
const FONT: &str = "sans-serif";

/// A picture that is drawn on an area of pixels.
pub trait Chart {
    /// Draws on all of the area.
    ///
    /// # Errors
    /// The message of the backend.
    fn draw<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>) -> Result<(), String>;

    /// Names the chart in errors.
    fn name(&self) -> String;

    /// The chart as an SVG document of this width and height in pixels.
    ///
    /// # Errors
    /// [`ReportError::Drawing`] if it cannot be laid out.
    fn svg(&self, size: (u32, u32)) -> Result<String, ReportError> {
        let mut text = String::new();
        draw_on(self, &SVGBackend::with_string(&mut text, size).into_drawing_area())?;
        Ok(text)
    }

    /// The chart as the bytes of a PNG file of this width and height.
    ///
    /// # Errors
    /// [`ReportError::Drawing`] if it cannot be laid out or encoded.
    fn png(&self, size: (u32, u32)) -> Result<Vec<u8>, ReportError> {
        let mut picture = Picture::filled(size.0 as usize, size.1 as usize, [255; 3]);
        draw_on(self, &BitMapBackend::with_buffer(&mut picture.rgb, size).into_drawing_area())?;
        picture.png()
    }
}

fn draw_on<C: Chart + ?Sized, DB: DrawingBackend>(chart: &C, area: &DrawingArea<DB, Shift>) -> Result<(), ReportError> {
    ensure_font();
    let draw = || -> Result<(), String> {
        area.fill(&WHITE).map_err(|e| e.to_string())?;
        chart.draw(area)?;
        area.present().map_err(|e| e.to_string())
    };
    draw().map_err(|reason| ReportError::drawing(chart.name(), reason))
}

/// Makes the font known that measures and draws every text.
pub(crate) fn ensure_font() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // It can only fail on bytes that are no font.
        let _ = register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    });
}

/// Text of this size in the charts' font.
pub(crate) fn text(size: i32, colour: RGBColor) -> TextStyle<'static> {
    (FONT, size).into_font().color(&colour)
}

/// A value range with a margin on both sides; a single value is centred, and nothing gives 0 to 1.
fn padded_range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return (0.0, 1.0);
    }
    let margin = if high > low { 0.06 * (high - low) } else { low.abs().max(1e-6) * 0.5 };
    (low - margin, high + margin)
}

/// A short number for an axis label.
fn tick(value: f64) -> String {
    let size = value.abs();
    if size < 1e-12 {
        "0".into()
    } else if !(1e-3..1e4).contains(&size) {
        format!("{value:.1e}")
    } else {
        let text = format!(
            "{value:.*}",
            if size < 0.1 {
                4
            } else if size < 10.0 {
                3
            } else {
                1
            }
        );
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_gets_a_range_around_it() {
        let (low, high) = padded_range([0.3, 0.3].into_iter());
        assert!(low < 0.3 && 0.3 < high);
        assert_eq!(padded_range(std::iter::empty()), (0.0, 1.0));
    }

    #[test]
    fn ticks_are_short() {
        assert_eq!(
            [0.0, 0.85, 0.004, 12.5, 100.0, 2.0, 3.2e-5].map(tick),
            ["0", "0.85", "0.004", "12.5", "100", "2", "3.2e-5"]
        );
    }
}
