//! `medseg convert`: volumes from one format to another.

use std::path::{Path, PathBuf};

use medseg_train::Observer;
use medseg_volume::{Dhw, ReadOptions, StoredVoxels, VolumeFile, WriteOptions, write_channels};
use ndarray::Axis;

use crate::console::Console;
use crate::image::{self, Found, SeriesArgs};
use crate::{CliError, paths};

/// NIfTI's intent code of label maps.
const INTENT_LABEL: i32 = 1002;

/// Convert a DICOM series or a volume file to another format
///
/// The output's ending names its format: .nii, .nii.gz, .nrrd, .nhdr, .mha or .mhd. Voxels of a file keep their type. Scaled
/// ones and those of a DICOM series are written as i16 if they are whole and fit, such as Hounsfield units, else as f32.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Volume file, or the folder of a DICOM series
    input: PathBuf,
    /// Volume to write
    output: PathBuf,
    #[command(flatten)]
    series: SeriesArgs,
}

pub fn run(args: &Args, console: &mut Console) -> Result<(), CliError> {
    let Args { input, output, series } = args;
    paths::check_volume_output(output)?;
    paths::refuse_output_over_input(output, &[input])?;
    let found = image::read(input, series)?;
    for warning in &found.warnings {
        console.warning(&format!("{}: {warning}", input.display()));
    }
    if !write_stored(input, output)? {
        write_values(&found, output)?;
    }
    let Found { format, geometry, values, .. } = &found;
    let shape = Dhw::from(values.index_axis(Axis(0), 0).dim());
    let (spacing, orientation) = (geometry.spacing(), geometry.orientation());
    console.message(&format!("{}: {shape} voxels of {spacing:.3} mm, {orientation}, from {format}", output.display()));
    Ok(())
}

/// Writes the voxels of a file in the type they are stored in; false where there is no such file, or they are scaled.
fn write_stored(input: &Path, output: &Path) -> Result<bool, CliError> {
    if input.is_dir() {
        return Ok(false);
    }
    let file = VolumeFile::open(input)?;
    if file.info().scaling.is_some() {
        return Ok(false);
    }
    let (voxels, geometry) = file.stored(&ReadOptions::default())?;
    let options = WriteOptions::default().with_labels(file.info().intent_code == INTENT_LABEL);
    macro_rules! write_as {
        ($($variant:ident),*) => {
            match &voxels {
                $(StoredVoxels::$variant(values) => write_channels(output, values, &geometry, &options)?,)*
            }
        };
    }
    write_as!(U8, I8, U16, I16, U32, I32, U64, I64, F32, F64);
    Ok(true)
}

/// Writes values as i16 if they are whole and fit, else as f32.
fn write_values(found: &Found, output: &Path) -> Result<(), CliError> {
    let (values, geometry, options) = (&found.values, &found.geometry, WriteOptions::default());
    let whole = |value: &f32| value.fract() == 0.0 && (-32768.0..=32767.0).contains(value);
    if values.iter().all(whole) {
        write_channels(output, &values.mapv(|value| value as i16), geometry, &options)?;
    } else {
        write_channels(output, values, geometry, &options)?;
    }
    Ok(())
}
