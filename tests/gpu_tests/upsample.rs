//! Trilinear enlargement.

use burn::tensor::{DType, Tensor};
use medseg::ops::upsample_trilinear2x;

use crate::device::gpu;
use crate::golden;
use crate::same::{F32, Tolerance, numbers, same, same_in, values};

const ALIGNED: [bool; 2] = [true, false];

fn doubled(align_corners: bool) -> impl Fn(&[Tensor<5>]) -> Tensor<5> {
    move |x| upsample_trilinear2x(x[0].clone(), align_corners)
}

#[test]
fn golden_files() {
    let cases = golden::cases("upsample_trilinear");
    let doubling: Vec<_> = cases.iter().filter(|case| case.params["scale_factor"] == 2).collect();
    assert!(!doubling.is_empty());
    for case in doubling {
        let align_corners = case.params["align_corners"].as_bool().expect("yes or no");
        golden::check(case, |x| upsample_trilinear2x(x, align_corners), 0.0);
    }
}

#[test]
fn any_number_of_channels() {
    for align_corners in ALIGNED {
        for channels in [1, 3, 4, 5, 16] {
            let x = [numbers(1, [2, channels, 3, 5, 4])];
            same(&format!("{channels} channels"), &x, doubled(align_corners), F32);
        }
    }
}

/// Sides of one voxel, and of more and fewer than a unit's share.
#[test]
fn any_sides() {
    for align_corners in ALIGNED {
        for sides in [[1, 1, 1], [1, 2, 3], [2, 1, 6], [3, 4, 1], [4, 2, 2], [5, 3, 3], [9, 2, 1], [8, 5, 7]] {
            let [depth, height, width] = sides;
            same(&format!("{sides:?}"), &[numbers(2, [1, 4, depth, height, width])], doubled(align_corners), F32);
        }
    }
}

#[test]
fn views() {
    for align_corners in ALIGNED {
        let up = |x: Tensor<5>| upsample_trilinear2x(x, align_corners);
        for channels in [4, 6] {
            let x = [numbers(3, [2, 3, 4, 5, channels])];
            same("channels last", &x, |x| up(x[0].clone().permute([0, 4, 1, 2, 3])), F32);
        }
        let x = [numbers(4, [3, 9, 4, 5, 6])];
        same("sides swapped", &x, |x| up(x[0].clone().permute([0, 1, 4, 2, 3])), F32);
        same("part", &x, |x| up(x[0].clone().slice([1..3, 1..5, 1..4, 0..5, 1..6])), F32);
        same("part of channels last", &x, |x| up(x[0].clone().permute([0, 4, 1, 2, 3]).slice([0..3, 1..5])), F32);
        same("broadcast gradient", &x, |x| up(x[0].clone()).mean().reshape([1; 5]), F32);
    }
}

#[test]
fn half_precision() {
    for dtype in [DType::F16, DType::BF16] {
        if !gpu().supports_dtype(dtype) {
            continue;
        }
        let rounded = Tolerance { value: 1e-2, largest: 1e-2 };
        for align_corners in ALIGNED {
            for channels in [5, 8] {
                let x = [numbers(5, [2, channels, 3, 4, 5])];
                same_in(dtype, &format!("{dtype:?}"), &x, doubled(align_corners), rounded);
            }
        }
    }
}

#[test]
fn the_gradient_is_the_same_when_run_again() {
    let device = gpu().autodiff();
    let gradient = || {
        let x = Tensor::<5>::from_data(numbers(6, [2, 8, 5, 6, 7]), &device).require_grad();
        let y = upsample_trilinear2x(x.clone(), true);
        let cotangent = Tensor::<5>::from_data(numbers(7, y.dims()), &device);
        values(x.grad(&(y * cotangent).sum().backward()).expect("a gradient"))
    };
    assert_eq!(gradient(), gradient());
}
