//! `medseg calibrate`: honest probabilities.

use std::path::PathBuf;

use medseg_bundle::{Calibration, NetworkBundle};
use medseg_data::{Case, discover};
use medseg_train::Observer;
use medseg_volume::read_label;

use crate::console::Console;
use crate::device::choose_device;
use crate::{CliError, output};

/// Find the temperature by which a bundle's probabilities fit validation cases
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Bundle of any network, as `medseg import` makes it
    bundle: PathBuf,
    /// Folder with image/ and label/, or an MSD folder: validation cases, with the bundle's labels
    data: PathBuf,
    /// Write the temperature into the bundle
    #[arg(long)]
    write: bool,
    /// Print one JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// # Errors
/// A bundle or cases that cannot be read, cases that do not fit the bundle, and a bundle that cannot be written.
pub fn run(args: &Args, console: &mut Console) -> Result<(), CliError> {
    let device = choose_device("auto", false, console)?.device;
    let bundle = NetworkBundle::open(&args.bundle, &device)?;
    let mut calibration = Calibration::new(&bundle)?;
    let cases: Vec<_> = discover(&args.data)?.into_iter().filter(|case| case.label.is_some()).collect();
    console.begin("cases", cases.len());
    for (number, case) in cases.iter().enumerate() {
        let failed = |error: &dyn std::error::Error| {
            CliError::Failed(format!("case {}: {}", case.id, medseg_volume::error_chain(error)))
        };
        let Some(label) = &case.label else { continue };
        let label = read_label(label).map_err(|error| failed(&error))?;
        let sample = Case { label: None, ..case.clone() }.read()?;
        let added = calibration.add(sample.image, &sample.geometry, &label);
        added.map_err(|error| failed(&error))?;
        console.advance(number + 1, "");
    }
    console.end();
    let found = calibration.fit()?;
    let (temperature, before, after) = (found.temperature, found.nats_before, found.nats_after);
    console.message(&format!("temperature {temperature:.4}: {before:.5} nats a voxel become {after:.5}"));
    if args.write {
        bundle.with_temperature(temperature)?.save(&args.bundle)?;
        console.message(&format!("written to {}", args.bundle.display()));
    }
    if args.json { output::result(serde_json::to_string(&found)?) } else { Ok(()) }
}
