//! Measures many small volumes in one process, against a process for each; not part of the tests.
//!
//! ```text
//! cargo run --release -p medseg-cohort --example throughput [CASES [START_MS [WORK_MS]]]
//! ```

#[path = "shared/threshold_files.rs"]
mod threshold_files;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use medseg_cohort::{CaseStatus, Cohort, CohortFolder, FindOptions, RunIdentity, RunOptions, Verify, find};
use medseg_volume::ndarray::Array3;
use medseg_volume::{Dhw, Geometry, Volume, read_image, write_image, write_label};
use threshold_files::Threshold;

/// Waits as the processor does for a GPU.
fn process(image: Volume<f32>, work: Duration) -> Volume<u8> {
    std::thread::sleep(work);
    Volume::new(image.data.mapv(|value| u8::from(value > 25.0)), image.geometry)
}

/// Times of a start, such as the opening of a model, and of the work on a case.
#[derive(Clone, Copy)]
struct Times {
    start: Duration,
    work: Duration,
}

fn run(input: &Path, out: &Path, options: RunOptions, times: Times) -> Result<(Duration, usize), Box<dyn Error>> {
    let started = Instant::now();
    let found = find(&[input], &FindOptions::default().with_output(out))?;
    let cohort = Cohort::new(CohortFolder::new(out), RunIdentity::new("threshold")).with_options(options);
    let mut ready = false;
    let report = cohort.run(&found, &Threshold, |_, image| {
        if !ready {
            std::thread::sleep(times.start);
            ready = true;
        }
        Ok(process(image, times.work))
    })?;
    Ok((started.elapsed(), report.count(CaseStatus::Done)))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let milliseconds = |at: usize, default: u64| -> Result<Duration, Box<dyn Error>> {
        Ok(Duration::from_millis(arguments.get(at).map_or(Ok(default), |text| text.parse())?))
    };
    let times = Times { start: milliseconds(1, 100)?, work: milliseconds(2, 20)? };
    if let Some([input, mask]) = arguments.get(3..) {
        std::thread::sleep(times.start);
        return Ok(write_label(mask, &process(read_image(input)?, times.work))?);
    }
    let cases: usize = arguments.first().map_or(Ok(200), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let input = folder.path().join("in");
    let mut images: Vec<PathBuf> = Vec::new();
    for index in 0..cases {
        let site = input.join(format!("site_{:03}", index / 20));
        fs::create_dir_all(&site)?;
        let data = Array3::from_shape_fn((40, 64, 64), |(z, y, x)| ((z * 7 + 2 * y + 3 * x + index) % 50) as f32);
        images.push(site.join(format!("case_{index:05}.nii.gz")));
        write_image(&images[index], &Volume::new(data, Geometry::from_spacing(Dhw::splat(2.0))?))?;
    }
    // Times of files that have settled are trusted.
    std::thread::sleep(Duration::from_secs(2));

    let masks = folder.path().join("one_by_one");
    fs::create_dir(&masks)?;
    let program = std::env::current_exe()?;
    let started = Instant::now();
    for (index, image) in images.iter().enumerate() {
        let mask = masks.join(format!("{index}.nii.gz"));
        let text = [times.start, times.work].map(|time| time.as_millis().to_string());
        assert!(Command::new(&program).arg("1").args(text).arg(image).arg(mask).status()?.success());
    }
    let alone = started.elapsed();
    println!("a process a case:             {:7.2} s", alone.as_secs_f64());

    let out = |name: &str| folder.path().join(name);
    let straight = RunOptions::default().with_read_ahead(0).with_write_behind(0);
    for (name, text, options) in [
        ("straight", "one process, one ahead:       ", straight),
        ("pipeline", "one process, as by default:   ", RunOptions::default()),
        ("pipeline", "again, nothing to do:         ", RunOptions::default()),
        ("pipeline", "again, all files read through:", RunOptions::default().with_verify(Verify::Content)),
    ] {
        let (time, done) = run(&input, &out(name), options, times)?;
        println!("{text}{:7.2} s, {done} done", time.as_secs_f64());
    }
    Ok(())
}
