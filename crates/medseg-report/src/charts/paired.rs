//! Two methods on the same cases, case by case.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::{AXIS, Chart, GRID, INK, SERIES, padded_range, text, tick};

/// Every case as a dot, one method's score to the right and the other's upwards, with the line of equality: a dot above
/// it is a case in which the second method scores higher.
#[derive(Clone, Debug, PartialEq)]
pub struct PairedPlot {
    /// The metric.
    pub title: String,
    /// The names of the two methods.
    pub methods: [String; 2],
    /// Their scores, case by case; pairs that are not finite are left out.
    pub pairs: Vec<[f64; 2]>,
}

impl Chart for PairedPlot {
    fn draw<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>) -> Result<(), String> {
        let pairs = || self.pairs.iter().filter(|p| p.iter().all(|v| v.is_finite()));
        let (low, high) = padded_range(pairs().flatten().copied());
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, text(17, INK))
            .margin(8)
            .margin_right(18)
            .x_label_area_size(40)
            .y_label_area_size(66)
            .build_cartesian_2d(low..high, low..high)
            .map_err(|e| e.to_string())?;
        chart
            .configure_mesh()
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(AXIS)
            .label_style(text(13, INK))
            .axis_desc_style(text(13, INK))
            .x_desc(&self.methods[0])
            .y_desc(&self.methods[1])
            .x_labels(6)
            .y_labels(6)
            .x_label_formatter(&|v| tick(*v))
            .y_label_formatter(&|v| tick(*v))
            .draw()
            .map_err(|e| e.to_string())?;
        let equal = DashedLineSeries::new([(low, low), (high, high)], 5, 4, AXIS.stroke_width(1));
        chart.draw_series(equal).map_err(|e| e.to_string())?;
        let dots = pairs().map(|p| Circle::new((p[0], p[1]), 4, SERIES[0].mix(0.7).filled()));
        chart.draw_series(dots).map_err(|e| e.to_string())?;
        Ok(())
    }

    fn name(&self) -> String {
        format!("paired plot of {}", self.title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_without_a_score_are_left_out() {
        let plot = PairedPlot {
            title: "Dice".into(),
            methods: ["coarse".into(), "fine".into()],
            pairs: vec![[0.5, 0.6], [f64::NAN, 0.7], [0.7, 0.6]],
        };
        assert_eq!(plot.svg((400, 400)).unwrap().matches("<circle").count(), 2);
    }
}
