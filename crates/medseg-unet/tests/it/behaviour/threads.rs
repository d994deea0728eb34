//! The number of threads changes no bit of output and gradients.

use burn::tensor::Device;
use medseg_unet::{UNetConfig, Upsample};

use super::networks::{noise, small};

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let device = Device::flex().autodiff();
    for upsample in [Upsample::Trilinear, Upsample::Transposed] {
        let config = UNetConfig { dropout: 0.0, upsample, conv_bias: true, final_bias: true, ..small() };
        let network = config.init_seeded(1, &device).unwrap();
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let y = network.forward(noise([2, 1, 32, 48, 32], 2, &device));
                let grads = (y.clone() * noise(y.dims(), 3, &device)).sum().backward();
                (y.into_data(), network.named_gradients(&grads))
            })
        };
        let one = run(1);
        for threads in [2, 5] {
            assert!(run(threads) == one, "{threads} threads, {upsample:?}");
        }
    }
}
