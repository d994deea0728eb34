//! The CPU kernels alone: a convolution by every instruction set of this processor, with its gradients.

use std::time::Instant;

use medseg::kernels::conv::{Sink, Source};
use medseg::kernels::{Conv3d, Isa};

fn main() {
    let (channels, shape) = (16, [48; 3]);
    let voxels: usize = shape.iter().product();
    let numbers = |count: usize| -> Vec<f32> { (0..count).map(|n| (n * 7 % 11) as f32 - 5.0).collect() };
    let (x, weight) = (numbers(channels * voxels), numbers(channels * channels * 27));
    let source = Source::new(&x, 1, channels, shape);

    let mut results = Vec::new();
    for isa in Isa::available() {
        let conv = Conv3d::new(channels, channels, [3; 3]).with_padding([1; 3]).with_isa(isa);
        let (mut y, mut x_grad) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        let start = Instant::now();
        conv.forward(&source, &weight, &Sink::new(&mut y, 1, channels, voxels));
        let forward = start.elapsed();
        conv.input_grad(&y, &weight, shape, &Sink::new(&mut x_grad, 1, channels, voxels));
        let weight_grad = conv.weight_grad(&source, &x);
        println!("{isa}: {forward:.1?} forward, {:.1?} with both gradients", start.elapsed());
        results.push((y, weight_grad));
    }
    let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-5 * b.abs().max(1000.0));
    let first = &results[0];
    let alike = results.iter().all(|(y, grad)| near(y, &first.0) && near(grad, &first.1));
    assert!(alike, "instruction sets differ by rounding alone");
}
