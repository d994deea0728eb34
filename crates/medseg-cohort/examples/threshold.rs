//! A little program with the commands that scripts on clusters call, to try them without a network. Its model is a file with
//! a threshold.
//!
//! ```text
//! threshold predict MODEL IN OUT [--part I --parts N] [--slow SECONDS]
//! threshold table OUT
//! threshold phantoms IN CASES
//! ```

#[path = "shared/threshold_files.rs"]
mod threshold_files;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Duration;

use medseg_cohort::{CaseStatus, Cohort, CohortFolder, FindOptions, Part, RunIdentity, find, merge};
use medseg_files::FileDigest;
use medseg_volume::ndarray::Array3;
use medseg_volume::{Dhw, Geometry, Volume, write_image};
use threshold_files::Threshold;

fn predict(model: &Path, input: &Path, out: &Path, part: Option<Part>, slow: Duration) -> Result<bool, Box<dyn Error>> {
    let threshold: f32 = fs::read_to_string(model)?.trim().parse()?;
    let mut options = FindOptions::default().with_output(out);
    if let Some(part) = part {
        options = options.with_part(part);
    }
    let found = find(&[input], &options)?;
    let identity = RunIdentity::new(FileDigest::of(model)?.sha256).with_program("example");
    let report = Cohort::new(CohortFolder::new(out), identity).run(&found, &Threshold, |_, image| {
        std::thread::sleep(slow);
        Ok(Volume::new(image.data.mapv(|value| u8::from(value > threshold)), image.geometry))
    })?;
    for status in [CaseStatus::Done, CaseStatus::Skipped, CaseStatus::Failed] {
        println!("{} {}", report.count(status), status.name());
    }
    Ok(report.is_complete())
}

fn show(out: &Path) -> Result<(), Box<dyn Error>> {
    let table = merge(&CohortFolder::new(out))?;
    println!("{} cases in {}", table.rows.len(), out.join("table.csv").display());
    Ok(())
}

/// The value after an option.
fn option<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1).map(String::as_str)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["predict", model, input, out, ..] => {
            let part = match (option(&arguments, "--part"), option(&arguments, "--parts")) {
                (Some(part), Some(parts)) => Some(Part::new(part.parse()?, parts.parse()?)?),
                _ => None,
            };
            let slow = Duration::from_secs_f64(option(&arguments, "--slow").unwrap_or("0").parse()?);
            let complete = predict(Path::new(model), Path::new(input), Path::new(out), part, slow)?;
            return if complete { Ok(()) } else { Err("not all cases are done".into()) };
        }
        ["table", out] => return show(Path::new(out)),
        ["phantoms", folder, cases] => return phantoms(Path::new(folder), cases.parse()?),
        _ => {}
    }
    Err("predict MODEL IN OUT [--part I --parts N] [--slow SECONDS], table OUT, or phantoms IN CASES".into())
}

/// Writes small volumes, eight a folder.
fn phantoms(folder: &Path, cases: usize) -> Result<(), Box<dyn Error>> {
    for index in 0..cases {
        let site = folder.join(format!("site_{:02}", index / 8));
        fs::create_dir_all(&site)?;
        let data = Array3::from_shape_fn((12, 16, 16), |(z, y, x)| ((z + 2 * y + 3 * x + index) % 50) as f32);
        let volume = Volume::new(data, Geometry::from_spacing(Dhw::splat(2.0))?);
        write_image(site.join(format!("case_{index:04}.nii.gz")), &volume)?;
    }
    Ok(())
}
