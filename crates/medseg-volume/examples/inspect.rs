//! What a NIfTI file or a folder with a DICOM series holds: shape, spacing, orientation, type, values, and what is odd
//! about it.
//!
//! ```text
//! cargo run -p medseg-volume --example inspect -- case.nii.gz
//! cargo run -p medseg-volume --features dicom --example inspect -- scan
//! ```

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use medseg_volume::{Dhw, Geometry, ReadOptions, VolumeFile};
use ndarray::Array4;
#[cfg(feature = "dicom")]
use ndarray::Axis;

/// Bins of the histogram.
const BINS: usize = 48;

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: inspect FILE_OR_FOLDER");
        return ExitCode::from(2);
    };
    let path = Path::new(&path);
    let found = if path.is_dir() { series(path) } else { nifti(path) };
    match found {
        Ok(found) => {
            found.print();
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

/// What was found at a path, of whatever format.
struct Found {
    /// The format and how voxels are stored.
    kind: String,
    geometry: Geometry,
    /// `[channel, depth, height, width]`.
    values: Array4<f32>,
    warnings: Vec<String>,
}

fn nifti(path: &Path) -> Result<Found, Box<dyn Error>> {
    let file = VolumeFile::open(path)?;
    let (values, geometry) = file.channels(&ReadOptions::default())?;
    let info = file.info();
    let version = geometry.nifti_fields().map_or(String::new(), |f| format!("NIfTI version {:?}, ", f.version));
    let order = if info.big_endian { "big-endian" } else { "little-endian" };
    let scaling = info.scaling.map_or(String::new(), |(slope, intercept)| format!(", scaled by {slope} + {intercept}"));
    let extensions = info.extensions.iter().map(|e| format!(", extension {} of {} bytes", e.code, e.data.len()));
    let kind = format!("{version}{} {order}{scaling}{}", info.datatype, extensions.collect::<String>());
    Ok(Found { kind, geometry, values, warnings: info.warnings.iter().map(ToString::to_string).collect() })
}

/// A folder with one DICOM series; of several, the error lists them.
#[cfg(feature = "dicom")]
fn series(path: &Path) -> Result<Found, Box<dyn Error>> {
    use medseg_volume::dicom::{SeriesOptions, read_series_with};
    let (image, summary) = read_series_with(path, &SeriesOptions::default())?;
    let kind = format!("DICOM series, {}, {}", summary.datatype, summary.syntax);
    let warnings = summary.warnings.iter().map(ToString::to_string).collect();
    Ok(Found { kind, geometry: image.geometry, values: image.data.insert_axis(Axis(0)), warnings })
}

#[cfg(not(feature = "dicom"))]
fn series(path: &Path) -> Result<Found, Box<dyn Error>> {
    Err(format!("{} is a folder; DICOM series are read with --features dicom", path.display()).into())
}

impl Found {
    fn print(&self) {
        let (channels, d, h, w) = self.values.dim();
        let shape = Dhw { d, h, w };
        println!("format       {}", self.kind);
        println!("voxels       {shape} (depth x height x width), {channels} channel(s)");
        println!("spacing      {:.4} mm", self.geometry.spacing());
        println!("extent       {:.1} mm", self.geometry.extent(shape));
        println!("orientation  {}", self.geometry.orientation());
        for row in &self.geometry.affine()[..3] {
            println!("affine       {}", row.map(|v| format!("{v:12.5}")).join(" "));
        }
        self.print_values();
        for warning in &self.warnings {
            println!("warning      {warning}");
        }
    }

    fn print_values(&self) {
        let finite = || self.values.iter().copied().filter(|v| v.is_finite());
        let (count, low, high, sum) = finite().fold((0u64, f32::MAX, f32::MIN, 0.0), |(n, low, high, sum), v| {
            (n + 1, v.min(low), v.max(high), sum + f64::from(v))
        });
        if count == 0 {
            println!("values       none that is finite");
            return;
        }
        println!("values       {low} to {high}, mean {:.4}", sum / count as f64);
        if count < self.values.len() as u64 {
            println!("not finite   {} voxels", self.values.len() as u64 - count);
        }
        let width = ((f64::from(high) - f64::from(low)) / BINS as f64).max(f64::MIN_POSITIVE);
        let mut bins = [0u64; BINS];
        for v in finite() {
            bins[(((f64::from(v) - f64::from(low)) / width) as usize).min(BINS - 1)] += 1;
        }
        println!("histogram    {}", bars(&bins));
    }
}

/// One character a bin, as high as the logarithm of its count.
fn bars(bins: &[u64]) -> String {
    const LEVELS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let height = |n: u64| (n as f64 + 1.0).ln();
    let highest = bins.iter().copied().map(height).fold(f64::MIN_POSITIVE, f64::max);
    bins.iter().map(|n| LEVELS[(height(*n) / highest * 8.0).ceil() as usize]).collect()
}
