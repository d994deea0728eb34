//! `medseg inspect`: the content of a volume.

use std::collections::BTreeMap;
use std::path::PathBuf;

use medseg_volume::Dhw;
use serde::Serialize;

use crate::image::{self, Found, SeriesArgs};
use crate::{CliError, output};

/// Bins of the histogram.
const BINS: usize = 48;
/// More values than this are intensities.
const MOST_LABELS: usize = 128;

/// Print format, geometry, values and oddities of a volume file or of the DICOM series in a folder
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Volume file, or the folder of a DICOM series
    path: PathBuf,
    #[command(flatten)]
    series: SeriesArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The description of a volume.
#[derive(Debug, Serialize)]
struct Description {
    format: String,
    channels: usize,
    /// `[depth, height, width]`, as all triples here.
    shape: [usize; 3],
    spacing_mm: [f64; 3],
    extent_mm: [f64; 3],
    orientation: String,
    /// From voxel (i, j, k) to RAS+ millimetres.
    affine: [[f64; 4]; 4],
    finite_voxels: u64,
    not_finite_voxels: u64,
    /// Of the finite voxels.
    minimum: Option<f32>,
    maximum: Option<f32>,
    mean: Option<f64>,
    /// Millilitres of each value above 0, if the voxels can be labels: 0 and few whole numbers above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    labels_ml: Option<BTreeMap<u16, f64>>,
    warnings: Vec<String>,
}

pub fn run(args: &Args) -> Result<(), CliError> {
    image::refuse_dicom_mask(&args.path)?;
    let found = image::read(&args.path, &args.series)?;
    let description = Description::new(&found);
    if args.json {
        return output::result(serde_json::to_string(&description)?);
    }
    let mut lines = description.lines();
    let values = description.minimum.zip(description.maximum).filter(|_| description.labels_ml.is_none());
    if let Some((low, high)) = values {
        lines.push(format!("histogram    {}", histogram(&found, low, high)));
    }
    lines.extend(description.warnings.iter().map(|warning| format!("warning      {warning}")));
    output::result(lines.join("\n"))
}

impl Description {
    fn new(found: &Found) -> Self {
        let (channels, d, h, w) = found.values.dim();
        let finite = found.values.iter().copied().filter(|v| v.is_finite());
        let (count, low, high, sum) = finite.fold((0u64, f32::MAX, f32::MIN, 0.0), |(n, low, high, sum), v| {
            (n + 1, v.min(low), v.max(high), sum + f64::from(v))
        });
        let any = count > 0;
        Self {
            format: found.format.clone(),
            channels,
            shape: [d, h, w],
            spacing_mm: found.geometry.spacing().to_array(),
            extent_mm: found.geometry.extent(Dhw { d, h, w }).to_array(),
            orientation: found.geometry.orientation().to_string(),
            affine: found.geometry.affine(),
            finite_voxels: count,
            not_finite_voxels: found.values.len() as u64 - count,
            minimum: any.then_some(low),
            maximum: any.then_some(high),
            mean: any.then(|| sum / count as f64),
            labels_ml: labels_ml(found),
            warnings: found.warnings.clone(),
        }
    }

    fn lines(&self) -> Vec<String> {
        let shape = Dhw::from(self.shape);
        let mut lines = vec![
            format!("format       {}", self.format),
            format!("voxels       {shape} (depth x height x width), {} channel(s)", self.channels),
            format!("spacing      {:.4} mm", Dhw::from(self.spacing_mm)),
            format!("extent       {:.1} mm", Dhw::from(self.extent_mm)),
            format!("orientation  {}", self.orientation),
        ];
        let rows = self.affine[..3].iter().map(|row| row.map(|v| format!("{v:12.5}")).join(" "));
        lines.extend(rows.map(|row| format!("affine       {row}")));
        lines.push(match (self.minimum, self.maximum, self.mean) {
            (Some(low), Some(high), Some(mean)) => format!("values       {low} to {high}, mean {mean:.4}"),
            _ => "values       none that is finite".into(),
        });
        if let Some(labels) = &self.labels_ml {
            let labels: Vec<String> = labels.iter().map(|(label, ml)| format!("{label} {ml:.1} ml")).collect();
            lines.push(format!("labels       {}", if labels.is_empty() { "none".into() } else { labels.join(", ") }));
        }
        if self.not_finite_voxels > 0 {
            lines.push(format!("not finite   {} voxels", self.not_finite_voxels));
        }
        lines
    }
}

/// Millilitres of each value above 0; `None` if the voxels are no labels.
fn labels_ml(found: &Found) -> Option<BTreeMap<u16, f64>> {
    let mut voxels = BTreeMap::new();
    for value in &found.values {
        let label = *value as u16;
        if f32::from(label) != *value {
            return None;
        }
        *voxels.entry(label).or_insert(0u64) += 1;
        if voxels.len() > MOST_LABELS {
            return None;
        }
    }
    voxels.remove(&0).filter(|_| found.values.dim().0 == 1)?;
    let ml = found.geometry.voxel_volume_mm3() / 1000.0;
    Some(voxels.into_iter().map(|(label, count)| (label, count as f64 * ml)).collect())
}

/// One character a bin, as high as the logarithm of its count.
fn histogram(found: &Found, low: f32, high: f32) -> String {
    const LEVELS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let width = ((f64::from(high) - f64::from(low)) / BINS as f64).max(f64::MIN_POSITIVE);
    let mut bins = [0u64; BINS];
    for v in found.values.iter().filter(|v| v.is_finite()) {
        bins[(((f64::from(*v) - f64::from(low)) / width) as usize).min(BINS - 1)] += 1;
    }
    let height = |n: u64| (n as f64 + 1.0).ln();
    let highest = bins.iter().copied().map(height).fold(f64::MIN_POSITIVE, f64::max);
    bins.iter().map(|n| LEVELS[(height(*n) / highest * 8.0).ceil() as usize]).collect()
}
