//! `medseg metrics`: a mask against a reference.

use std::path::{Path, PathBuf};

use medseg_metrics::{CaseMetrics, EmptyPolicy, VoxelGrid};
use medseg_volume::{LabelChoice, Volume, read_label_of};

use crate::{CliError, image, output};

/// Largest distance between the voxels of two grids that count as one, millimetres.
const SAME_GRID_MM: f64 = 0.1;

/// Score a mask against a reference: a row for each label value found in either
///
/// Several values end in a row `mean`, as in a run's metrics.csv: the mean of the rows, volumes added up. Distances and
/// volumes go through the affine.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mask that counts as right
    reference: PathBuf,
    /// Mask to score, on the same grid
    predicted: PathBuf,
    /// Label values to score (default: every value above 0 in either mask)
    #[arg(long, value_name = "1,2", value_delimiter = ',')]
    labels: Vec<u8>,
    /// Values of the scored mask that stand for others in the reference; its other values count as background
    #[arg(long, value_name = "6=1,7=2", value_delimiter = ',', value_parser = renaming)]
    map: Vec<(u8, u8)>,
    /// Take all of these label values as one, under the name of the first
    #[arg(long)]
    merge: bool,
    /// Tolerance of the surface Dice, millimetres
    #[arg(long, value_name = "MM", default_value_t = 2.0)]
    tolerance: f64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<(), CliError> {
    let wanted = wanted(args)?;
    // A value that no u8 holds matters only if all values are scored.
    let choice = |values: &[u8]| if values.is_empty() { LabelChoice::All } else { LabelChoice::only(values) };
    [&args.reference, &args.predicted].into_iter().try_for_each(|path| image::refuse_dicom_mask(path))?;
    let mut reference = read_label_of(&args.reference, &choice(&wanted))?;
    let named: Vec<u8> = args.map.iter().map(|(own, _)| *own).collect();
    let mut predicted = read_label_of(&args.predicted, &choice(if named.is_empty() { &wanted } else { &named }))?;
    if !args.map.is_empty() {
        let renamed = |value: u8| args.map.iter().find(|(own, _)| *own == value).map_or(0, |(_, other)| *other);
        predicted.data.mapv_inplace(renamed);
    }
    // Masks on different grids may have the same shape: scores would then mean nothing.
    if predicted.shape() != reference.shape()
        || !predicted.geometry.same_grid(&reference.geometry, reference.shape(), SAME_GRID_MM)
    {
        let (a, b) = (args.reference.display(), args.predicted.display());
        return Err(CliError::Failed(format!("{a} and {b} lie on different grids")));
    }
    let mut labels = if wanted.is_empty() { values_of(&[&reference, &predicted]) } else { wanted };
    if args.merge && !labels.is_empty() {
        let first = labels[0];
        for mask in [&mut reference, &mut predicted] {
            mask.data.mapv_inplace(|value| if labels.contains(&value) { first } else { 0 });
        }
        labels.truncate(1);
    }
    let (grid, empty) = (VoxelGrid::from(&reference.geometry), EmptyPolicy::default());
    let (p, r) = (predicted.data.view(), reference.data.view());
    let rows = CaseMetrics::evaluate_classes(p, r, &labels, grid, args.tolerance, empty)?;
    if args.json { output::result(json(args, &labels, &rows)?) } else { output::result(table(&labels, &rows)) }
}

/// A pair such as `6=1`.
fn renaming(text: &str) -> Result<(u8, u8), String> {
    let pair =
        text.split_once('=').and_then(|(own, other)| Some((own.trim().parse().ok()?, other.trim().parse().ok()?)));
    match pair {
        Some((0, _) | (_, 0)) => Err("0 is the background".into()),
        Some(pair) => Ok(pair),
        None => Err("expected two label values from 1 to 255, such as 6=1".into()),
    }
}

/// The reference's values to score; none for all that are found.
fn wanted(args: &Args) -> Result<Vec<u8>, CliError> {
    if args.labels.contains(&0) {
        return Err(CliError::Usage("--labels: 0 is the background and has no scores".into()));
    }
    for (n, (own, _)) in args.map.iter().enumerate() {
        if args.map[..n].iter().any(|(before, _)| before == own) {
            return Err(CliError::Usage(format!("--map: {own} stands for two values")));
        }
    }
    if !args.labels.is_empty() || args.map.is_empty() {
        return Ok(args.labels.clone());
    }
    let mut named: Vec<u8> = args.map.iter().map(|(_, other)| *other).collect();
    named.sort_unstable();
    named.dedup();
    Ok(named)
}

/// Every value above 0 in any of the masks.
fn values_of(masks: &[&Volume<u8>]) -> Vec<u8> {
    let mut found = [false; 256];
    masks.iter().flat_map(|mask| mask.data.iter()).for_each(|value| found[usize::from(*value)] = true);
    (1..=u8::MAX).filter(|value| found[usize::from(*value)]).collect()
}

fn json(args: &Args, labels: &[u8], rows: &[CaseMetrics]) -> Result<serde_json::Value, serde_json::Error> {
    let of_label = |(label, row): (&u8, &CaseMetrics)| {
        let mut scores = serde_json::to_value(row)?;
        scores["label"] = (*label).into();
        Ok(scores)
    };
    let mean = CaseMetrics::mean_over_classes(rows);
    let rows = labels.iter().zip(rows).map(of_label).collect::<Result<Vec<_>, serde_json::Error>>()?;
    let shown = |path: &Path| path.display().to_string();
    let (reference, predicted) = (shown(&args.reference), shown(&args.predicted));
    let tolerance = args.tolerance;
    Ok(serde_json::json!({
        "reference": reference, "predicted": predicted, "tolerance_mm": tolerance, "labels": rows, "mean": mean,
    }))
}

fn table(labels: &[u8], rows: &[CaseMetrics]) -> String {
    if labels.is_empty() {
        return "no label value above 0 in either mask".into();
    }
    let mut lines =
        vec!["label    Dice     IoU  HD95 mm  ASSD mm  surface Dice  reference ml  predicted ml".to_string()];
    let mean = (rows.len() > 1).then(|| ("mean".to_string(), CaseMetrics::mean_over_classes(rows)));
    let named = labels.iter().map(u8::to_string).zip(rows.iter().copied());
    for (label, row) in named.chain(mean) {
        let score = |value: f64, decimals: usize| {
            if value.is_nan() { "-".to_string() } else { format!("{value:.decimals$}") }
        };
        lines.push(format!(
            "{label:>5}  {:>6}  {:>6}  {:>7}  {:>7}  {:>12}  {:>12}  {:>12}",
            score(row.dice, 4),
            score(row.iou, 4),
            score(row.hd95_mm, 2),
            score(row.assd_mm, 2),
            score(row.surface_dice, 4),
            score(row.volume_ml_reference, 2),
            score(row.volume_ml_predicted, 2),
        ));
    }
    lines.join("\n")
}
