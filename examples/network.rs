//! A network of a hand-written description learns to find bright balls: `cargo run --example network`.

use std::error::Error;

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use medseg::architecture::{Architecture, Block, Branch, Join, Layer, Stage};
use medseg::losses::DiceLossConfig;
use medseg::network::Network;
use medseg::{Device, Tensor};

/// Two levels, joined by a sum instead of a concatenation.
fn architecture() -> Architecture {
    let block = || Block::new([Layer::conv([3; 3]), Layer::instance_norm(), Layer::Relu]);
    let pool = Layer::MaxPool { kernel: 2, stride: 2, padding: 0 };
    let up = [Layer::conv([1; 3]), Layer::Upsample { align_corners: false }];
    let stages = vec![
        Stage::new("top", "image", block()).with_channels(4),
        Stage::of("bottom", [Branch::through("top", [pool])], Join::Concat, block()).with_channels(8),
        Stage::of("joined", [Branch::new("top"), Branch::through("bottom", up)], Join::Add, block()).with_channels(4),
        Stage::new("logits", "joined", Block::new([Layer::head(1)])),
    ];
    Architecture { in_channels: 1, blocks: Default::default(), stages, outputs: vec!["logits".into()] }
}

fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::flex().autodiff();
    let mut network = Network::seeded(&architecture(), 1, &device)?;
    let (mut optimizer, loss) = (AdamConfig::new().init(), DiceLossConfig::default().init()?);
    let axis = Tensor::<1>::from_floats(std::array::from_fn::<_, 16, _>(|i| (i as f32 - 7.5).powi(2)), &device);
    let distance = axis.clone().reshape([1, 1, 16, 1, 1])
        + axis.clone().reshape([1, 1, 1, 16, 1])
        + axis.reshape([1, 1, 1, 1, 16]);
    let ball = distance.lower_elem(25.0).float();
    let image = ball.clone() * 0.8 + 0.1;
    for step in 0..=30 {
        let value = loss.forward(network.forward(image.clone()), ball.clone());
        if step % 10 == 0 {
            println!("step {step}: loss {:.3}", value.clone().into_scalar::<f32>());
        }
        let gradients = GradientsParams::from_grads(value.backward(), &network);
        network = optimizer.step(0.02, network, gradients);
    }
    let logits = network.valid().forward(image.inner());
    let found = logits.greater_elem(0.0).float().sum().into_scalar::<f32>();
    println!("{found} voxels found, {} in the ball", ball.sum().into_scalar::<f32>());
    Ok(())
}
