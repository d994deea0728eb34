//! Gradient checkpointing on the GPU: operations compute again what they did not keep.

use burn::tensor::{Tensor, TensorData};
use medseg::Device;
use medseg::ops::{
    ConvOptions, NormRelu, Precision, Upsample, conv3d, conv3d_concat, instance_norm3d, max_pool3d, norm_add_relu,
    norm_relu, norm_relu_conv3d,
};

use crate::device::gpu;
use crate::same::{F32, assert_close, layers, numbers, values};

const SAME: ConvOptions = ConvOptions { stride: [1; 3], padding: [1; 3], precision: Precision::F32 };

type Network = fn([Tensor<5>; 3]) -> Tensor<5>;

fn networks() -> [(&'static str, Network); 5] {
    [
        ("norm", |[x, w, _]| conv3d(instance_norm3d(x, None, 1e-5), w, None, SAME)),
        ("norm and ReLU", |[x, w, _]| conv3d(norm_relu(x, NormRelu::default()), w, None, SAME)),
        ("norm, ReLU, convolution", |[x, w, _]| norm_relu_conv3d(x, NormRelu::default(), w, SAME)),
        ("branches", |[x, w, _]| {
            let y = conv3d(x.clone(), w.clone(), None, SAME);
            conv3d(norm_add_relu([(x, None), (y, None)], 0.0, 1e-5), w, None, SAME)
        }),
        ("joined", |[x, w, joined]| {
            let skip = norm_relu(conv3d(x, w, None, SAME), NormRelu::default());
            let pooled = || (max_pool3d(skip.clone(), 2, 2, 0), None);
            let below = norm_add_relu([pooled(), pooled()], 0.0, 1e-5);
            conv3d_concat(skip, below, joined, Upsample::Trilinear2x { align_corners: true }, SAME)
        }),
    ]
}

/// Reproducible numbers that TF32 has exactly, so that no rounding moves a value over the kink of a ReLU.
fn exact(seed: u64, shape: [usize; 5]) -> TensorData {
    let numbers = numbers(seed, shape).convert::<f32>();
    let rounded = numbers.iter::<f32>().map(|number| (number * 256.0).round() / 256.0).collect::<Vec<f32>>();
    TensorData::new(rounded, shape)
}

/// The gradients of x and the weights that the network uses.
fn gradients(device: &Device, network: Network) -> Vec<Vec<f32>> {
    let shapes = [[2, 4, 6, 4, 8], [4, 4, 3, 3, 3], [4, 8, 3, 3, 3]];
    let leaves = [0, 1, 2].map(|n| Tensor::<5>::from_data(exact(n as u64, shapes[n]), device).require_grad());
    let y = network(leaves.clone());
    let cotangent = Tensor::<5>::from_data(numbers(4, y.dims()), device);
    let grads = (y * cotangent).sum().backward();
    leaves.iter().filter_map(|x| x.grad(&grads)).map(values).collect()
}

#[test]
fn what_is_computed_again_gives_what_was_kept() {
    for (name, network) in networks() {
        let want = gradients(&Device::flex().autodiff(), network);
        let got = gradients(&gpu().autodiff().gradient_checkpointing(), network);
        for (number, (got, want)) in got.iter().zip(&want).enumerate() {
            assert_close(&format!("{name}: gradient {number}"), got, want, layers(F32));
        }
    }
}
