//! The sliding window and the two-stage cascade around any function from windows to logits.

use std::error::Error;

use medseg::inference::{Blend, CascadeConfig, MaskRule, PostProcessing, SlidingWindowConfig};
use medseg::volume::{Dhw, Geometry};
use medseg::{Device, Tensor};
use ndarray::{Array3, Axis, s};

fn main() -> Result<(), Box<dyn Error>> {
    // A bright organ in a dark volume; a network would be trained to find it, here a threshold does.
    let mut image = Array3::<f32>::zeros((60, 80, 90));
    image.slice_mut(s![20..40, 15..50, 30..70]).fill(1.0);
    image[[5, 5, 5]] = 1.0;
    let mut network = |windows: Tensor<5>| windows - 0.5;
    let device = Device::flex();

    let config = SlidingWindowConfig::new(Dhw::splat(32)).with_overlap(0.5).with_blend(Blend::gaussian());
    let window = config.init()?;
    let plan = window.plan(Dhw::from(image.dim()))?;
    println!("{} windows, {} KiB to stitch them", plan.len(), plan.memory(1, 1).for_mask() / 1024);
    let mut mask = window
        .infer(image.view().insert_axis(Axis(0)), &device, &mut network)
        .progress(&mut |done: usize, total: usize| println!("  {done} of {total} windows"))
        .mask(MaskRule::default())?;
    let geometry = Geometry::from_spacing(Dhw::splat(1.0))?; // millimetres
    PostProcessing::default().keep_largest(1).fill_holes().apply(&mut mask, &geometry)?;
    println!("{} foreground voxels, the stray one removed", mask.iter().filter(|v| **v != 0).count());

    let cascade = CascadeConfig::safe().with_min_component_share(1.0).init(Dhw::splat(24), &config)?;
    let found = cascade.infer(image.view(), &geometry, &device).predict(&mut network.clone(), &mut network)?;
    println!("two stages: {} of {} voxels reach the fine network", found.report.roi.size.voxels(), image.len());
    assert_eq!(found.mask, mask);
    Ok(())
}
