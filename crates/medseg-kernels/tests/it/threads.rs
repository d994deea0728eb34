//! The number of threads changes no bit.

use medseg_kernels::conv::{Sink, Source};
use medseg_kernels::norm::Affine;
use medseg_kernels::{Conv3d, InstanceNorm3d};

#[test]
fn results_are_the_same_bits_for_any_number_of_threads() {
    let (shape, voxels) = ([33, 31, 35], 33 * 31 * 35);
    let x: Vec<f32> = (0..3 * voxels).map(|n| (n as f32 * 0.37).sin()).collect();
    let weight: Vec<f32> = (0..3 * 5 * 27).map(|n| (n as f32 * 0.61).cos()).collect();
    let run = || {
        let conv = Conv3d::new(3, 5, [3; 3]).with_padding([1; 3]);
        let source = Source::new(&x, 1, 3, shape);
        let (mut y, mut x_grad) = (vec![0.0; 5 * voxels], vec![0.0; x.len()]);
        conv.forward(&source, &weight, &Sink::new(&mut y, 1, 5, voxels));
        conv.input_grad(&y, &weight, shape, &Sink::new(&mut x_grad, 1, 3, voxels));
        let (norm, mut out, mut grad) = (InstanceNorm3d::new(voxels), vec![0.0; y.len()], y.clone());
        let moments = norm.moments(&y);
        norm.forward(&y, &moments, &[Affine::IDENTITY], &mut out);
        let sums = norm.backward(&y, &mut grad, &moments, &[Affine::IDENTITY]);
        (conv.weight_grad(&source, &y), x_grad, out, grad, sums, y)
    };
    let with = |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run);
    let one = with(1);
    assert!([2, 3, 8].into_iter().all(|threads| with(threads) == one));
}
