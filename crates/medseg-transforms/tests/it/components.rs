//! Components against a flood fill that visits one voxel at a time.

use medseg_transforms::{
    Connectivity, FillHoles, KeepLargestComponents, RemoveSmallObjects, fill_holes, keep_largest, label_components,
    one_hot, remove_components, remove_small_objects,
};
use ndarray::Array3;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const ALL: [(Connectivity, usize); 3] = [(Connectivity::Face, 6), (Connectivity::Edge, 18), (Connectivity::Vertex, 26)];

/// Masks of any shape, flat and empty ones too, from sparse to dense.
fn masks(seed: u64) -> impl Iterator<Item = Array3<u8>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..300).map(move |_| {
        let lengths: [usize; 3] = std::array::from_fn(|_| rng.random_range(0..9));
        let density = rng.random_range(0.05..0.95);
        Array3::from_shape_simple_fn(lengths, || u8::from(rng.random_bool(density)) * rng.random_range(1..5))
    })
}

/// Indices of the neighbours inside a volume.
fn neighbours(at: [usize; 3], lengths: [usize; 3], count: usize) -> Vec<[usize; 3]> {
    let most = [6, 18, 26].iter().position(|n| *n == count).unwrap() + 1;
    let steps = (0..27).map(|n| [n / 9, n / 3 % 3, n % 3].map(|v| v as isize - 1));
    let near = steps.filter(|step| (1..=most).contains(&step.iter().filter(|v| **v != 0).count()));
    let moved = near.filter_map(|step| {
        let mut to = [0; 3];
        for axis in 0..3 {
            to[axis] = at[axis].checked_add_signed(step[axis]).filter(|v| *v < lengths[axis])?;
        }
        Some(to)
    });
    moved.collect()
}

fn flood(mask: &Array3<u8>, count: usize) -> (Array3<u32>, Vec<usize>) {
    let lengths: [usize; 3] = mask.dim().into();
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
            for to in neighbours(at, lengths, count) {
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
            let lengths: [usize; 3] = mask.dim().into();
            for (at, number) in labels.indexed_iter() {
                let at: [usize; 3] = at.into();
                open[*number as usize] |= (0..3).any(|axis| at[axis] == 0 || at[axis] + 1 == lengths[axis]);
            }
            let mut got = mask.clone();
            fill_holes(&mut got, connectivity);
            let filled = |at: (usize, usize, usize)| mask[at] == 0 && !open[labels[at] as usize];
            let want = Array3::from_shape_fn(mask.dim(), |at| if filled(at) { 1 } else { mask[at] });
            assert_eq!(got, want, "{connectivity:?} of {mask}");
        }
    }
}

/// Of every value but 0 by itself: the flood fills of one mask a value.
fn flood_by_value(label: &Array3<u8>, count: usize) -> Vec<(u8, Array3<u32>, Vec<usize>)> {
    let of = |value| {
        let (labels, sizes) = flood(&label.mapv(|v| u8::from(v == value)), count);
        (value, labels, sizes)
    };
    (1..5).map(of).collect()
}

#[test]
fn the_largest_components_of_every_label_stay() {
    for label in masks(6) {
        for (connectivity, count) in ALL {
            for components in [0, 1, 2] {
                for labels in [None, Some(vec![2, 3])] {
                    let mut want = label.clone();
                    for (value, numbers, sizes) in flood_by_value(&label, count) {
                        if labels.as_ref().is_some_and(|labels| !labels.contains(&value)) {
                            continue;
                        }
                        // By size, of equal ones the later first.
                        let mut order: Vec<usize> = (0..sizes.len()).collect();
                        order.sort_by_key(|n| std::cmp::Reverse((sizes[*n], *n)));
                        let kept = &order[..components.min(order.len())];
                        for (at, number) in numbers.indexed_iter() {
                            if *number != 0 && !kept.contains(&(*number as usize - 1)) {
                                want[at] = 0;
                            }
                        }
                    }
                    let transform = KeepLargestComponents { labels, independent: true, connectivity, components };
                    let mut got = label.clone();
                    transform.apply(&mut got);
                    assert_eq!(got, want, "{transform:?} of {label}");
                    // The same as a one-hot map.
                    let mut channels = one_hot(&label.view(), 5).unwrap();
                    transform.apply_one_hot(&mut channels).unwrap();
                    for value in 1..5u8 {
                        let channel = channels.index_axis(ndarray::Axis(0), usize::from(value)).to_owned();
                        assert_eq!(channel, got.mapv(|v| u8::from(v == value)));
                    }
                }
            }
        }
    }
}

#[test]
fn the_largest_component_of_the_union_stays_with_all_its_labels() {
    for label in masks(7) {
        let transform = KeepLargestComponents { independent: false, ..KeepLargestComponents::default() };
        let (mut got, mut want) = (label.clone(), label.clone());
        transform.apply(&mut got);
        keep_largest(&mut want, Connectivity::Vertex);
        assert_eq!(got, want);
        let mut channels = one_hot(&label.view(), 5).unwrap();
        transform.apply_one_hot(&mut channels).unwrap();
        let any = channels.slice(ndarray::s![1.., .., .., ..]).sum_axis(ndarray::Axis(0));
        assert_eq!(any, want.mapv(|v| u8::from(v != 0)));
    }
    let mut two = ndarray::Array4::<u8>::zeros((2, 1, 1, 1));
    let missing = KeepLargestComponents { labels: Some(vec![5]), ..KeepLargestComponents::default() };
    assert!(missing.apply_one_hot(&mut two).unwrap_err().to_string().contains("label 5"));
}

#[test]
fn small_components_of_every_label_go() {
    for label in masks(8) {
        for (connectivity, count) in ALL {
            let (mut want, mut want_of_2) = (label.clone(), label.clone());
            for (value, numbers, sizes) in flood_by_value(&label, count) {
                for (at, number) in numbers.indexed_iter() {
                    if *number != 0 && sizes[*number as usize - 1] < 3 {
                        want[at] = 0;
                        want_of_2[at] *= u8::from(value != 2);
                    }
                }
            }
            let mut got = label.clone();
            RemoveSmallObjects { least: 3, by_label: true, connectivity }.apply(&mut got);
            assert_eq!(got, want);
            let mut got = label.clone();
            remove_components(&mut got, connectivity, |value, voxels| value == 2 && voxels < 3);
            assert_eq!(got, want_of_2);
        }
    }
}

#[test]
fn a_hole_takes_the_label_around_it() {
    for label in masks(9) {
        for (connectivity, count) in ALL {
            let (numbers, sizes) = flood(&label.mapv(|v| u8::from(v == 0)), count);
            let lengths: [usize; 3] = label.dim().into();
            // Faces by component and label; none for a component at the border.
            let mut faces: Vec<Option<[usize; 5]>> = vec![Some([0; 5]); sizes.len() + 1];
            for (at, number) in numbers.indexed_iter().filter(|(_, number)| **number != 0) {
                let around = neighbours(at.into(), lengths, 6);
                let of = &mut faces[*number as usize];
                if around.len() < 6 {
                    *of = None;
                }
                if let Some(of) = of {
                    around.iter().for_each(|to| of[usize::from(label[*to])] += 1);
                }
            }
            let most = |of: [usize; 5]| (1..5u8).rev().max_by_key(|v| of[usize::from(*v)]).unwrap();
            let want = Array3::from_shape_fn(label.dim(), |at| match faces[numbers[at] as usize] {
                Some(of) if numbers[at] != 0 => most(of),
                _ => label[at],
            });
            let mut got = label.clone();
            FillHoles { labels: None, connectivity }.apply(&mut got);
            assert_eq!(got, want, "{connectivity:?} of {label}");
            let mut only_2 = label.clone();
            FillHoles { labels: Some(vec![2]), connectivity }.apply(&mut only_2);
            let want = ndarray::Zip::from(&label).and(&got).map_collect(|old, new| if *new == 2 { 2 } else { *old });
            assert_eq!(only_2, want);
        }
    }
}

/// Volumes of many slabs and rows longer than eight voxels: spirals that meet late.
#[test]
fn components_that_meet_across_slabs_are_one() {
    let mut rng = ChaCha8Rng::seed_from_u64(10);
    for density in [0.2, 0.3, 0.5, 0.9] {
        let mask = Array3::from_shape_simple_fn((50, 12, 33), || u8::from(rng.random_bool(density)));
        for (connectivity, count) in ALL {
            let got = label_components(&mask.view(), connectivity);
            assert_eq!((got.labels, got.sizes), flood(&mask, count), "{connectivity:?}, {density}");
        }
    }
    // A comb: teeth of depth 40 that a bar at the far end joins.
    let comb = Array3::from_shape_fn((41, 9, 9), |(z, y, x)| u8::from(z == 40 || (y % 2 == 0 && x % 2 == 0)));
    assert_eq!(label_components(&comb.view(), Connectivity::Face).sizes, [40 * 25 + 81]);
}
