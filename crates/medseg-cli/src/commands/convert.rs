//! `medseg convert`: volumes from one format to another.

use std::path::PathBuf;

use medseg_train::Observer;
use medseg_volume::{WriteOptions, write_channels};
use ndarray::Axis;

use crate::CliError;
use crate::console::Console;
use crate::{image, paths};

/// Convert a DICOM series or a volume file to another format
///
/// The output's ending names its format: .nii, .nii.gz, .nrrd, .nhdr, .mha or .mhd. Values that are all whole and fit, such as
/// Hounsfield units, are written as i16, others as f32.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Volume file, or the folder of a DICOM series
    input: PathBuf,
    /// Volume to write
    output: PathBuf,
    /// The series to take from a folder of several
    #[arg(long, value_name = "UID")]
    series: Option<String>,
}

pub fn run(args: &Args, console: &mut Console) -> Result<(), CliError> {
    let Args { input, output, series } = args;
    paths::check_volume_output(output)?;
    paths::refuse_output_over_input(output, &[input])?;
    let found = image::read(input, series.as_deref())?;
    for warning in &found.warnings {
        console.warning(&format!("{}: {warning}", input.display()));
    }
    let (values, geometry, options) = (&found.values, &found.geometry, WriteOptions::default());
    let whole = |value: &f32| value.fract() == 0.0 && (-32768.0..=32767.0).contains(value);
    if values.iter().all(whole) {
        write_channels(output, &values.mapv(|value| value as i16), geometry, &options)?;
    } else {
        write_channels(output, values, geometry, &options)?;
    }
    let shape = medseg_volume::Dhw::from(values.index_axis(Axis(0), 0).dim());
    let (spacing, orientation) = (geometry.spacing(), geometry.orientation());
    let from = &found.format;
    console.message(&format!("{}: {shape} voxels of {spacing:.3} mm, {orientation}, from {from}", output.display()));
    Ok(())
}
