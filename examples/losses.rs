//! Dice alone and Dice with cross-entropy, as a predicted ball moves away from the reference.

use std::error::Error;

use medseg::losses::{DiceCrossEntropyLossConfig, DiceLossConfig};
use medseg::{Device, Tensor};

fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::flex();
    let dice = DiceLossConfig::default().init()?; // of the sigmoid of logits
    let both = DiceCrossEntropyLossConfig::default().init()?;
    let target = ball(0, &device).greater_elem(0.0).float();
    println!("shift  Dice loss  Dice + cross-entropy");
    for shift in 0..8 {
        let logits = ball(shift, &device);
        let d = dice.forward(logits.clone(), target.clone()).into_scalar::<f32>();
        let b = both.forward(logits, target.clone()).into_scalar::<f32>();
        println!("{shift:5}  {d:9.4}  {b:20.4}");
    }
    Ok(())
}

/// Logits that are positive inside a ball of 5 voxels, which is shifted along the width.
fn ball(shift: usize, device: &Device) -> Tensor<5> {
    let values: Vec<f32> = (0..24 * 24 * 24)
        .map(|i| {
            let (d, h, w) = (i / 576, i / 24 % 24, i % 24);
            let squared = [d as f32 - 12.0, h as f32 - 12.0, w as f32 - 8.0 - shift as f32].map(|x| x * x);
            2.0 * (5.0 - squared.iter().sum::<f32>().sqrt())
        })
        .collect();
    Tensor::<1>::from_floats(values.as_slice(), device).reshape([1, 1, 24, 24, 24])
}
