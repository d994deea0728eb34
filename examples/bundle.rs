//! Networks with everything around them in one folder: saved, opened and applied.
//!
//! `cargo run --example bundle -- FOLDER` leaves a bundle of the experiments' two networks, untrained, in a folder, to see what
//! `medseg predict FOLDER IMAGE MASK --dry-run` says of an image.

use std::error::Error;
use std::path::Path;

use medseg::Device;
use medseg::bundle::{Bundle, BundleConfig, NoProgress, PostProcessing, Stages};
use medseg::inference::{CascadeConfig, SlidingWindowConfig};
use medseg::unet::UNetConfig;
use medseg::volume::{Dhw, Geometry, Orientation, Volume};
use ndarray::Array3;

fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::flex();
    if let Some(folder) = std::env::args_os().nth(1) {
        let bundle = untrained(&UNetConfig::default(), Dhw::splat(128), SlidingWindowConfig::default(), &device)?;
        bundle.save(Path::new(&folder))?;
        println!("two untrained networks are in {}", Path::new(&folder).display());
        return Ok(());
    }
    let small = UNetConfig { channels: vec![4, 8, 16], ..UNetConfig::default() };
    let window = SlidingWindowConfig::new(Dhw::splat(16)).with_overlap(0.5);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("organ");
    untrained(&small, Dhw::splat(16), window, &device)?.save(&path)?;

    // A CT whose axes point to the left, the back and the head.
    let geometry = Geometry::from_spacing(Dhw { d: 5.0, h: -0.8, w: -0.8 })?;
    let image = Volume::new(Array3::from_shape_fn((20, 40, 40), |(z, y, x)| (z * y + x) as f32 - 200.0), geometry);
    let bundle = Bundle::open(&path, &device)?;
    println!("{}", bundle.plan(image.shape(), &image.geometry)?);
    let prediction = bundle.predict(&image, &mut NoProgress)?;
    println!("{:?}", prediction.report);
    assert_eq!((prediction.mask.shape(), &prediction.mask.geometry), (image.shape(), &image.geometry));
    Ok(())
}

fn untrained(
    network: &UNetConfig,
    coarse_size: Dhw<usize>,
    window: SlidingWindowConfig,
    device: &Device,
) -> Result<Bundle, Box<dyn Error>> {
    let (coarse, fine, cascade) = (network.clone(), network.clone(), CascadeConfig::safe());
    let stages = Stages::TwoStage { coarse: coarse.into(), fine: fine.into(), coarse_size, cascade, window };
    let mut config = BundleConfig::new("untrained", stages).with_label(1, "organ");
    config.preprocessing.orientation = Some(Orientation::RAS);
    config.postprocessing = PostProcessing::default().keep_largest(1).fill_holes();
    let networks = vec![network.init_seeded(1, device)?, network.init_seeded(2, device)?];
    Ok(Bundle::new(config, networks, device)?)
}
