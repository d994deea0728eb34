//! `curves.svg` and `curves.png`: loss, learning rate and validation Dice over the epochs.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::{AXIS, Chart, GRID, INK, SERIES, padded_range, text, tick};
use crate::EpochRecord;
use crate::ReportError;

const SIZE: (u32, u32) = (900, 780);
const MOST_EPOCH_LABELS: usize = 10;
/// Above this many epochs a line has no dots.
const MOST_DOTS: usize = 60;

/// The curves of one stage: `(epoch, value)` pairs, epochs counted from 1.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct StageCurves {
    /// The stage's name.
    pub stage: String,
    /// Trained epochs.
    pub epochs: usize,
    /// The epoch whose weights are used, which is marked.
    pub best_epoch: Option<usize>,
    /// Mean training loss.
    pub loss: Vec<(f64, f64)>,
    /// Mean validation Dice of the epochs that were validated.
    pub dice: Vec<(f64, f64)>,
    /// Learning rate.
    pub lr: Vec<(f64, f64)>,
}

impl StageCurves {
    pub(crate) fn of(stage: &str, history: &[EpochRecord]) -> Self {
        let of = |f: fn(&EpochRecord) -> Option<f64>| -> Vec<(f64, f64)> {
            history.iter().filter_map(|r| Some((r.epoch as f64, f(r)?))).collect()
        };
        Self {
            stage: stage.to_string(),
            epochs: history.last().map_or(0, |r| r.epoch),
            best_epoch: None,
            loss: of(|r| Some(r.loss)),
            dice: of(|r| r.validation_dice),
            lr: of(|r| Some(r.lr)),
        }
    }

    /// The three panels, each of them a chart.
    pub(crate) fn panels(&self) -> [Panel<'_>; 3] {
        let panel = |title, points, colour| Panel {
            title: format!("{}: {title}", self.stage.replace('_', "-")),
            points,
            epochs: self.epochs,
            marked: self.best_epoch,
            colour,
        };
        [
            panel("training loss", &self.loss, SERIES[0]),
            panel("validation Dice", &self.dice, SERIES[2]),
            panel("learning rate", &self.lr, SERIES[1]),
        ]
    }
}

impl Chart for StageCurves {
    fn draw<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>) -> Result<(), String> {
        if self.epochs == 0 {
            return Err("no epoch has been trained".into());
        }
        let areas = area.split_evenly((3, 1));
        areas.iter().zip(self.panels()).try_for_each(|(area, panel)| panel.draw(area))
    }

    fn name(&self) -> String {
        format!("curves of stage {}", self.stage)
    }
}

/// Draws the history of one stage as an SVG of three panels that share the epoch axis.
///
/// # Errors
/// [`ReportError::Drawing`] if the history is empty or the chart cannot be laid out.
pub fn curves_svg(stage: &str, history: &[EpochRecord]) -> Result<String, ReportError> {
    StageCurves::of(stage, history).svg(SIZE)
}

/// The same chart as the bytes of a PNG file.
///
/// # Errors
/// As [`curves_svg`].
pub fn curves_png(stage: &str, history: &[EpochRecord]) -> Result<Vec<u8>, ReportError> {
    StageCurves::of(stage, history).png(SIZE)
}

/// One value over the epochs.
pub(crate) struct Panel<'a> {
    title: String,
    points: &'a [(f64, f64)],
    epochs: usize,
    marked: Option<usize>,
    colour: RGBColor,
}

impl Chart for Panel<'_> {
    fn draw<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>) -> Result<(), String> {
        // A line is broken where a value is not finite.
        let finite = || self.points.iter().copied().filter(|p| p.1.is_finite());
        let (low, high) = padded_range(finite().map(|p| p.1));
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, text(17, INK))
            .margin(8)
            .margin_right(18)
            .x_label_area_size(38)
            .y_label_area_size(62)
            .build_cartesian_2d(0.5..self.epochs as f64 + 0.5, low..high)
            .map_err(|e| e.to_string())?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(AXIS)
            .label_style(text(13, INK))
            .axis_desc_style(text(13, INK))
            .x_desc("epoch")
            .x_labels(self.epochs.min(MOST_EPOCH_LABELS))
            .y_labels(6)
            .x_label_formatter(&|x| epoch_tick(*x))
            .y_label_formatter(&|y| tick(*y))
            .draw()
            .map_err(|e| e.to_string())?;
        if let Some(epoch) = self.marked {
            let line = [(epoch as f64, low), (epoch as f64, high)];
            chart.draw_series(DashedLineSeries::new(line, 4, 4, AXIS.stroke_width(1))).map_err(|e| e.to_string())?;
        }
        for run in self.points.split(|p| !p.1.is_finite()) {
            let line = LineSeries::new(run.iter().copied(), self.colour.stroke_width(2));
            chart.draw_series(line).map_err(|e| e.to_string())?;
        }
        if self.points.len() <= MOST_DOTS {
            let dots = finite().map(|p| Circle::new(p, 3, self.colour.filled()));
            chart.draw_series(dots).map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    fn name(&self) -> String {
        self.title.clone()
    }
}

/// A whole epoch; nothing for a grid line between two.
fn epoch_tick(x: f64) -> String {
    if (x - x.round()).abs() < 1e-6 { format!("{x:.0}") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(epoch: usize, loss: f64, dice: Option<f64>) -> EpochRecord {
        EpochRecord { epoch, lr: 0.01, loss, validation_dice: dice, ..EpochRecord::default() }
    }

    #[test]
    fn draws_every_epoch_and_skips_what_is_not_finite() {
        let history = [record(1, 0.9, None), record(2, f64::NAN, Some(0.5)), record(3, 0.2, Some(0.8))];
        let svg = curves_svg("fine", &history).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        assert!(svg.contains("fine: training loss"));
        assert_eq!(svg.matches("<circle").count(), 2 + 2 + 3);
        assert!(!svg.contains("NaN"));
    }

    #[test]
    fn the_png_shows_the_curve_and_text() {
        let history = [record(1, 0.9, Some(0.1)), record(2, 0.4, Some(0.5))];
        let bytes = curves_png("fine", &history).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut rgb).unwrap();
        assert_eq!((reader.info().width, reader.info().height), SIZE);
        let count = |colour: RGBColor| rgb.chunks_exact(3).filter(|p| **p == [colour.0, colour.1, colour.2]).count();
        assert!(SERIES[..3].iter().all(|c| count(*c) > 200), "the three lines");
        // The caption's thin strokes are hardly ever of the full colour.
        let caption = &rgb[..28 * 3 * SIZE.0 as usize];
        assert!(caption.chunks_exact(3).filter(|p| p.iter().all(|c| *c < 128)).count() > 50, "text");
    }

    /// Labels of the epoch axis in the panel of the loss: the texts of digits alone.
    fn epoch_labels(svg: &str) -> Vec<usize> {
        let panel = svg.split("validation Dice").next().unwrap();
        let below_the_axis = panel.rsplit("text-anchor=\"middle\"").collect::<Vec<_>>();
        let mut labels: Vec<usize> = below_the_axis
            .iter()
            .filter_map(|part| part.split_once('>')?.1.split('<').next()?.trim().parse().ok())
            .collect();
        labels.reverse();
        labels
    }

    #[test]
    fn the_axis_names_each_epoch_at_most_once() {
        for epochs in [1, 2, 3, 4, 5, 7, 8, 12, 19, 35, 100] {
            let history: Vec<_> = (1..=epochs).map(|epoch| record(epoch, 1.0 / epoch as f64, None)).collect();
            let labels = epoch_labels(&curves_svg("fine", &history).unwrap());
            assert!(!labels.is_empty() && labels.is_sorted_by(|a, b| a < b), "{epochs} epochs: {labels:?}");
            assert!(labels.iter().all(|epoch| (1..=epochs).contains(epoch)), "{epochs} epochs: {labels:?}");
        }
    }

    #[test]
    fn an_empty_history_is_an_error_that_names_the_stage() {
        assert!(curves_svg("coarse", &[]).unwrap_err().to_string().contains("coarse"));
    }
}
