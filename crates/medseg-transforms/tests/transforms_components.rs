//! Components against a flood fill that visits one voxel at a time.

use medseg_transforms::{Connectivity, fill_holes, keep_largest, label_components, remove_small_objects};
use ndarray::Array3;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const ALL: [(Connectivity, usize); 3] = [(Connectivity::Face, 6), (Connectivity::Edge, 18), (Connectivity::Vertex, 26)];

/// Masks of any shape, flat and empty ones too, from sparse to dense.
fn masks(seed: u64) -> impl Iterator<Item = Array3<u8>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..300).map(move |_| {
        let sides: [usize; 3] = std::array::from_fn(|_| rng.random_range(0..9));
        let density = rng.random_range(0.05..0.95);
        Array3::from_shape_simple_fn(sides, || u8::from(rng.random_bool(density)) * rng.random_range(1..5))
    })
}

/// Indices of the neighbours inside a volume.
fn neighbours(at: [usize; 3], sides: [usize; 3], count: usize) -> Vec<[usize; 3]> {
    let most = [6, 18, 26].iter().position(|n| *n == count).unwrap() + 1;
    let steps = (0..27).map(|n| [n / 9, n / 3 % 3, n % 3].map(|v| v as isize - 1));
    let near = steps.filter(|step| (1..=most).contains(&step.iter().filter(|v| **v != 0).count()));
    let moved = near.filter_map(|step| {
        let mut to = [0; 3];
        for axis in 0..3 {
            to[axis] = at[axis].checked_add_signed(step[axis]).filter(|v| *v < sides[axis])?;
        }
        Some(to)
    });
    moved.collect()
}

fn flood(mask: &Array3<u8>, count: usize) -> (Array3<u32>, Vec<usize>) {
    let sides: [usize; 3] = mask.dim().into();
    let (mut labels, mut sizes) = (Array3::zeros(mask.dim()), Vec::new());
    for (first, value) in mask.indexed_iter() {
        if *value == 0 || labels[first] != 0 {
            continue;
        }
        sizes.push(0);
        let number = sizes.len() as u32;
        labels[first] = number;
        let mut open = vec![<[usize; 3]>::from(first)];
        while let Some(at) = open.pop() {
            sizes[number as usize - 1] += 1;
            for to in neighbours(at, sides, count) {
                if mask[to] != 0 && labels[to] == 0 {
                    labels[to] = number;
                    open.push(to);
                }
            }
        }
    }
    (labels, sizes)
}

#[test]
fn components_are_those_of_a_flood_fill() {
    for mask in masks(1) {
        for (connectivity, count) in ALL {
            let got = label_components(&mask.view(), connectivity);
            assert_eq!((got.labels, got.sizes), flood(&mask, count), "{connectivity:?} of {mask}");
        }
    }
}

#[test]
fn the_memory_order_of_a_mask_does_not_matter() {
    for mask in masks(2).take(50) {
        let turned = mask.clone().reversed_axes();
        let plain = turned.as_standard_layout().into_owned();
        for (connectivity, _) in ALL {
            assert_eq!(
                label_components(&turned.view(), connectivity),
                label_components(&plain.view(), connectivity),
                "{connectivity:?}"
            );
        }
    }
}

#[test]
fn the_largest_component_stays_and_the_last_of_equal_ones() {
    for mask in masks(3) {
        for (connectivity, count) in ALL {
            let (labels, sizes) = flood(&mask, count);
            let most = sizes.iter().max().copied().unwrap_or(0);
            let kept = sizes.iter().rposition(|size| *size == most).map_or(0, |n| n as u32 + 1);
            let mut got = mask.clone();
            keep_largest(&mut got, connectivity);
            let want = Array3::from_shape_fn(mask.dim(), |at| if labels[at] == kept { mask[at] } else { 0 });
            assert_eq!(got, want, "{connectivity:?} of {mask}");
        }
    }
}

#[test]
fn components_below_a_size_go() {
    for mask in masks(4) {
        for (connectivity, count) in ALL {
            let (labels, sizes) = flood(&mask, count);
            for least in [0, 1, 2, 5, 1000] {
                let mut got = mask.clone();
                remove_small_objects(&mut got, least, connectivity);
                let stays = |at: (usize, usize, usize)| mask[at] != 0 && sizes[labels[at] as usize - 1] >= least;
                let want = Array3::from_shape_fn(mask.dim(), |at| if stays(at) { mask[at] } else { 0 });
                assert_eq!(got, want, "{connectivity:?}, {least}");
            }
        }
    }
}

#[test]
fn only_background_that_never_meets_the_border_is_filled() {
    for mask in masks(5) {
        for (connectivity, count) in ALL {
            let (labels, sizes) = flood(&mask.mapv(|v| u8::from(v == 0)), count);
            let mut open = vec![false; sizes.len() + 1];
            let sides: [usize; 3] = mask.dim().into();
            for (at, number) in labels.indexed_iter() {
                let at: [usize; 3] = at.into();
                open[*number as usize] |= (0..3).any(|axis| at[axis] == 0 || at[axis] + 1 == sides[axis]);
            }
            let mut got = mask.clone();
            fill_holes(&mut got, connectivity);
            let filled = |at: (usize, usize, usize)| mask[at] == 0 && !open[labels[at] as usize];
            let want = Array3::from_shape_fn(mask.dim(), |at| if filled(at) { 1 } else { mask[at] });
            assert_eq!(got, want, "{connectivity:?} of {mask}");
        }
    }
}
