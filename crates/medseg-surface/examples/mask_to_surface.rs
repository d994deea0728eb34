//! The surface of a mask's label as a file: the other side of benches/peers/surface.py.
//!
//! `cargo run -p medseg-surface --example mask_to_surface -- MASK LABEL ITERATIONS OUT.stl|OUT.obj`

use std::error::Error;

use medseg_surface::{Smoothing, Space, Surface};
use medseg_volume::read_label;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mask, label, iterations, out] = &arguments[..] else {
        return Err("usage: mask_to_surface MASK LABEL ITERATIONS OUT.stl|OUT.obj".into());
    };
    let surface = Surface::of_label(&read_label(mask)?, &label.parse::<u8>()?)?;
    let smooth = surface.smoothed(&Smoothing::default().with_iterations(iterations.parse()?));
    if out.ends_with(".obj") {
        smooth.write_obj(out, Space::Ras)?
    } else {
        smooth.write_stl(out, Space::Ras)?
    }
    println!("{} {} {}", smooth.volume_mm3(), smooth.area_mm2(), smooth.euler_characteristic());
    Ok(())
}
