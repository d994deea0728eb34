//! `plan.html`: the choices with their reasons, the oddities, and pictures of the data.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use medseg_data::discover;
use medseg_report::{BoxPlot, Chart, Group, display_window, escape, overlay};
use medseg_transforms::{LabelMap, Preprocessing};
use medseg_volume::{Orientation, read_label_of};

use crate::PlanError;
use crate::fingerprint::choice;
use crate::options::PlanOptions;
use crate::plan::Plan;

/// Pixels of a chart.
const CHART: (u32, u32) = (420, 300);

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:66rem;margin:2rem auto;padding:0 1rem;color:#1c2330}\
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #dde1e7;padding:.4rem .6rem;text-align:left;\
vertical-align:top}img{max-width:100%}.charts{display:flex;flex-wrap:wrap}li{margin:.3rem 0}";

/// The page, in itself complete.
pub(crate) fn html(plan: &Plan, options: &PlanOptions) -> Result<String, PlanError> {
    let found = &plan.fingerprint;
    let rows: String = plan
        .decisions
        .iter()
        .map(|d| {
            format!(
                "<tr><th>{}</th><td>{}</td><td>{}</td></tr>",
                escape(&d.setting),
                escape(&d.value),
                escape(&d.reason)
            )
        })
        .collect();
    let oddities: String = found.oddities.iter().map(|o| format!("<li>{}</li>", escape(o))).collect();
    let oddities =
        if oddities.is_empty() { "<p>Nothing unusual was found.</p>".into() } else { format!("<ul>{oddities}</ul>") };
    let charts: String = charts(plan)?.concat();
    let picture = example(plan, options)?;
    Ok(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Training plan</title><style>{STYLE}</style>\
         <h1>Training plan</h1><p>{} labelled cases in {}. Planned: {:.0} minutes, {} MiB of memory.</p>\
         <h2>Choices</h2><table><tr><th>Setting</th><th>Value</th><th>Reason</th></tr>{rows}</table>\
         <h2>Look at before training</h2>{oddities}\
         <h2>The data</h2><div class=\"charts\">{charts}</div>{picture}</html>\n",
        found.headers.len(),
        escape(&options.folder.display().to_string()),
        plan.seconds / 60.0,
        plan.memory >> 20,
    ))
}

/// Spacings, shapes, intensities and volumes over the cases.
fn charts(plan: &Plan) -> Result<Vec<String>, PlanError> {
    let found = &plan.fingerprint;
    let axes = ["depth", "height", "width"];
    let group = |name: String, values: Vec<f64>| Group { name, values };
    let along = |of: &dyn Fn(usize) -> Vec<f64>| (0..3).map(|a| group(axes[a].into(), of(a))).collect::<Vec<_>>();
    let spacing = along(&|axis| found.headers.iter().map(|c| c.spacing_mm.to_array()[axis]).collect());
    let shape = along(&|axis| found.headers.iter().map(|c| c.shape.to_array()[axis] as f64).collect());
    let volumes = found.volumes_ml().into_iter().map(|(label, ml)| group(format!("label {label}"), ml)).collect();
    let box_share = found.sampled.iter().filter_map(|case| case.box_share.map(|share| share * 100.0)).collect();
    let range = |case: &crate::CaseVoxels| [f64::from(case.lowest), f64::from(case.highest)];
    let lowest = found.sampled.iter().map(|case| range(case)[0]).collect();
    let highest = found.sampled.iter().map(|case| range(case)[1]).collect();
    let plots = [
        ("Spacing, mm", spacing),
        ("Shape, voxels", shape),
        ("Volume of a label, ml", volumes),
        ("Foreground's box, % of a case", vec![group("cases".into(), box_share)]),
        ("Intensities of a case", vec![group("lowest".into(), lowest), group("highest".into(), highest)]),
    ];
    let svg = |(title, groups): (&str, Vec<Group>)| BoxPlot { title: title.into(), groups }.svg(CHART);
    Ok(plots.into_iter().map(svg).collect::<Result<_, _>>()?)
}

/// The median case with the contours of its labels.
fn example(plan: &Plan, options: &PlanOptions) -> Result<String, PlanError> {
    let mut sampled: Vec<_> = plan.fingerprint.sampled.iter().filter(|case| !case.labels.is_empty()).collect();
    sampled.sort_by(|a, b| a.box_share.unwrap_or(0.0).total_cmp(&b.box_share.unwrap_or(0.0)));
    let Some(median) = sampled.get(sampled.len() / 2) else { return Ok(String::new()) };
    let cases = discover(&options.folder)?;
    let Some(case) = cases.iter().find(|case| case.id == median.id) else { return Ok(String::new()) };
    let Some(path) = &case.label else { return Ok(String::new()) };
    let image = case.first_channel()?;
    let label = read_label_of(path, &choice(&options.labels)).map_err(medseg_data::DataError::from)?;
    let preprocessing = Preprocessing { orientation: Some(Orientation::RAS), ..Preprocessing::default() };
    let axes = preprocessing.axes(&image.geometry);
    let geometry = preprocessing.grid(image.shape(), &image.geometry).1;
    let image = axes.apply(&image.data.view());
    let mut label = axes.apply(&label.data.view());
    LabelMap::only(&plan.fingerprint.labels).apply(&mut label).map_err(medseg_train::TrainError::from)?;
    let picture = overlay(&image, &label, None, &geometry, display_window(&image))?.png()?;
    Ok(format!(
        "<h3>{}: the case with the median box</h3><img alt=\"The labels' contours on three planes\" src=\"data:image/png;base64,{}\">",
        escape(&case.id),
        STANDARD.encode(picture)
    ))
}
