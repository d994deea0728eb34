//! Wrong lengths panic before anything is computed.

use medseg_kernels::conv::{Algorithm, Sink, Source};
use medseg_kernels::norm::Affine;
use medseg_kernels::{Conv3d, InstanceNorm3d, MaxPool3d};

#[test]
#[should_panic(expected = "input values")]
fn too_few_input_values() {
    let _ = Source::new(&[0.0; 10], 1, 2, [2, 2, 3]);
}

#[test]
#[should_panic(expected = "weights")]
fn weights_of_another_kernel() {
    let mut y = [0.0; 12];
    Conv3d::new(1, 1, [3; 3]).with_padding([1; 3]).forward(
        &Source::new(&[0.0; 12], 1, 1, [2, 2, 3]),
        &[0.0; 8],
        &Sink::new(&mut y, 1, 1, 12),
    );
}

#[test]
#[should_panic(expected = "sizes of the output")]
fn an_output_of_another_shape() {
    let mut y = [0.0; 12];
    Conv3d::new(1, 1, [1; 3]).with_stride([2; 3]).forward(
        &Source::new(&[0.0; 12], 1, 1, [2, 2, 3]),
        &[0.0],
        &Sink::new(&mut y, 1, 1, 12),
    );
}

#[test]
#[should_panic(expected = "gradient values")]
fn a_gradient_of_another_shape() {
    let _ = Conv3d::new(1, 1, [1; 3]).weight_grad(&Source::new(&[0.0; 12], 1, 1, [2, 2, 3]), &[0.0; 11]);
}

#[test]
#[should_panic(expected = "does not compute")]
fn an_algorithm_for_another_kernel() {
    let _ = Conv3d::new(1, 1, [2; 3]).with_algorithm(Algorithm::Winograd).algorithm();
}

#[test]
#[should_panic(expected = "2 affines for 3 rows")]
fn affines_that_fit_no_channel() {
    InstanceNorm3d::new(4).forward_in_place(&mut [0.0; 12], &[], &[Affine::IDENTITY; 2]);
}

#[test]
#[should_panic(expected = "values of input and output")]
fn a_pooled_output_of_another_size() {
    MaxPool3d::new(2, 2, 0).forward(&[0.0; 8], [2; 3], &mut [0.0; 2]);
}

#[test]
#[should_panic(expected = "values for channels of [1, 1, 2]")]
fn an_upsampled_output_of_another_size() {
    medseg_kernels::upsample_trilinear2x(&[0.0; 2], [1, 1, 2], true, &mut [0.0; 8]);
}
