//! `medseg convert`: volumes from one format to another.

use std::path::{Path, PathBuf};

use medseg_train::Observer;
use medseg_volume::{Dhw, Geometry, ReadOptions, StoredVoxels, VolumeFile, WriteOptions, write_channels};
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
    /// Volume file, or a DICOM file or the folder of a DICOM series
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
    let (shape, geometry, format) = match stored(input)? {
        Some(file) => {
            warn(&image::warnings_of(&file), input, console);
            write_stored(&file, output)?
        }
        None => {
            let found = image::read(input, series)?;
            warn(&found.warnings, input, console);
            write_values(&found, output)?;
            let Found { format, geometry, values, .. } = found;
            (Dhw::from(values.index_axis(Axis(0), 0).dim()), geometry, format)
        }
    };
    let (spacing, orientation) = (geometry.spacing(), geometry.orientation());
    console.message(&format!("{}: {shape} voxels of {spacing:.3} mm, {orientation}, from {format}", output.display()));
    Ok(())
}

fn warn(warnings: &[String], input: &Path, console: &mut Console) {
    warnings.iter().for_each(|warning| console.warning(&format!("{}: {warning}", input.display())));
}

/// The file whose voxels can be written in the type they are stored in: no DICOM series, not scaled.
fn stored(input: &Path) -> Result<Option<VolumeFile>, CliError> {
    if image::is_series(input) {
        return Ok(None);
    }
    Ok(Some(VolumeFile::open(input)?).filter(|file| file.info().scaling.is_none()))
}

/// Writes the voxels of a file in the type they are stored in. Returns shape, geometry and format.
fn write_stored(file: &VolumeFile, output: &Path) -> Result<(Dhw<usize>, Geometry, String), CliError> {
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
    let format = image::format_of(file, &geometry);
    Ok((file.info().shape, geometry, format))
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
