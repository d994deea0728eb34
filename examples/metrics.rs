//! Scores a mask against a reference, in millimetres.
//!
//! `cargo run --example metrics -- PREDICTED REFERENCE`; without arguments two balls are compared.

use std::error::Error;
use std::process::ExitCode;

use medseg::metrics::CaseMetrics;
use medseg::volume::{Dhw, Geometry, Volume, read_label};
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
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let (predicted, reference) = match paths.as_slice() {
        [] => (ball([20.0, 30.0, 33.0])?, ball([20.0, 30.0, 30.0])?),
        [predicted, reference] => (read_label(predicted)?, read_label(reference)?),
        _ => return Err("two paths are needed: PREDICTED REFERENCE".into()),
    };
    // Masks on different grids may have the same shape: scores would then mean nothing.
    if !predicted.geometry.same_grid(&reference.geometry, reference.shape(), 0.1) {
        return Err("the two masks lie on different grids".into());
    }
    let scores = CaseMetrics::evaluate(predicted.data.view(), reference.data.view(), &reference.geometry, 2.0)?;
    println!("Dice {:.4}, IoU {:.4}", scores.dice, scores.iou);
    println!(
        "HD95 {:.2} mm, ASSD {:.2} mm, surface Dice at 2 mm {:.4}",
        scores.hd95_mm, scores.assd_mm, scores.surface_dice
    );
    println!("volume {:.1} ml, reference {:.1} ml", scores.volume_ml_predicted, scores.volume_ml_reference);
    Ok(())
}

/// A ball of 30 mm around a voxel, on a grid with thick slices.
fn ball(centre: [f64; 3]) -> Result<Volume<u8>, Box<dyn Error>> {
    let spacing = [3.0, 1.5, 1.5];
    let inside = |voxel: [usize; 3]| {
        let squared = (0..3).map(|a| ((voxel[a] as f64 - centre[a]) * spacing[a]).powi(2)).sum::<f64>();
        u8::from(squared <= 30.0 * 30.0)
    };
    let data = Array3::from_shape_fn((40, 64, 64), |(d, h, w)| inside([d, h, w]));
    Ok(Volume::new(data, Geometry::from_spacing(Dhw::from(spacing))?))
}
