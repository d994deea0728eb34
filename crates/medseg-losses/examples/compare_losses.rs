//! Compares the losses on the same mistakes: a ball that is shifted, too small, too large, or missed.
//!
//! `cargo run -p medseg-losses --example compare_losses`

use std::error::Error;

use burn::tensor::{Device, Tensor};
use medseg_losses::{
    CrossEntropyLossConfig, DiceFocalLossConfig, DiceLossConfig, FocalLossConfig, GeneralizedDiceLossConfig,
    TverskyLossConfig,
};

fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::flex();
    let target = ball(6.0, 0.0, &device).greater_elem(0.0).float();
    let dice = DiceLossConfig::default().init()?;
    let generalized = GeneralizedDiceLossConfig::default().init()?;
    let recall = TverskyLossConfig { alpha: 0.2, beta: 0.8, ..TverskyLossConfig::default() }.init()?;
    let cross_entropy = CrossEntropyLossConfig::default().init()?;
    let focal = FocalLossConfig::default().init()?;
    let both = DiceFocalLossConfig::default().init()?;
    println!("mistake       Dice  generalised  Tversky(0.2, 0.8)  cross-entropy   focal  Dice + focal");
    let mistakes = [
        ("none", 6.0, 0.0),
        ("shifted", 6.0, 3.0),
        ("too small", 4.0, 0.0),
        ("too large", 8.0, 0.0),
        ("missed", -1.0, 0.0),
    ];
    for (name, radius, shift) in mistakes {
        let logits = ball(radius, shift, &device);
        let losses = [
            dice.forward(logits.clone(), target.clone()),
            generalized.forward(logits.clone(), target.clone()),
            recall.forward(logits.clone(), target.clone()),
            cross_entropy.forward(logits.clone(), target.clone()),
            focal.forward(logits.clone(), target.clone()),
            both.forward(logits, target.clone()),
        ];
        let [a, b, c, d, e, f] = losses.map(|loss| loss.into_scalar::<f32>());
        println!("{name:10} {a:7.4} {b:12.4} {c:18.4} {d:14.4} {e:7.4} {f:13.4}");
    }
    Ok(())
}

/// Logits that are positive inside a ball, shifted along the width.
fn ball(radius: f32, shift: f32, device: &Device) -> Tensor<5> {
    let values: Vec<f32> = (0..24 * 24 * 24)
        .map(|i| {
            let (d, h, w) = (i / 576, i / 24 % 24, i % 24);
            let squared = [d as f32 - 12.0, h as f32 - 12.0, w as f32 - 12.0 - shift].map(|x| x * x);
            4.0 * (radius - squared.iter().sum::<f32>().sqrt())
        })
        .collect();
    Tensor::<1>::from_floats(values.as_slice(), device).reshape([1, 1, 24, 24, 24])
}
