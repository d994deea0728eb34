//! Converts a folder with a DICOM series to a NIfTI file.
//!
//! ```text
//! cargo run --release -p medseg-volume --features dicom --example convert -- scan ct.nii.gz
//! cargo run --release -p medseg-volume --features dicom --example convert -- scan ct.nii.gz 1.2.840.113619.2.5
//! ```
//! The third argument chooses a series by its UID; without it, a folder of several lists them. Values that are all whole
//! and fit, such as Hounsfield units, are written as i16, others as f32.

use std::env::args_os;
use std::error::Error;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use medseg_volume::dicom::{SeriesOptions, read_series_with};
use medseg_volume::{write_image, write_image_i16};

fn main() -> ExitCode {
    let args: Vec<OsString> = args_os().skip(1).collect();
    let (folder, output, uid) = match &args[..] {
        [folder, output] => (folder, output, None),
        [folder, output, uid] => (folder, output, Some(uid.to_string_lossy().into_owned())),
        _ => {
            eprintln!("usage: convert FOLDER OUTPUT.nii.gz [SERIES_UID]");
            return ExitCode::from(2);
        }
    };
    match convert(folder.as_ref(), output.as_ref(), uid) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn convert(folder: &Path, output: &Path, uid: Option<String>) -> Result<(), Box<dyn Error>> {
    let options = {
        let mut options = SeriesOptions::default();
        options.uid = uid;
        options
    };
    let (image, summary) = read_series_with(folder, &options)?;
    for warning in &summary.warnings {
        eprintln!("warning: {warning}");
    }
    let whole = |value: &f32| value.fract() == 0.0 && (-32768.0..=32767.0).contains(value);
    if image.data.iter().all(whole) {
        write_image_i16(output, &image.map_data(|value| *value as i16))?;
    } else {
        write_image(output, &image)?;
    }
    let (shape, spacing, orientation) = (summary.shape, image.geometry.spacing(), image.geometry.orientation());
    println!(
        "{}: {shape} voxels of {spacing:.3} mm, {orientation}, from {} ({})",
        output.display(),
        summary.datatype,
        summary.syntax
    );
    Ok(())
}
