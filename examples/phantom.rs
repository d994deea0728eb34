//! Makes a synthetic abdomen CT with its label, looks at it, and writes both as NIfTI files.
//!
//! `cargo run --example phantom -- DIR [SEED]` keeps the files in DIR.

use std::error::Error;
use std::path::PathBuf;

use medseg::phantom::PhantomConfig;

fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args().nth(1).map_or_else(|| temporary.path().join("phantoms"), PathBuf::from);
    let seed = std::env::args().nth(2).map_or(Ok(0), |seed| seed.parse())?;
    let config = PhantomConfig { cases: 2, seed, scale: 0.5, ..PhantomConfig::default() };

    let (image, label) = config.generate(0)?;
    println!("{} voxels of {} mm, axes {}", image.shape(), image.geometry.spacing(), image.geometry.orientation());
    let millilitres = image.geometry.spacing().to_array().iter().product::<f64>() / 1000.0;
    for (value, name) in [(1, "liver"), (2, "tumour")] {
        let hu: Vec<i16> =
            image.data.iter().zip(&label.data).filter(|(_, v)| **v == value).map(|(hu, _)| *hu).collect();
        let mean = hu.iter().map(|hu| f64::from(*hu)).sum::<f64>() / hu.len().max(1) as f64;
        println!("{name}: {:.0} ml, mean {mean:.0} HU", hu.len() as f64 * millilitres);
    }

    for case in config.write(&folder, &mut |_, _| {})? {
        println!("{} {}", case.image.display(), case.label.display());
    }
    Ok(())
}
