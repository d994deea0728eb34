//! Where formulas are delicate: constants, large offsets, NaN and infinities, other types, wrong arguments.

use super::compare::{Numbers, add_relu, assert_close, assert_same_bits, relu, tensor, values, with_grad};
use burn::tensor::{DType, Device, Tensor};
use medseg_ops::composed;

#[test]
fn a_constant_channel_becomes_its_bias() {
    let device = Device::flex().autodiff();
    for constant in [0.1f32, -12345.678, 3.0e37] {
        let x = tensor(vec![constant; 3 * 343], [1, 3, 7, 7, 7], &device);
        let affine = || Some((tensor(vec![2.0, 3.0, 4.0], [3], &device), tensor(vec![-1.0, 0.25, 0.0], [3], &device)));
        for norm in [medseg_ops::instance_norm3d, composed::instance_norm3d] {
            assert!(values(norm(x.clone(), None, 1e-5)).iter().all(|&y| y == 0.0), "{constant}");
            let want: Vec<f32> = [-1.0, 0.25, 0.0].iter().flat_map(|&bias| [bias; 343]).collect();
            assert_eq!(values(norm(x.clone(), affine(), 1e-5)), want);
        }
    }
}

#[test]
fn a_large_offset_costs_no_accuracy() {
    let mut numbers = Numbers::new(31);
    let device = Device::flex();
    // Quarters, so that adding the offset is exact.
    let small: Vec<f32> = (0..2 * 32768).map(|_| (numbers.below(64) as f32 - 32.0) / 4.0).collect();
    let large: Vec<f32> = small.iter().map(|x| x + 1.0e6).collect();
    let norm = |x: Vec<f32>| values(medseg_ops::instance_norm3d(tensor(x, [1, 2, 32, 32, 32], &device), None, 1e-5));
    assert_close("offset", &norm(large), &norm(small.clone()), 1e-6, 1e-6);
    // An outlier at the first voxel, where the sums have their origin.
    let mut outlier = small;
    outlier[0] = 1.0e5;
    let got = norm(outlier.clone());
    let mean = outlier[..32768].iter().map(|&x| f64::from(x)).sum::<f64>() / 32768.0;
    let variance = outlier[..32768].iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / 32768.0;
    let want: Vec<f32> =
        outlier[..32768].iter().map(|&x| ((f64::from(x) - mean) / (variance + 1e-5).sqrt()) as f32).collect();
    assert_close("outlier", &got[..32768], &want, 1e-6, 1e-7);
}

#[test]
fn normalised_rows_have_mean_0_and_variance_1() {
    let x = Numbers::new(32).tensor([2, 2, 31, 33, 35], &Device::flex());
    for row in values(medseg_ops::instance_norm3d(x, None, 0.0)).chunks(31 * 33 * 35) {
        let mean = row.iter().map(|&y| f64::from(y)).sum::<f64>() / row.len() as f64;
        let variance = row.iter().map(|&y| f64::from(y).powi(2)).sum::<f64>() / row.len() as f64;
        assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-6, "{mean} {variance}");
    }
}

#[test]
fn nan_and_infinities_pass_through() {
    let mut numbers = Numbers::new(33);
    let shape = [1, 2, 6, 8, 20];
    let device = Device::flex().autodiff();
    for special in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut input = numbers.values(2 * 960);
        input[500] = special;
        let x = tensor(input, shape, &device);
        let pooled = medseg_ops::max_pool3d(x.clone(), 3, 2, 1);
        assert_close("max_pool3d", &values(pooled), &values(composed::max_pool3d(x.clone(), 3, 2, 1)), 0.0, 0.0);
        let (y, grad) = with_grad(|x| medseg_ops::instance_norm3d(x, None, 1e-5), &x, &x.ones_like());
        assert!(y[..960].iter().all(|y| y.is_nan()), "the channel has no mean");
        assert!(y[960..].iter().all(|y| y.is_finite()), "the other has one");
        assert!(grad[960..].iter().all(|g| g.is_finite()));
        let rectified = values(relu(x.clone()));
        assert!(rectified[..960].iter().all(|y| y.is_nan()));
        let sum = values(add_relu(x.clone(), x.clone()));
        assert!(sum[..960].iter().all(|y| y.is_nan()));
        let up = values(medseg_ops::upsample_trilinear2x(x, true));
        assert!(up[..7680].iter().any(|y| !y.is_finite()) && up[7680..].iter().all(|y| y.is_finite()));
    }
}

/// The gradient of `sum(op(x) * cotangent)` in f32 beside the central differences of the same sum in f64.
fn assert_central_differences(what: &str, op: impl Fn(Tensor<5>) -> Tensor<5>, shape: [usize; 5]) {
    let mut numbers = Numbers::new(34);
    let device = Device::flex().autodiff();
    // Values far enough apart that no maximum changes within a step.
    let count = shape.iter().product::<usize>();
    let mut ranks: Vec<usize> = (0..count).collect();
    for i in (1..count).rev() {
        ranks.swap(i, numbers.below(i + 1));
    }
    let x = ranks.iter().map(|&rank| (rank as f32 + 0.5) / count as f32 * 8.0 - 4.0).collect();
    let x = tensor(x, shape, &device);
    let cotangent = numbers.tensor(op(x.clone()).dims(), &device);
    let (_, gradient) = with_grad(&op, &x, &cotangent);
    let [x, cotangent] = [x, cotangent].map(|t| t.inner().cast(DType::F64));
    let sum = |x: Tensor<5>| (op(x) * cotangent.clone()).sum().into_scalar::<f64>();
    let largest = gradient.iter().fold(0.0f64, |largest, &g| largest.max(f64::from(g.abs())));
    for (voxel, &got) in gradient.iter().enumerate().step_by(count / 7) {
        let one = (0..count).map(|i| f32::from(i == voxel)).collect();
        let step = tensor(one, shape, &Device::flex()).cast(DType::F64) * 1e-5;
        let slope = (sum(x.clone() + step.clone()) - sum(x.clone() - step)) / 2e-5;
        assert!((slope - f64::from(got)).abs() < 1e-5 * largest, "{what}, voxel {voxel}: {got}, slope {slope}");
    }
}

#[test]
fn gradients_are_slopes() {
    let shape = [1, 2, 3, 4, 5];
    assert_central_differences("max_pool3d", |x| medseg_ops::max_pool3d(x, 3, 2, 1), shape);
    assert_central_differences("upsample, aligned", |x| medseg_ops::upsample_trilinear2x(x, true), shape);
    assert_central_differences("upsample", |x| medseg_ops::upsample_trilinear2x(x, false), shape);
    assert_central_differences("instance_norm3d", |x| medseg_ops::instance_norm3d(x, None, 1e-5), shape);
    assert_central_differences("norm_relu", relu, shape);
    assert_central_differences("norm_add_relu", |x| add_relu(x.clone(), x.square()), shape);
}

#[test]
fn other_types_take_the_composed_operations() {
    let x = Numbers::new(35).tensor([1, 2, 4, 5, 6], &Device::flex());
    let ops: [fn(Tensor<5>) -> Tensor<5>; 5] = [
        |x| medseg_ops::max_pool3d(x, 3, 2, 1),
        |x| medseg_ops::upsample_trilinear2x(x, true),
        |x| medseg_ops::instance_norm3d(x, None, 1e-5),
        |x| relu(x),
        |x| add_relu(x.clone(), x.flip([2])),
    ];
    for op in ops {
        let want = values(op(x.clone()));
        for (dtype, tolerance) in [(DType::F64, 1e-5), (DType::F16, 5e-3), (DType::BF16, 3e-2)] {
            let y = op(x.clone().cast(dtype));
            assert_eq!(y.dtype(), dtype);
            assert_close(&format!("{dtype:?}"), &values(y.cast(DType::F32)), &want, tolerance, tolerance);
        }
    }
}

#[test]
fn a_shared_gradient_is_left_alone() {
    // An addition hands one gradient tensor to both of its sides, which may not overwrite it for one another.
    let mut numbers = Numbers::new(36);
    let device = Device::flex().autodiff();
    let x = numbers.tensor([1, 2, 3, 4, 5], &device);
    let cotangent = numbers.tensor([1, 2, 3, 4, 5], &device);
    let alone = |op: fn(Tensor<5>) -> Tensor<5>| with_grad(op, &x, &cotangent).1;
    let norm = alone(|x| medseg_ops::instance_norm3d(x, None, 1e-5));
    let rectified = alone(relu);
    let both = alone(|x| medseg_ops::instance_norm3d(x.clone(), None, 1e-5) + relu(x));
    let want: Vec<f32> = norm.iter().zip(&rectified).map(|(a, b)| a + b).collect();
    assert_close("sum of two norms", &both, &want, 1e-5, 1e-6);
}

#[test]
fn doubling_twice_the_same_input_gives_the_same_bits() {
    let x = Numbers::new(37).tensor([2, 3, 9, 10, 11], &Device::flex());
    let first = values(medseg_ops::upsample_trilinear2x(x.clone(), true));
    assert_same_bits("again", &values(medseg_ops::upsample_trilinear2x(x, true)), &first);
}

#[test]
#[should_panic(expected = "more than half the kernel")]
fn too_much_padding_is_refused() {
    medseg_ops::max_pool3d(Tensor::ones([1, 1, 4, 4, 4], &Device::flex()), 3, 2, 2);
}

#[test]
#[should_panic(expected = "fewer than the kernel")]
fn a_side_smaller_than_the_kernel_is_refused() {
    medseg_ops::max_pool3d(Tensor::ones([1, 1, 4, 1, 4], &Device::flex()), 2, 2, 0);
}

#[test]
#[should_panic(expected = "3 channels, but 2 weights")]
fn a_wrong_number_of_weights_is_refused() {
    let device = Device::flex();
    let affine = Some((Tensor::ones([2], &device), Tensor::ones([2], &device)));
    medseg_ops::instance_norm3d(Tensor::ones([1, 3, 4, 4, 4], &device), affine, 1e-5);
}

#[test]
#[should_panic(expected = "differ in shape")]
fn branches_of_different_shapes_are_refused() {
    let device = Device::flex();
    let [a, b] = [4, 5].map(|side| Tensor::ones([1, 1, side, 4, 4], &device));
    add_relu(a, b);
}

#[test]
fn an_empty_batch_gives_an_empty_output() {
    let x = || Tensor::<5>::zeros([0, 2, 4, 6, 8], &Device::flex());
    assert_eq!(medseg_ops::instance_norm3d(x(), None, 1e-5).dims(), [0, 2, 4, 6, 8]);
    assert_eq!(relu(x()).dims(), [0, 2, 4, 6, 8]);
    assert_eq!(add_relu(x(), x()).dims(), [0, 2, 4, 6, 8]);
    assert_eq!(medseg_ops::max_pool3d(x(), 3, 2, 1).dims(), [0, 2, 2, 3, 4]);
    for align_corners in [true, false] {
        assert_eq!(medseg_ops::upsample_trilinear2x(x(), align_corners).dims(), [0, 2, 8, 12, 16]);
    }
}

#[test]
fn a_single_voxel_is_its_own_mean_maximum_and_neighbour() {
    let device = Device::flex().autodiff();
    let (x, ones) = (tensor(vec![3.0, -7.5], [1, 2, 1, 1, 1], &device), Tensor::ones([1, 2, 1, 1, 1], &device));
    let (y, grad) = with_grad(|x| medseg_ops::instance_norm3d(x, None, 1e-5), &x, &ones);
    assert_eq!((y, grad), (vec![0.0, 0.0], vec![0.0, 0.0]));
    let (y, grad) = with_grad(|x| medseg_ops::max_pool3d(x, 3, 2, 1), &x, &ones);
    assert_eq!((y, grad), (vec![3.0, -7.5], vec![1.0, 1.0]));
    let eight = Tensor::ones([1, 2, 2, 2, 2], &device);
    for align_corners in [true, false] {
        let (y, grad) = with_grad(|x| medseg_ops::upsample_trilinear2x(x, align_corners), &x, &eight);
        assert_eq!((y, grad), ([[3.0; 8], [-7.5; 8]].concat(), vec![8.0, 8.0]));
    }
}
