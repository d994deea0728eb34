//! Max-pooling.

use burn::tensor::{DType, Tensor, TensorData};
use medseg::ops::max_pool3d;

use crate::device::gpu;
use crate::golden;
use crate::same::{F32, Tolerance, numbers, same, same_in, values};

/// Where each voxel belongs to one window at most, nothing is added.
const EXACT: Tolerance = Tolerance { value: 0.0, largest: 0.0 };

/// Numbers of which many are equal, all of them exact in half precision.
fn with_ties<const D: usize>(seed: u64, shape: [usize; D]) -> TensorData {
    map(numbers(seed, shape), f32::round)
}

fn pooled(kernel: usize, stride: usize, padding: usize) -> impl Fn(&[Tensor<5>]) -> Tensor<5> {
    move |x| max_pool3d(x[0].clone(), kernel, stride, padding)
}

fn map(data: TensorData, of: impl Fn(f32) -> f32) -> TensorData {
    let shape = data.shape().clone();
    let values: Vec<f32> = data.try_to_vec().expect("f32");
    TensorData::new(values.into_iter().map(of).collect::<Vec<f32>>(), shape)
}

#[test]
fn golden_files() {
    for case in golden::cases("max_pool3d") {
        assert_eq!(case.params["ceil_mode"], false, "{}", case.name);
        let [kernel, stride, padding] =
            ["kernel_size", "stride", "padding"].map(|name| case.params[name].as_u64().expect("a number") as usize);
        // Overlapping windows' gradients are added in f32, the golden ones were in f64.
        golden::check(&case, |x| max_pool3d(x, kernel, stride, padding), 1e-6);
    }
}

#[test]
fn any_number_of_channels() {
    for channels in [1, 3, 4, 5, 16] {
        let x = [numbers(1, [2, channels, 5, 6, 7])];
        same(&format!("{channels} channels"), &x, pooled(2, 2, 0), EXACT);
        same(&format!("{channels} channels, overlapping"), &x, pooled(3, 2, 1), F32);
    }
}

#[test]
fn any_window() {
    let windows = [(1, 1, 0), (2, 1, 1), (2, 3, 0), (2, 3, 1), (3, 1, 1), (3, 3, 0), (4, 2, 2), (5, 2, 1), (6, 5, 3)];
    for (kernel, stride, padding) in windows {
        let x = [numbers(2, [1, 4, 7, 6, 9])];
        same(&format!("{kernel}, {stride}, {padding}"), &x, pooled(kernel, stride, padding), F32);
    }
    // Too large for a byte to number its voxels: Burn's own operations.
    same("7, 4, 2", &[numbers(2, [1, 1, 7, 6, 9])], pooled(7, 4, 2), F32);
}

#[test]
fn the_first_of_equals_gets_the_gradient() {
    for channels in [3, 8] {
        let x = [with_ties(3, [2, channels, 6, 7, 8])];
        same("ties", &x, pooled(2, 2, 0), EXACT);
        same("ties, overlapping", &x, pooled(3, 2, 1), F32);
        same("all equal", &[map(x[0].clone(), |_| -1.5)], pooled(3, 2, 1), F32);
    }
}

/// WGSL lets a device take NaN and infinities for absent; the kernel asks for the bits of NaN, and of infinities it only
/// compares.
#[test]
fn nan_and_infinities() {
    for special in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let x = map(numbers(4, [1, 5, 6, 7, 8]), |v| if v > 1.0 { special } else { v });
        same(&format!("{special}"), std::slice::from_ref(&x), pooled(2, 2, 0), EXACT);
        same(&format!("{special}, overlapping"), &[x], pooled(3, 2, 1), F32);
    }
    let nothing = map(numbers(4, [1, 4, 4, 5, 6]), |_| f32::NEG_INFINITY);
    same("minus infinity alone", &[nothing], pooled(3, 2, 1), F32);
}

#[test]
fn views() {
    // Channels-last in memory, with and without a whole number of lines.
    for channels in [4, 6] {
        let x = [numbers(5, [2, 5, 6, 7, channels])];
        same("channels last", &x, |x| max_pool3d(x[0].clone().permute([0, 4, 1, 2, 3]), 3, 2, 1), F32);
    }
    let x = [numbers(6, [3, 9, 8, 7, 6])];
    same("sides swapped", &x, |x| max_pool3d(x[0].clone().permute([0, 1, 4, 2, 3]), 2, 2, 0), EXACT);
    let part = |x: &[Tensor<5>]| x[0].clone().slice([1..3, 1..5, 2..8, 0..7, 1..6]);
    same("part", &x, |x| max_pool3d(part(x), 2, 2, 0), EXACT);
    let channels = |x: &[Tensor<5>]| x[0].clone().permute([0, 4, 1, 2, 3]).slice([0..3, 1..5]);
    same("part of channels last", &x, |x| max_pool3d(channels(x), 2, 2, 0), EXACT);
    // The gradient of a sum has one value for all.
    same("broadcast gradient", &x, |x| max_pool3d(x[0].clone(), 3, 2, 1).mean().reshape([1; 5]), F32);
}

#[test]
fn half_precision() {
    for dtype in [DType::F16, DType::BF16] {
        if !gpu().supports_dtype(dtype) {
            continue;
        }
        // Gradients of few windows, rounded to their type once.
        let rounded = Tolerance { value: 1e-2, largest: 1e-2 };
        for channels in [5, 8] {
            let x = [with_ties(7, [2, channels, 5, 6, 7])];
            same_in(dtype, &format!("{dtype:?}"), &x, pooled(2, 2, 0), rounded);
            same_in(dtype, &format!("{dtype:?}, overlapping"), &x, pooled(3, 2, 1), rounded);
        }
    }
}

#[test]
fn as_without_autodiff() {
    for channels in [3, 8] {
        let data = with_ties(8, [2, channels, 5, 6, 7]);
        let [plain, recorded] = [gpu(), gpu().autodiff()].map(|device| {
            let x = Tensor::<5>::from_data(data.clone(), &device);
            values(max_pool3d(if device == gpu() { x } else { x.require_grad() }, 3, 2, 1))
        });
        assert_eq!(plain, recorded);
    }
}
