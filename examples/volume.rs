//! The geometry of a NIfTI file, and the same volume reoriented to RAS.
//!
//! `cargo run --example volume -- IMAGE RAS.nii.gz`; without arguments a small volume is made first.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use medseg::volume::{Dhw, Geometry, Orientation, Volume, read_image, read_info, write_image};
use ndarray::Array3;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let mut paths = std::env::args().skip(1).map(PathBuf::from);
    let image = paths.next().map_or_else(|| small_volume(folder.path().join("image.nii.gz")), Ok)?;
    let turned = paths.next().unwrap_or_else(|| folder.path().join("ras.nii.gz"));

    // The header alone: quick, however large the file.
    let info = read_info(&image)?;
    println!("{} voxels of {:?}, {} channel(s)", info.shape, info.datatype, info.channels);
    println!("axes point {}, voxels of {:.3} mm", info.geometry.orientation(), info.geometry.spacing());

    let volume = read_image(&image)?;
    let ras = volume.reoriented(Orientation::RAS);
    write_image(&turned, &ras)?;
    println!("as {}: {} voxels of {:.3} mm", ras.geometry.orientation(), ras.shape(), ras.geometry.spacing());

    // Every voxel keeps its place in the patient, so the way back is exact.
    assert_eq!(read_image(&turned)?.reoriented(volume.geometry.orientation()).data, volume.data);
    Ok(())
}

/// A volume whose axes point to the left, the back and the head.
fn small_volume(path: PathBuf) -> Result<PathBuf, Box<dyn Error>> {
    let geometry = Geometry::from_spacing(Dhw { d: 5.0, h: -0.8, w: -0.8 })?;
    let data = Array3::from_shape_fn((4, 6, 8), |(d, h, w)| (100 * d + 10 * h + w) as f32);
    write_image(&path, &Volume::new(data, geometry))?;
    Ok(path)
}
