//! `report.html`: one self-contained page.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::tables::{CaseRow, Summary};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:62rem;padding:1rem;color:#1c2330}\
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem;border-bottom:1px solid #d5dae2}\
table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:.25rem .6rem;border-bottom:1px solid #e3e7ee;text-align:right}\
td:first-child,th:first-child,td.t,th.t{text-align:left}.wide{overflow-x:auto}svg,img{max-width:100%;height:auto}\
figure{margin:1rem 0}figcaption{color:#555}pre{background:#f4f6f9;padding:.8rem;overflow-x:auto;font-size:.85rem}\
.k{display:inline-block;width:.8em;height:.8em;border-radius:2px}";

/// What the page shows.
#[derive(Clone, Debug)]
pub struct ReportParts<'a> {
    /// The summary.
    pub summary: &'a Summary,
    /// The per-case rows.
    pub rows: &'a [CaseRow],
    /// The curves' SVG of every stage, in training order.
    pub curves: &'a [String],
    /// Case name and PNG bytes of every overlay.
    pub overlays: &'a [(String, Vec<u8>)],
    /// The settings as text.
    pub settings: &'a str,
    /// One line on where and with what it ran.
    pub environment: &'a str,
}

/// The page as HTML: results, curves, per-case table, overlays, settings. Nothing is loaded from elsewhere.
#[must_use]
pub fn report_html(parts: &ReportParts<'_>) -> String {
    let title = parts.summary.experiment.replace('_', "-");
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>medseg: {title} segmentation</title><style>{STYLE}</style></head><body>\
         <h1>{title} segmentation</h1><p>{}</p>",
        escape(parts.environment)
    );
    push_results(&mut page, parts.summary);
    page.push_str("<h2>Training</h2>");
    for svg in parts.curves {
        let _ = write!(page, "<figure>{svg}</figure>");
    }
    push_cases(&mut page, parts.rows);
    push_overlays(&mut page, parts.overlays);
    let _ = writeln!(page, "<h2>Settings</h2><pre>{}</pre></body></html>", escape(parts.settings));
    page
}

fn push_results(page: &mut String, summary: &Summary) {
    page.push_str(
        "<h2>Results</h2><div class=\"wide\"><table><tr><th>stage</th><th>cases</th><th>mean Dice</th><th>95 % interval</th>\
         <th>best validation Dice</th><th>epochs</th><th>training</th><th>prediction</th><th>peak memory</th></tr>",
    );
    for (name, s) in &summary.stages {
        let interval = s.dice_ci95.map_or_else(|| "–".into(), |[l, h]| format!("{l:.4} to {h:.4}"));
        let memory =
            s.peak_memory_bytes.map_or_else(|| "–".into(), |b| format!("{:.2} GiB", b as f64 / (1u64 << 30) as f64));
        let _ = write!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{interval}</td><td>{}</td><td>{} (best: {})</td><td>{:.0} s</td><td>{:.1} s</td><td>{memory}</td></tr>",
            escape(name),
            s.cases,
            optional(s.dice_mean),
            optional(s.best_validation_dice),
            s.epochs,
            s.best_epoch,
            s.seconds_train,
            s.seconds_predict,
        );
    }
    page.push_str("</table></div>");
    for (name, s) in summary.stages.iter().filter(|(_, s)| s.cases_without_reference > 0) {
        let _ = write!(
            page,
            "<p>{}: {} of {} cases have no foreground in the reference and are left out of the mean.</p>",
            escape(name),
            s.cases_without_reference,
            s.cases
        );
    }
    if let (Some(missed), Some(fallbacks)) = (summary.coarse_missed_cases, summary.roi_fallbacks) {
        let _ = write!(
            page,
            "<p>The coarse stage missed the organ in {missed} case(s); the whole volume was searched instead of a box in {fallbacks} case(s).</p>"
        );
    }
}

fn push_cases(page: &mut String, rows: &[CaseRow]) {
    page.push_str(
        "<h2>Cases</h2><div class=\"wide\"><table><tr><th>case</th><th class=\"t\">stage</th><th>Dice</th><th>IoU</th><th>HD95 mm</th>\
         <th>ASSD mm</th><th>surface Dice</th><th>reference ml</th><th>predicted ml</th><th>seconds</th></tr>",
    );
    for row in rows {
        let m = &row.metrics;
        let _ = write!(
            page,
            "<tr><td>{}</td><td class=\"t\">{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.1}</td><td>{:.1}</td><td>{:.2}</td></tr>",
            escape(&row.case),
            escape(&row.stage),
            decimal(m.dice, 4),
            decimal(m.iou, 4),
            decimal(m.hd95_mm, 2),
            decimal(m.assd_mm, 2),
            decimal(m.surface_dice, 4),
            m.volume_ml_reference,
            m.volume_ml_predicted,
            row.seconds,
        );
    }
    page.push_str("</table></div>");
}

fn push_overlays(page: &mut String, overlays: &[(String, Vec<u8>)]) {
    page.push_str(
        "<h2>Overlays</h2><p>Axial, coronal and sagittal planes, the patient's right on the left. Contours: \
         <span class=\"k\" style=\"background:#ff8c00\"></span> prediction, \
         <span class=\"k\" style=\"background:#00dc5a\"></span> reference, \
         <span class=\"k\" style=\"background:#ff0;outline:1px solid #999\"></span> both.</p>",
    );
    for (case, png) in overlays {
        let _ = write!(
            page,
            "<figure><img alt=\"overlay of {0}\" src=\"data:image/png;base64,{1}\"><figcaption>{0}</figcaption></figure>",
            escape(case),
            STANDARD.encode(png)
        );
    }
}

fn optional(v: Option<f64>) -> String {
    v.map_or_else(|| "–".into(), |v| decimal(v, 4))
}

fn decimal(v: f64, digits: usize) -> String {
    if v.is_nan() {
        "–".into()
    } else if v.is_infinite() {
        "∞".into()
    } else {
        format!("{v:.digits$}")
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn names_are_escaped_and_nothing_is_loaded_from_elsewhere() {
        let summary = Summary {
            experiment: "one_stage".into(),
            stages: BTreeMap::new(),
            coarse_missed_cases: Some(1),
            roi_fallbacks: Some(2),
            ..Summary::default()
        };
        let overlays = [("<case & 1>".to_string(), vec![1, 2, 3])];
        let parts = ReportParts {
            summary: &summary,
            rows: &[],
            curves: &[],
            overlays: &overlays,
            settings: "seed = 0",
            environment: "cpu",
        };
        let page = report_html(&parts);
        assert!(page.contains("&lt;case &amp; 1&gt;") && !page.contains("<case"));
        assert!(page.contains("base64,AQID"));
        assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("<script"));
    }
}
