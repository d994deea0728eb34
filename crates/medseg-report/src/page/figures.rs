//! Charts and pictures on the page.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::html::{escape, number};
use crate::ReportError;
use crate::charts::{BoxPlot, Chart, Group};
use crate::run::RunResults;
use crate::scores::Score;

const CURVE: (u32, u32) = (420, 290);
const BOXES: (u32, u32) = (300, 290);
/// As many boxes have their names side by side in that width; every further one takes another share of it.
const MOST_BOXES: u32 = 4;
/// Bytes of PNG files on the page beyond the three that it always has; a page of 20 MiB is no longer opened on a phone.
const MORE_PICTURES: usize = 8 << 20;

/// An SVG as a figure; its text is made readable on dark pages by the style sheet.
pub(super) fn chart(svg: &str) -> String {
    format!("<figure class=\"chart\">{svg}</figure>")
}

/// One box plot a score: every stage, the last one's labels where there are several, and the other run's result.
pub(super) fn boxes(run: &RunResults, other: Option<&RunResults>) -> Result<String, ReportError> {
    let (mut page, mut widest) = (String::new(), 0);
    for (at, metric) in run.scores.metrics.iter().enumerate().filter(|(_, m)| m.is_score && m.column != "iou") {
        let group = |name: &str, values| Group { name: name.to_string(), values };
        let mut groups: Vec<Group> =
            run.stages().map(|s| group(run.title_of(s), run.scores.values(s, None, at))).collect();
        let last = run.final_stage();
        let label = |class: &str| group(&format!("label {class}"), run.scores.values(last, Some(class), at));
        groups.extend(run.scores.classes(last).into_iter().map(label));
        if let Some((other, at)) = other.and_then(|o| Some((o, o.scores.index(&metric.column)?))) {
            let stage = other.final_stage();
            let title = other.title_of(stage);
            let name = if groups.iter().any(|g| g.name == title) { "other run" } else { title };
            groups.push(group(name, other.scores.values(stage, None, at)));
        }
        widest = widest.max(groups.len() as u32);
        let size = (BOXES.0 * widest.max(MOST_BOXES) / MOST_BOXES, BOXES.1);
        page += &chart(&BoxPlot { title: metric.title.clone(), groups }.svg(size)?);
    }
    let columns = if widest <= MOST_BOXES { "charts four" } else { "charts wide" };
    Ok(format!("<div class=\"{columns}\">{page}")
        + "</div><p class=\"soft\">Box: quartiles and median; diamond: mean; whiskers: the farthest case within 1.5 times \
           the box's height; every dot a case.</p>")
}

/// Every stage's curves.
pub(super) fn curves(run: &RunResults) -> Result<String, ReportError> {
    let mut page = String::new();
    for curves in &run.curves {
        page += "<div class=\"charts\">";
        for panel in curves.panels() {
            page += &chart(&panel.svg(CURVE)?);
        }
        page += "</div>";
    }
    Ok(page + "<p class=\"soft\">The dashed line marks the epoch whose weights are used.</p>")
}

/// Best, median and worst case by Dice, then the others from the worst up, as many as fit.
pub(super) fn overlays(run: &RunResults) -> String {
    let ranked = ranked(run);
    if ranked.is_empty() {
        return String::new();
    }
    let chosen = chosen(&ranked);
    let mut page = format!(
        "<p>Axial, coronal and sagittal planes through most of the reference, in radiological orientation: the patient's \
         right (R) on the left; anterior (A) or superior (S) up; in sagittal planes anterior on the left. \
         <span class=\"key\" style=\"color:{}\"></span> reference (broad) \
         <span class=\"key\" style=\"color:{};border-top-width:.13em\"></span> prediction (thin, on top).</p>",
        colour(crate::overlay::REFERENCE),
        colour(crate::overlay::PREDICTION)
    );
    for (name, at) in &chosen {
        let _ = write!(page, "{}", picture(run, ranked[*at], name).unwrap_or_default());
    }
    let shown: Vec<usize> = chosen.into_iter().map(|(_, at)| at).collect();
    page + &others(run, &ranked, &shown)
}

/// The ranks of the best, median and worst case among those ranked, and their places; a case takes its first rank alone.
pub(super) fn chosen(ranked: &[&Score]) -> Vec<(&'static str, usize)> {
    let Some(last) = ranked.len().checked_sub(1) else { return Vec::new() };
    let mut chosen: Vec<(&str, usize)> = Vec::new();
    for (rank, at) in [("best", 0), ("median", last / 2), ("worst", last)] {
        if chosen.iter().all(|(_, other)| *other != at) {
            chosen.push((rank, at));
        }
    }
    chosen
}

/// The final stage's rows from the best Dice to the worst; those without one come last but are never called worst.
pub(super) fn ranked(run: &RunResults) -> Vec<&Score> {
    let Some(dice) = run.scores.index("dice") else { return Vec::new() };
    let mut rows: Vec<&Score> = run.scores.of_stage(run.final_stage()).filter(|r| r.values[dice].is_finite()).collect();
    rows.sort_by(|a, b| b.values[dice].total_cmp(&a.values[dice]));
    let mut seen = std::collections::BTreeSet::new();
    rows.retain(|r| seen.insert(r.case.as_str()));
    rows
}

fn others(run: &RunResults, ranked: &[&Score], shown: &[usize]) -> String {
    let mut left = MORE_PICTURES;
    let (mut figures, mut count, mut omitted) = (String::new(), 0, 0);
    for at in (0..ranked.len()).rev().filter(|at| !shown.contains(at)) {
        let Some(figure) = picture(run, ranked[at], "").filter(|f| f.len() <= left) else {
            omitted += 1;
            continue;
        };
        left -= figure.len();
        count += 1;
        figures += &figure;
    }
    if count == 0 {
        return String::new();
    }
    let note =
        if omitted == 0 { String::new() } else { format!("<p>{omitted} more are in <code>overlays/</code>.</p>") };
    format!("<details><summary>The other {count} cases, from the worst up</summary>{figures}{note}</details>")
}

/// The overlay of a case with its scores; `None` if there is no such file.
fn picture(run: &RunResults, row: &Score, rank: &str) -> Option<String> {
    let png = run.overlay(&row.case)?;
    let scores = run.scores.metrics.iter().zip(&row.values).filter(|(m, _)| m.is_score && m.column != "iou");
    let scores: Vec<String> =
        scores.map(|(m, v)| format!("{} {}", escape(&m.title), number(*v, m.digits.min(3)))).collect();
    let viewer = if !rank.is_empty() && run.folder.viewer(rank).is_file() {
        format!(" · <a href=\"viewers/{rank}.html\">scroll through it</a>")
    } else {
        String::new()
    };
    let rank = if rank.is_empty() { String::new() } else { format!("{rank}: ") };
    let case = escape(&row.case);
    Some(format!(
        "<figure class=\"case\"><figcaption><b>{rank}{case}</b> {}{viewer}</figcaption><div class=\"planes\" role=\"img\" \
         aria-label=\"axial, coronal and sagittal plane of {case} with the contours of reference and prediction\" \
         style=\"--p:url(data:image/png;base64,{})\"><i></i><i></i><i></i></div></figure>",
        scores.join(" · "),
        STANDARD.encode(png)
    ))
}

fn colour([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}
