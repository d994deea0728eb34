//! The surface of a mask's label as STL: of a file, or of a ball if none is given.
//!
//! ```sh
//! cargo run --example surface
//! cargo run --example surface -- MASK.nii.gz LABEL OUT.stl
//! ```

use std::error::Error;
use std::process::ExitCode;

use medseg::surface::{Smoothing, Space, Surface};
use medseg::volume::{Dhw, Geometry, Volume, error_chain, read_label};
use ndarray::Array3;

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", error_chain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let (mask, label, out) = match arguments {
        [] => (ball()?, 1, None),
        [mask, label, out] => (read_label(mask)?, label.parse()?, Some(out)),
        _ => return Err("usage: surface [MASK LABEL OUT.stl]".into()),
    };
    let surface = Surface::of_label(&mask, &label)?;
    let smooth = surface.smoothed(&Smoothing::default());
    println!(
        "{} triangles, {:.0} mm³, {:.0} mm² ({:.0} mm² before smoothing), Euler characteristic {}",
        smooth.triangles().len(),
        smooth.volume_mm3(),
        smooth.area_mm2(),
        surface.area_mm2(),
        smooth.euler_characteristic()
    );
    if let Some(out) = out {
        smooth.write_stl(out, Space::Ras)?;
    }
    Ok(())
}

/// A ball of 20 mm in voxels of 1 × 1 × 2 mm.
fn ball() -> Result<Volume<u8>, Box<dyn Error>> {
    let geometry = Geometry::from_spacing(Dhw { d: 2.0, h: 1.0, w: 1.0 })?;
    let inside = |(d, h, w): (usize, usize, usize)| {
        let [z, y, x] = [2.0 * d as f64 - 22.0, h as f64 - 22.0, w as f64 - 22.0];
        u8::from(x * x + y * y + z * z <= 400.0)
    };
    Ok(Volume::new(Array3::from_shape_fn((23, 45, 45), inside), geometry))
}
