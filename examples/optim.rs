//! The experiments' learning rates, and a small fit with NovoGrad under them.

use std::error::Error;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::GradientsParams;
use medseg::optim::{CosineWarmRestarts, NovoGradConfig};
use medseg::{Device, Tensor};

fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::flex().autodiff();
    device.seed(0);
    let x = Tensor::<2>::random([64, 8], burn::tensor::Distribution::Normal(0.0, 1.0), &device);
    let wanted = x.clone().sum_dim(1) * 0.5 + 1.0;

    let mut model: Linear = LinearConfig::new(8, 1).init(&device);
    println!("{} parameters", model.num_params());
    let mut optimizer = NovoGradConfig::default().init()?;
    let mut schedule = CosineWarmRestarts::new(0.1, 5, 3, 0.0)?; // maxima at epochs 0, 5, 20, 65
    for epoch in 0..65 {
        let loss = (model.forward(x.clone()) - wanted.clone()).powi_scalar(2).mean();
        if epoch % 5 == 0 {
            println!("epoch {epoch:2}  lr {:.4}  loss {:.5}", schedule.lr(), loss.clone().into_scalar::<f32>());
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(schedule.lr(), model, gradients);
        schedule.step();
    }
    Ok(())
}
