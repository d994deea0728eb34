//! Stages and runs compared case by case.

use medseg_metrics::PairedDifference;

use super::figures::chart;
use super::html::{escape, interval, number, section, table};
use super::results::RESAMPLES;
use crate::ReportError;
use crate::charts::{Chart, PairedPlot};
use crate::run::RunResults;
use crate::scores::{Metric, Score};

/// Coarse against fine stage, where there are two, and this run against another.
pub(super) fn sections(run: &RunResults, other: Option<&RunResults>) -> Result<String, ReportError> {
    let mut page = String::new();
    if run.stages().any(|s| s == "coarse") {
        let both = Comparison { a: Side::of(run, run.final_stage()), b: Side::of(run, "coarse") };
        page += &section("stages", "Gain of the fine stage", &both.html()?);
    }
    if let Some(other) = other {
        let mut sides = Comparison { a: Side::of(run, run.final_stage()), b: Side::of(other, other.final_stage()) };
        if sides.a.name == sides.b.name {
            sides.a.name.push_str(" (this run)");
            sides.b.name.push_str(" (other run)");
        }
        let title = format!("{} against {}", escape(&sides.a.name), escape(&sides.b.name));
        let folder = escape(&other.folder.path().display().to_string());
        let body = format!("<p class=\"soft\">Other run: <code>{folder}</code></p>{}", sides.html()?);
        page += &section("comparison", &title, &body);
    }
    Ok(page)
}

/// One stage of one run.
struct Side<'a> {
    name: String,
    run: &'a RunResults,
    stage: &'a str,
}

impl<'a> Side<'a> {
    fn of(run: &'a RunResults, stage: &'a str) -> Self {
        Self { name: run.title_of(stage).to_string(), run, stage }
    }

    fn score(&self, of: &Score, metric: &Metric) -> Option<f64> {
        let at = self.run.scores.index(&metric.column)?;
        let row = self.run.scores.of_stage(self.stage).find(|r| r.case == of.case)?;
        Some(row.values[at])
    }
}

struct Comparison<'a> {
    a: Side<'a>,
    b: Side<'a>,
}

impl Comparison<'_> {
    fn html(&self) -> Result<String, ReportError> {
        let header =
            ["score", "cases", &self.a.name, &self.b.name, "mean difference", "95 % interval", "better / worse"];
        let header: Vec<String> = header.iter().map(|h| escape(h)).collect();
        let (mut rows, mut charts) = (Vec::new(), String::new());
        for metric in self.a.run.scores.metrics.iter().filter(|m| m.is_score) {
            let pairs = self.pairs(metric);
            if pairs.is_empty() {
                continue;
            }
            rows.push(row(metric, &pairs)?);
            if ["dice", "hd95_mm"].contains(&metric.column.as_str()) {
                let methods = [self.b.name.clone(), self.a.name.clone()];
                let swapped = pairs.iter().map(|[a, b]| [*b, *a]).collect();
                charts += &chart(&PairedPlot { title: metric.title.clone(), methods, pairs: swapped }.svg((420, 340))?);
            }
        }
        if rows.is_empty() {
            return Ok("<p>The two have no case in common.</p>".into());
        }
        let note = format!(
            "<p class=\"soft\">Differences are {} minus {}, case by case, over the cases that both have a finite score for; the \
             interval is a bootstrap over those pairs. An interval without 0 says that the two differ beyond what the choice of \
             cases explains. Each dot is a case; on the dashed line both are equal.</p>",
            escape(&self.a.name),
            escape(&self.b.name)
        );
        Ok(format!("{}<div class=\"charts\" style=\"margin-top:1rem\">{charts}</div>{note}", table("", &header, &rows)))
    }

    /// The scores of the cases that both sides have a row of.
    fn pairs(&self, metric: &Metric) -> Vec<[f64; 2]> {
        let rows = self.a.run.scores.of_stage(self.a.stage);
        rows.filter_map(|r| Some([self.a.score(r, metric)?, self.b.score(r, metric)?])).collect()
    }
}

fn row(metric: &Metric, pairs: &[[f64; 2]]) -> Result<Vec<String>, ReportError> {
    let finite: Vec<[f64; 2]> = pairs.iter().copied().filter(|p| p.iter().all(|v| v.is_finite())).collect();
    let [a, b] = [0, 1].map(|side| finite.iter().map(|p| p[side]).collect::<Vec<f64>>());
    let difference = PairedDifference::new(&a, &b, RESAMPLES, 0)?;
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let sign = if metric.column.ends_with("_mm") { -1.0 } else { 1.0 };
    let count = |better: bool| {
        finite.iter().filter(|[a, b]| if better { sign * (a - b) > 0.0 } else { sign * (a - b) < 0.0 }).count()
    };
    let d = metric.digits.min(4);
    Ok(vec![
        escape(&metric.title),
        format!("{} of {}", finite.len(), pairs.len()),
        number(mean(&a), d),
        number(mean(&b), d),
        number(difference.summary.mean, d),
        interval(difference.ci95.map(|(low, high)| [low, high]), d),
        format!("{} / {}", count(true), count(false)),
    ])
}
