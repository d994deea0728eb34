//! The experiments' preprocessing of one case, step by step, and the way back to the image's grid.

use std::error::Error;

use medseg::data::rng_for;
use medseg::phantom::PhantomConfig;
use medseg::transforms::{
    Connectivity, Intensity, Interpolation, RandCropByPosNegLabel, SpatialPad, crop, foreground_box, label_components,
    paste, resize,
};
use medseg::volume::Dhw;
use ndarray::Array3;

fn main() -> Result<(), Box<dyn Error>> {
    let (image, label) = PhantomConfig { scale: 0.5, ..PhantomConfig::default() }.generate(0)?;
    let (mut image, label) = (image.data.mapv(f32::from), label.data.mapv(|v| u8::from(v > 0)));
    println!("an abdomen of {} voxels", Dhw::from(image.dim()));

    Intensity::Window { low: -300.0, high: 300.0 }.apply(&mut image);
    let coarse = resize(&image.view(), Dhw::splat(32), Interpolation::Trilinear { align_corners: false });
    println!("the coarse stage sees all of it as {} voxels", Dhw::from(coarse.dim()));

    // Training: four crops, centred on foreground and background equally often.
    let size = Dhw::splat(32);
    let pad = SpatialPad::new(size);
    let (padded, padded_label) = (pad.apply(&image.view(), 0.0), pad.apply(&label.view(), 0));
    let sampler = RandCropByPosNegLabel { size, pos: 1.0, neg: 1.0, samples: 4, by_class: false };
    let index = sampler.index(&padded_label.view()); // once a case
    for region in sampler.sample(&index, &mut rng_for(0, 1, 0))? {
        let share = crop(&padded_label.view(), &region, 0).mapv(f32::from).mean().unwrap_or(0.0);
        let bright = crop(&padded.view(), &region, 0.0).mean().unwrap_or(0.0);
        println!("crop at {}: {:.0} % foreground, mean intensity {bright:.2}", region.start, 100.0 * share);
    }

    // The foreground's box with a margin, and its content put back where it was.
    let shape = Dhw::from(label.dim());
    let region = foreground_box(&label.view(), |v| *v != 0, Dhw::splat(3)).ok_or("no foreground")?.clipped(shape);
    let mut whole = Array3::zeros(label.dim());
    paste(&mut whole, &crop(&label.view(), &region, 0).view(), &region);
    assert_eq!(whole, label);
    let parts = label_components(&label.view(), Connectivity::Vertex);
    println!("box at {} of {} voxels, {} component(s) in it", region.start, region.size, parts.sizes.len());
    Ok(())
}
