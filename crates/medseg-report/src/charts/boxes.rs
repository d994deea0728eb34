//! Box plots with every case as a dot.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::{AXIS, Chart, GRID, INK, SERIES, padded_range, text, tick};

/// The scores of one group of cases.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The text under its box.
    pub name: String,
    /// Its finite scores are drawn.
    pub values: Vec<f64>,
}

/// One metric's distribution in several groups: box from the lower to the upper quartile, line at the median, diamond at
/// the mean, whiskers to the farthest case within 1.5 times the box's height.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxPlot {
    /// The metric.
    pub title: String,
    /// From left to right.
    pub groups: Vec<Group>,
}

/// The numbers of a box.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Box5 {
    whiskers: [f64; 2],
    quartiles: [f64; 3],
    mean: f64,
}

impl Box5 {
    /// Of sorted finite values; `None` of none.
    fn of(sorted: &[f64]) -> Option<Self> {
        let at = |q: f64| {
            let position = (sorted.len() - 1) as f64 * q;
            let (low, share) = (position.floor() as usize, position.fract());
            sorted[low] * (1.0 - share) + sorted[(low + 1).min(sorted.len() - 1)] * share
        };
        let (&first, &last) = (sorted.first()?, sorted.last()?);
        let quartiles = [at(0.25), at(0.5), at(0.75)];
        let reach = 1.5 * (quartiles[2] - quartiles[0]);
        let low = sorted.iter().copied().find(|v| *v >= quartiles[0] - reach).unwrap_or(first);
        let high = sorted.iter().rev().copied().find(|v| *v <= quartiles[2] + reach).unwrap_or(last);
        let mean = sorted.iter().sum::<f64>() / sorted.len() as f64;
        Some(Self { whiskers: [low.min(quartiles[0]), high.max(quartiles[2])], quartiles, mean })
    }
}

/// Offset of a group's `n`-th dot from the box's middle, spread evenly without chance.
fn spread(n: usize) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    ((n as f64 * GOLDEN).fract() - 0.5) * 0.36
}

impl Chart for BoxPlot {
    fn draw<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>) -> Result<(), String> {
        let groups: Vec<Vec<f64>> = self.groups.iter().map(|g| finite_sorted(&g.values)).collect();
        let (low, high) = padded_range(groups.iter().flatten().copied());
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, text(17, INK))
            .margin(8)
            .x_label_area_size(42)
            .y_label_area_size(58)
            .build_cartesian_2d(-0.5..self.groups.len() as f64 - 0.5, low..high)
            .map_err(|e| e.to_string())?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(0)
            .y_labels(6)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(AXIS)
            .label_style(text(13, INK))
            .y_label_formatter(&|y| tick(*y))
            .draw()
            .map_err(|e| e.to_string())?;
        for (at, values) in groups.iter().enumerate() {
            let (centre, colour) = (at as f64, SERIES[at % SERIES.len()]);
            let Some(b) = Box5::of(values) else { continue };
            let line = |from: (f64, f64), to: (f64, f64), width: u32| {
                PathElement::new(vec![from, to], colour.stroke_width(width))
            };
            let [q1, median, q3] = b.quartiles;
            let corners = [(centre - 0.25, q1), (centre + 0.25, q3)];
            let draw = |e: DrawingAreaErrorKind<DB::ErrorType>| e.to_string();
            chart.draw_series([Rectangle::new(corners, colour.mix(0.18).filled())]).map_err(draw)?;
            chart.draw_series([Rectangle::new(corners, colour.stroke_width(1))]).map_err(draw)?;
            chart
                .draw_series([
                    line((centre, b.whiskers[0]), (centre, q1), 1),
                    line((centre, q3), (centre, b.whiskers[1]), 1),
                    line((centre - 0.12, b.whiskers[0]), (centre + 0.12, b.whiskers[0]), 1),
                    line((centre - 0.12, b.whiskers[1]), (centre + 0.12, b.whiskers[1]), 1),
                    line((centre - 0.25, median), (centre + 0.25, median), 3),
                ])
                .map_err(draw)?;
            let dots = values.iter().enumerate();
            let dots = dots.map(|(n, v)| Circle::new((centre + spread(n), *v), 2, colour.mix(0.75).filled()));
            chart.draw_series(dots).map_err(draw)?;
            let diamond =
                |(x, y)| EmptyElement::at((x, y)) + Polygon::new(vec![(0, -6), (6, 0), (0, 6), (-6, 0)], INK.filled());
            chart.draw_series([diamond((centre, b.mean))]).map_err(draw)?;
        }
        self.name_groups(area, chart.plotting_area()).map_err(|e| e.to_string())
    }

    fn name(&self) -> String {
        format!("box plot of {}", self.title)
    }
}

type Plane<DB> =
    DrawingArea<DB, Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>>;

impl BoxPlot {
    /// Writes each group's name and number of cases under its box.
    fn name_groups<DB: DrawingBackend>(
        &self,
        area: &DrawingArea<DB, Shift>,
        plane: &Plane<DB>,
    ) -> Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
        use plotters::style::text_anchor::{HPos, Pos, VPos};
        let style = text(12, INK).pos(Pos::new(HPos::Center, VPos::Top));
        let bottom = plane.get_pixel_range().1.end;
        let (left, top) = area.get_base_pixel();
        for (at, group) in self.groups.iter().enumerate() {
            let (x, _) = plane.map_coordinate(&(at as f64, 0.0));
            let count = group.values.iter().filter(|v| v.is_finite()).count();
            area.draw_text(&group.name, &style, (x - left, bottom - top + 7))?;
            area.draw_text(&format!("n = {count}"), &style, (x - left, bottom - top + 23))?;
        }
        Ok(())
    }
}

fn finite_sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_and_whiskers_are_those_of_the_textbook() {
        // R: boxplot.stats(c(1, 2, 3, 4, 5, 6, 7, 8, 9, 30), coef = 1.5); quantile type 7.
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 30.0];
        let b = Box5::of(&values).unwrap();
        assert_eq!(b.quartiles, [3.25, 5.5, 7.75]);
        assert_eq!(b.whiskers, [1.0, 9.0]);
        assert!((b.mean - 7.5).abs() < 1e-12);
        assert_eq!(Box5::of(&[2.0]).unwrap().whiskers, [2.0, 2.0]);
        assert!(Box5::of(&[]).is_none());
    }

    #[test]
    fn every_finite_case_is_a_dot_and_counted() {
        let group = |name: &str, values: &[f64]| Group { name: name.into(), values: values.to_vec() };
        let groups =
            vec![group("coarse", &[0.5, f64::NAN, 0.7]), group("fine", &[0.9, f64::INFINITY]), group("none", &[])];
        let svg = BoxPlot { title: "Dice".into(), groups }.svg((420, 280)).unwrap();
        assert_eq!(svg.matches("<circle").count(), 3);
        for name in ["coarse", "n = 2", "fine", "n = 1", "none", "n = 0"] {
            assert!(svg.contains(name), "{name} is not in the chart");
        }
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
}
