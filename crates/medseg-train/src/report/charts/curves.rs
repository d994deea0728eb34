//! `curves.svg`: loss, learning rate and validation Dice over the epochs.

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::TrainError;
use crate::stage::EpochRecord;

const WIDTH: u32 = 900;
const HEIGHT: u32 = 780;
const MOST_EPOCH_LABELS: usize = 12;

/// Draws the history of one stage as an SVG of three panels that share the epoch axis.
///
/// # Errors
/// [`TrainError::Drawing`] if the history is empty or the chart cannot be laid out.
pub fn curves_svg(stage: &str, history: &[EpochRecord]) -> Result<String, TrainError> {
    let fail = |reason: String| TrainError::Drawing { what: format!("curves of stage {stage}"), reason };
    let last = history.last().ok_or_else(|| fail("no epoch has been trained".into()))?.epoch;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
        root.fill(&WHITE).map_err(|e| fail(e.to_string()))?;
        let panels = root.split_evenly((3, 1));
        let of = |f: fn(&EpochRecord) -> Option<f64>| -> Vec<(f64, f64)> {
            history.iter().filter_map(|r| Some((r.epoch as f64, f(r)?))).filter(|p| p.1.is_finite()).collect()
        };
        let curves = [
            (format!("{stage}: training loss"), of(|r| Some(r.loss)), RGBColor(31, 119, 180)),
            (format!("{stage}: validation Dice"), of(|r| r.validation_dice), RGBColor(44, 130, 60)),
            (format!("{stage}: learning rate"), of(|r| Some(r.lr)), RGBColor(200, 90, 20)),
        ];
        for (panel, (title, points, colour)) in panels.iter().zip(&curves) {
            draw_panel(panel, title, points, last, *colour).map_err(fail)?;
        }
        root.present().map_err(|e| fail(e.to_string()))?;
    }
    Ok(svg)
}

fn draw_panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    title: &str,
    points: &[(f64, f64)],
    last_epoch: usize,
    colour: RGBColor,
) -> Result<(), String> {
    let (low, high) = value_range(points);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(34)
        .y_label_area_size(70)
        .build_cartesian_2d(0.5..last_epoch as f64 + 0.5, low..high)
        .map_err(|e| e.to_string())?;
    chart
        .configure_mesh()
        .x_desc("epoch")
        .x_labels(last_epoch.min(MOST_EPOCH_LABELS))
        .x_label_formatter(&|x| epoch_tick(*x))
        .y_label_formatter(&|y| tick(*y))
        .light_line_style(TRANSPARENT)
        .draw()
        .map_err(|e| e.to_string())?;
    chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2))).map_err(|e| e.to_string())?;
    chart.draw_series(points.iter().map(|&p| Circle::new(p, 3, colour.filled()))).map_err(|e| e.to_string())?;
    Ok(())
}

/// The values' range with a margin; a constant curve is centred.
fn value_range(points: &[(f64, f64)]) -> (f64, f64) {
    let (low, high) = points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(p.1), h.max(p.1)));
    if low > high {
        return (0.0, 1.0);
    }
    let margin = if high > low { 0.05 * (high - low) } else { low.abs().max(1e-6) * 0.5 };
    (low - margin, high + margin)
}

/// A whole epoch; nothing for a grid line between two.
fn epoch_tick(x: f64) -> String {
    if (x - x.round()).abs() < 1e-6 { format!("{x:.0}") } else { String::new() }
}

/// A short number for an axis label.
fn tick(value: f64) -> String {
    if value == 0.0 || (0.01..1000.0).contains(&value.abs()) { format!("{value:.3}") } else { format!("{value:.1e}") }
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

    /// Labels of the epoch axis in the panel of the loss: the texts of digits alone.
    fn epoch_labels(svg: &str) -> Vec<usize> {
        let panel = svg.split("validation Dice").next().unwrap();
        panel.lines().filter_map(|line| line.trim().parse().ok()).collect()
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

    #[test]
    fn a_constant_curve_gets_a_range() {
        let (low, high) = value_range(&[(1.0, 0.3), (2.0, 0.3)]);
        assert!(low < 0.3 && 0.3 < high);
        assert_eq!(value_range(&[]), (0.0, 1.0));
    }
}
