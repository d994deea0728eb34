//! The head of the page, its warnings, the table of results, time and memory.

use medseg_metrics::{bootstrap_ci95, mean_ignoring_nan, median_ignoring_nan, std_ignoring_nan};
use serde_json::Value;

use super::html::{duration, escape, interval, memory, number, optional, table};
use crate::run::RunResults;
use crate::summary::StageSummary;

/// Resamples of the intervals.
pub(super) const RESAMPLES: usize = 10_000;

/// Title, what ran where, the result in a sentence, and the figures at a glance.
pub(super) fn header(run: &RunResults, title: &str) -> String {
    let text = |key: &str| run.config.get(key).and_then(Value::as_str).unwrap_or("unknown").to_string();
    let where_it_ran = format!("medseg {} on Burn {}, {}", text("medseg"), text("burn"), text("device"));
    let data = text("data");
    let mut page = format!(
        "<h1>{}</h1><p class=\"soft\">{}<br>data: <code>{}</code></p>",
        escape(title),
        escape(&where_it_ran),
        escape(&data)
    );
    let Some(stage) = run.summary.stages.get(run.final_stage()) else { return page };
    let of = stage.cases - stage.cases_without_reference;
    let (kind, caution) = if run.split.unused.is_empty() {
        (
            "validation",
            " The same cases chose the epoch whose weights are used, so the figure flatters the network a little.",
        )
    } else {
        ("held-out", " They took part neither in training nor in the choice of the weights.")
    };
    page += &format!(
        "<p>Mean Dice <b>{}</b> (95&nbsp;% interval {}) over {of} {kind} cases{}.{caution}</p><div class=\"tiles\">",
        optional(stage.dice_mean, 3),
        interval(stage.dice_ci95, 3),
        by_class(stage)
    );
    let mut tile = |value: String, what: &str| page += &format!("<div><b>{value}</b><span>{what}</span></div>");
    for name in run.stages() {
        let Some(s) = run.summary.stages.get(name) else { continue };
        tile(optional(s.dice_mean, 3), &format!("mean Dice, {}", escape(run.title_of(name))));
    }
    if let Some(metric) = run.scores.index("hd95_mm") {
        let median = median_ignoring_nan(&run.scores.values(run.final_stage(), None, metric));
        tile(format!("{} mm", number(median, 1)), "median HD95");
    }
    let train: f64 = run.summary.stages.values().map(|s| s.seconds_train).sum();
    tile(duration(train), "training");
    tile(duration(stage.seconds_predict / stage.cases.max(1) as f64), "prediction of a case");
    let peak = run.summary.stages.values().filter_map(|s| s.peak_memory_bytes).max();
    tile(memory(peak), "peak memory");
    page + "</div>"
}

/// Each class's mean Dice, where there are several.
fn by_class(stage: &StageSummary) -> String {
    let means: Vec<String> = stage
        .class_dice_mean
        .iter()
        .map(|(class, dice)| format!("label {} {}", escape(class), number(*dice, 3)))
        .collect();
    if means.is_empty() { String::new() } else { format!(", each the mean of its labels ({})", means.join(", ")) }
}

/// Notes to read before the figures: the run's warnings and the coarse stage's failures.
pub(super) fn warnings(run: &RunResults) -> String {
    let mut lines: Vec<String> = coarse_failures(run);
    lines.extend(missed(run));
    for (name, s) in run.summary.stages.iter().filter(|(_, s)| s.cases_without_reference > 0) {
        lines.push(format!(
            "{}: {} of {} cases have no foreground in the reference and are left out of the mean.",
            escape(run.title_of(name)),
            s.cases_without_reference,
            s.cases
        ));
    }
    lines.extend(run.warnings.iter().map(|w| escape(w)));
    if lines.is_empty() {
        return String::new();
    }
    let items: String = lines.iter().map(|l| format!("<li>{l}</li>")).collect();
    format!("<div class=\"warn\" role=\"note\"><b>Worth knowing</b><ul>{items}</ul></div>")
}

/// The cases of whose foreground, or of one of its labels, the run's masks hold nothing.
fn missed(run: &RunResults) -> Vec<String> {
    let Some(dice) = run.scores.index("dice") else { return Vec::new() };
    let line = |class: Option<&str>| {
        let rows = run.scores.of_class(run.final_stage(), class).filter(|r| r.values[dice] == 0.0);
        let cases: Vec<String> = rows.map(|r| escape(&r.case)).collect();
        let what = class.map_or_else(|| "the foreground".into(), |class| format!("label {}", escape(class)));
        let all = cases.join(", ");
        (!cases.is_empty()).then(|| format!("Nothing of {what} was found in {} case(s): {all}.", cases.len()))
    };
    run.parts_of(run.final_stage()).filter_map(line).collect()
}

/// One line a kind of failure of the coarse stage, naming the cases.
fn coarse_failures(run: &RunResults) -> Vec<String> {
    let (Some(missed), Some(fallbacks)) = (run.summary.coarse_missed_cases, run.summary.roi_fallbacks) else {
        return Vec::new();
    };
    let named = |before: &str, column: &str| -> String {
        let Some(metric) = run.scores.index(column) else { return String::new() };
        let cases: Vec<String> =
            run.scores.of_stage("coarse").filter(|r| r.values[metric] == 0.0).map(|r| escape(&r.case)).collect();
        if cases.is_empty() { String::new() } else { format!("{before}: {}", cases.join(", ")) }
    };
    let mut lines = Vec::new();
    if missed > 0 {
        lines.push(format!("The coarse stage missed the organ in {missed} case(s){}.", named("", "dice")));
    }
    if let Some(grown) = run.summary.roi_grown_cases.filter(|cases| *cases > 0) {
        lines.push(format!("The mask reached a face of the coarse box, which grew, in {grown} case(s)."));
    }
    if fallbacks > 0 {
        let empty = named("; the coarse mask was empty in", "volume_ml_predicted");
        lines.push(format!("The whole volume was searched instead of a box in {fallbacks} case(s){empty}."));
    }
    lines
}

/// Per stage and class: mean, interval, spread and median of every score.
pub(super) fn scores(run: &RunResults) -> String {
    let header = ["stage", "score", "cases", "mean", "95 % interval", "SD", "median", "worst"].map(String::from);
    let mut rows = Vec::new();
    for (stage, class) in run.stages().flat_map(|stage| run.parts_of(stage).map(move |class| (stage, class))) {
        for (at, metric) in run.scores.metrics.iter().enumerate().filter(|(_, m)| m.is_score) {
            let all = run.scores.values(stage, class, at);
            let values: Vec<f64> = all.iter().copied().filter(|v| v.is_finite()).collect();
            let higher_is_better = !metric.column.ends_with("_mm");
            let worst = values.iter().copied().reduce(if higher_is_better { f64::min } else { f64::max });
            let ends = bootstrap_ci95(&values, RESAMPLES, 0).map(|(low, high)| [low, high]);
            let d = metric.digits.min(3);
            rows.push(vec![
                escape(&run.title_of_class(stage, class)),
                escape(&metric.title),
                format!("{} of {}", values.len(), all.len()),
                number(mean_ignoring_nan(&values), d),
                interval(ends, d),
                number(std_ignoring_nan(&values), d),
                number(median_ignoring_nan(&values), d),
                optional(worst, d),
            ]);
        }
    }
    let mut page = table("named", &header, &rows);
    page += "<p class=\"soft\">Intervals are bootstraps over the cases. Cases whose score is undefined (an empty mask or \
             reference) are left out of that score and not counted.";
    if run.stages().any(|s| s == "coarse") {
        page += " The coarse masks are compared on the image's own grid, brought there by the nearest voxel.";
    }
    if run.stages().any(|stage| !run.scores.classes(stage).is_empty()) {
        page += " A stage's own rows hold each case's mean over the labels that it has.";
    }
    page + "</p>"
}

/// Epochs, time and memory of every stage.
pub(super) fn cost(run: &RunResults) -> String {
    let header = [
        "stage",
        "epochs",
        "best epoch",
        "best validation Dice",
        "training",
        "an epoch",
        "prediction of all cases",
        "peak memory",
    ];
    let row = |name: &str, s: &StageSummary| {
        vec![
            escape(&name.replace('_', "-")),
            s.epochs.to_string(),
            s.best_epoch.to_string(),
            optional(s.best_validation_dice, 4),
            duration(s.seconds_train),
            duration(s.seconds_train / s.epochs.max(1) as f64),
            duration(s.seconds_predict),
            memory(s.peak_memory_bytes) + &device_memory(s),
        ]
    };
    let rows: Vec<_> = run.stages().filter_map(|n| Some(row(n, run.summary.stages.get(n)?))).collect();
    table("", &header.map(String::from), &rows)
        + "<p class=\"soft\">Training includes its validations. A two-stage prediction is timed as a whole. Peak memory is \
           that of the processes that trained the stage and predicted; a GPU's own is named beside it.</p>"
}

/// Memory taken of a GPU's own, if the stage was trained on one.
fn device_memory(s: &StageSummary) -> String {
    s.device_memory_bytes.map_or_else(String::new, |bytes| format!(", device {}", memory(Some(bytes))))
}
