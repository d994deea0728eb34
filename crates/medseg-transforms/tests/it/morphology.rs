//! Erosion, dilation and opening against their definitions, voxel by voxel.

use medseg_transforms::{binary_dilation, binary_erosion, binary_opening};
use ndarray::Array3;
use proptest::prelude::*;

/// The six neighbours of a voxel, false beyond the border.
fn neighbours(mask: &Array3<bool>, (z, y, x): (usize, usize, usize)) -> Vec<bool> {
    let steps: [[isize; 3]; 6] = [[-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0], [0, 0, -1], [0, 0, 1]];
    let at = |[a, b, c]: [isize; 3]| {
        let (z, y, x) = (z.checked_add_signed(a)?, y.checked_add_signed(b)?, x.checked_add_signed(c)?);
        mask.get((z, y, x)).copied()
    };
    steps.map(|step| at(step).unwrap_or(false)).to_vec()
}

fn eroded(mask: &Array3<bool>) -> Array3<bool> {
    Array3::from_shape_fn(mask.dim(), |at| mask[at] && neighbours(mask, at).iter().all(|n| *n))
}

fn dilated(mask: &Array3<bool>) -> Array3<bool> {
    Array3::from_shape_fn(mask.dim(), |at| mask[at] || neighbours(mask, at).iter().any(|n| *n))
}

fn within(part: &Array3<bool>, whole: &Array3<bool>) -> bool {
    part.iter().zip(whole).all(|(part, whole)| !part || *whole)
}

prop_compose! {
    fn masks()(shape in (1_usize..9, 1_usize..9, 1_usize..9), share in 1_u64..10, seed in any::<u64>()) -> Array3<bool> {
        let (d, h, w) = shape;
        let voxels = medseg_testing::noise(d * h * w, seed).into_iter().map(|v| v * 10.0 < share as f64).collect();
        Array3::from_shape_vec(shape, voxels).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn they_follow_their_definitions(mask in masks(), iterations in 0_usize..4) {
        prop_assert_eq!(binary_erosion(&mask), eroded(&mask));
        prop_assert_eq!(binary_dilation(&mask), dilated(&mask));
        let small = (0..iterations).fold(mask.clone(), |mask, _| eroded(&mask));
        let opened = (0..iterations).fold(small, |mask, _| dilated(&mask));
        prop_assert_eq!(binary_opening(mask, iterations), opened);
    }

    #[test]
    fn an_opening_only_takes_away_and_does_so_once(mask in masks(), iterations in 1_usize..3) {
        let opened = binary_opening(mask.clone(), iterations);
        prop_assert!(within(&opened, &mask));
        prop_assert!(within(&binary_erosion(&mask), &mask) && within(&mask, &binary_dilation(&mask)));
        prop_assert_eq!(binary_opening(opened.clone(), iterations), opened);
    }
}

#[test]
fn no_iteration_changes_nothing() {
    let mask = medseg_testing::ball([7, 6, 5], [3.0, 2.0, 2.0], 1.5).mapv(|v| v == 1);
    assert_eq!(binary_opening(mask.clone(), 0), mask);
}

#[test]
fn beyond_the_border_is_background() {
    let full = Array3::from_elem((3, 4, 5), true);
    let inner = Array3::from_shape_fn((3, 4, 5), |(z, y, x)| z == 1 && (1..3).contains(&y) && (1..4).contains(&x));
    assert_eq!(binary_erosion(&full), inner);
    for shape in [(1, 1, 1), (1, 5, 5), (5, 1, 5), (5, 5, 1), (2, 2, 2)] {
        assert!(binary_erosion(&Array3::from_elem(shape, true)).iter().all(|v| !v), "{shape:?}");
    }
}

#[test]
fn empty_masks_stay_empty() {
    for shape in [(0, 3, 3), (3, 0, 3), (3, 3, 0)] {
        let mask = Array3::from_elem(shape, true);
        assert_eq!(binary_opening(mask.clone(), 2), mask);
        assert_eq!(binary_dilation(&mask), mask);
    }
}

#[test]
fn the_number_of_threads_and_the_order_of_the_voxels_change_nothing() {
    let mask = medseg_testing::ball([20, 21, 22], [9.0, 10.0, 11.0], 8.0).mapv(|v| v == 1);
    let run = || binary_opening(mask.clone(), 3);
    let with = |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run);
    assert!([2, 3, 8].into_iter().all(|threads| with(threads) == with(1)));
    let turned = mask.clone().permuted_axes([2, 0, 1]);
    assert_eq!(binary_erosion(&turned), binary_erosion(&mask).permuted_axes([2, 0, 1]));
}
