//! Post-processing against what it should do, written naively.

use std::collections::BTreeSet;

use medseg_inference::{Dhw, Geometry, PostProcessing, PostStep};
use ndarray::{Array3, s};
use proptest::prelude::*;

const UNIT: Dhw<f64> = Dhw { d: 1.0, h: 1.0, w: 1.0 };

fn cleaned(post: &PostProcessing, mask: &Array3<u8>, spacing: Dhw<f64>) -> Array3<u8> {
    let mut mask = mask.clone();
    post.apply(&mut mask, &Geometry::from_spacing(spacing).unwrap()).unwrap();
    mask
}

#[test]
fn the_largest_part_of_every_label_stays_and_small_ones_go() {
    let mut mask = Array3::<u8>::zeros((10, 10, 10));
    mask.slice_mut(s![0..4, 0..4, 0..4]).fill(1);
    mask.slice_mut(s![6..8, 6..8, 6..8]).fill(1);
    mask.slice_mut(s![0..2, 7..9, 0..2]).fill(2);
    mask[[9, 0, 9]] = 2;
    let spacing = Dhw { d: 5.0, h: 1.0, w: 2.0 }; // 0.01 ml a voxel

    let mut want = mask.clone();
    want.slice_mut(s![6..8, 6..8, 6..8]).fill(0);
    want[[9, 0, 9]] = 0;
    assert_eq!(cleaned(&PostProcessing::default().keep_largest(1), &mask, spacing), want);
    assert_eq!(cleaned(&PostProcessing::default().keep_largest(2), &mask, spacing), mask);

    let mut want = mask.clone();
    want[[9, 0, 9]] = 0; // 0.01 ml; the others have at least 0.08
    assert_eq!(cleaned(&PostProcessing::default().min_volume_ml(0.08), &mask, spacing), want);
    assert_eq!(cleaned(&PostProcessing::default(), &mask, spacing), mask);

    let only_1 = PostProcessing(vec![PostStep::KeepLargest { count: 1, labels: vec![1], independent: true }]);
    let mut want = mask.clone();
    want.slice_mut(s![6..8, 6..8, 6..8]).fill(0);
    assert_eq!(cleaned(&only_1, &mask, spacing), want);
}

#[test]
fn the_largest_part_of_the_union_stays_with_all_its_labels() {
    let mask = ndarray::array![[[2_u8, 1, 1, 0, 1, 1, 1, 1, 0, 2, 2, 1, 3, 3]]];
    let union = PostProcessing::default().keep_largest_of_union(1);
    let want = ndarray::array![[[0_u8, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 1, 3, 3]]];
    assert_eq!(cleaned(&union, &mask, UNIT), want);
    let stored = serde_json::to_string(&union).unwrap();
    assert_eq!(stored, r#"[{"keep_largest":{"count":1,"labels":[],"independent":false}}]"#);
    assert_eq!(serde_json::from_str::<PostProcessing>(&stored).unwrap(), union);
    let older = r#"[{"keep_largest": {"count": 1}}]"#;
    assert_eq!(serde_json::from_str::<PostProcessing>(older).unwrap(), PostProcessing::default().keep_largest(1));
}

#[test]
fn of_equal_parts_the_last_stays() {
    let mask = ndarray::array![[[1_u8, 0, 1, 0, 2, 0, 1]]];
    assert_eq!(
        cleaned(&PostProcessing::default().keep_largest(1), &mask, UNIT),
        ndarray::array![[[0, 0, 0, 0, 2, 0, 1]]]
    );
    assert_eq!(
        cleaned(&PostProcessing::default().keep_largest(2), &mask, UNIT),
        ndarray::array![[[0, 0, 1, 0, 2, 0, 1]]]
    );
}

#[test]
fn steps_run_in_their_order() {
    // A ring around a hole, and a larger block: filled first, the ring is the larger one.
    let mut mask = Array3::<u8>::zeros((7, 7, 16));
    mask.slice_mut(s![1..6, 1..6, 1..6]).fill(1);
    mask.slice_mut(s![2..5, 2..5, 2..5]).fill(0); // 98 voxels
    mask.slice_mut(s![1..6, 1..6, 9..13]).fill(1); // 100
    let filled = cleaned(&PostProcessing::default().fill_holes().keep_largest(1), &mask, UNIT);
    assert_eq!((filled.iter().map(|&v| usize::from(v)).sum::<usize>(), filled[[3, 3, 3]]), (125, 1));
    let last = cleaned(&PostProcessing::default().keep_largest(1).fill_holes(), &mask, UNIT);
    assert_eq!((last.iter().map(|&v| usize::from(v)).sum::<usize>(), last[[3, 3, 3]]), (100, 0));
}

#[test]
fn a_hole_becomes_the_label_that_most_of_its_faces_touch() {
    let mut mask = Array3::<u8>::from_elem((3, 3, 4), 2);
    mask.slice_mut(s![.., .., 2..]).fill(1);
    mask[[1, 1, 1]] = 0; // five faces of 2, one of 1
    assert_eq!(cleaned(&PostProcessing::default().fill_holes(), &mask, UNIT)[[1, 1, 1]], 2);
    let only_1 = PostProcessing(vec![PostStep::FillHoles { labels: vec![1] }]);
    assert_eq!(cleaned(&only_1, &mask, UNIT)[[1, 1, 1]], 0);
    // A lesion in the organ is no hole, the gap beside it is one.
    let mut mask = Array3::<u8>::ones((3, 3, 6));
    mask[[1, 1, 2]] = 3;
    mask[[1, 1, 3]] = 0;
    let filled = cleaned(&PostProcessing::default().fill_holes(), &mask, UNIT);
    assert_eq!((filled[[1, 1, 2]], filled[[1, 1, 3]]), (3, 1));
}

#[test]
fn turned_axes_and_empty_masks_are_cleaned_too() {
    let mut mask = Array3::<u8>::zeros((4, 5, 6));
    mask.slice_mut(s![1..3, 1..4, 1..3]).fill(1);
    mask[[0, 0, 5]] = 1;
    let post = PostProcessing::default().keep_largest(1).fill_holes().min_volume_ml(0.001);
    let mut turned = mask.clone().reversed_axes();
    post.apply(&mut turned, &Geometry::from_spacing(UNIT).unwrap()).unwrap();
    assert_eq!(turned, cleaned(&post, &mask, UNIT).reversed_axes());
    for shape in [(0, 3, 3), (3, 0, 3), (3, 3, 0), (2, 2, 2)] {
        assert_eq!(cleaned(&post, &Array3::zeros(shape), UNIT), Array3::<u8>::zeros(shape));
    }
}

#[test]
fn steps_without_meaning_are_refused_by_name() {
    let mut mask = Array3::<u8>::ones((2, 2, 2));
    let geometry = Geometry::from_spacing(UNIT).unwrap();
    let mut refused = |post: PostProcessing| post.apply(&mut mask, &geometry).unwrap_err().to_string();
    let error = refused(PostProcessing::default().min_volume_ml(-1.0));
    assert!(error.starts_with("min_volume.mm3 = -1000"), "{error}");
    let error = refused(PostProcessing::default().keep_largest(0));
    assert!(error.starts_with("keep_largest.count = 0"), "{error}");
}

#[test]
fn a_volume_is_that_of_the_affine() {
    // Voxels of 4 mm³ whose edges have the product 5.
    let affine = [[1.0, 0.0, 3.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 4.0, 0.0], [0.0, 0.0, 0.0, 1.0]];
    let geometry = Geometry::from_affine(affine).unwrap();
    for (ml, stays) in [(0.032, true), (0.033, false)] {
        let mut mask = Array3::<u8>::ones((2, 2, 2));
        PostProcessing::default().min_volume_ml(ml).apply(&mut mask, &geometry).unwrap();
        assert_eq!(mask.sum() > 0, stays, "{ml} ml");
    }
}

#[test]
fn steps_are_stored_as_text_and_unknown_ones_refused() {
    let post = PostProcessing::default().fill_holes().keep_largest(2).min_volume_ml(0.5);
    let text = serde_json::to_string(&post).unwrap();
    assert_eq!(serde_json::from_str::<PostProcessing>(&text).unwrap(), post);
    assert!(serde_json::from_str::<PostProcessing>(r#"[{"fill_hole": {}}]"#).is_err());
    assert!(serde_json::from_str::<PostProcessing>(r#"[{"fill_holes": {"label": [1]}}]"#).is_err());
}

/// The components of one value by flooding, in C order of their first voxels.
fn components(mask: &Array3<u8>, label: u8, corners: bool) -> Vec<BTreeSet<[usize; 3]>> {
    let mut left: BTreeSet<[usize; 3]> =
        mask.indexed_iter().filter(|(_, v)| **v == label).map(|((z, y, x), _)| [z, y, x]).collect();
    let mut found = Vec::new();
    while let Some(first) = left.pop_first() {
        let (mut part, mut open) = (BTreeSet::from([first]), vec![first]);
        while let Some(at) = open.pop() {
            for step in 0..27_isize {
                let d = [step / 9 - 1, step / 3 % 3 - 1, step % 3 - 1];
                if !corners && d.iter().filter(|v| **v != 0).count() > 1 {
                    continue;
                }
                let next = [0, 1, 2].map(|a| at[a].wrapping_add_signed(d[a]));
                if left.remove(&next) {
                    part.insert(next);
                    open.push(next);
                }
            }
        }
        found.push(part);
    }
    found
}

fn naive(post: &PostStep, mask: &Array3<u8>) -> Array3<u8> {
    let mut out = mask.clone();
    let clear = |out: &mut Array3<u8>, part: &BTreeSet<[usize; 3]>| part.iter().for_each(|at| out[*at] = 0);
    match post {
        PostStep::KeepLargest { count, independent, .. } => {
            let union = mask.mapv(|value| u8::from(value > 0));
            for label in 1..=if *independent { 3 } else { 1 } {
                let mask = if *independent { mask } else { &union };
                let mut parts = components(mask, label, true);
                parts.reverse();
                parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
                parts.iter().skip(*count).for_each(|part| clear(&mut out, part));
            }
        }
        PostStep::MinVolume { mm3, .. } => {
            for part in (1..=3).flat_map(|label| components(mask, label, true)) {
                if (part.len() as f64) < *mm3 {
                    clear(&mut out, &part);
                }
            }
        }
        PostStep::FillHoles { .. } => {
            let (d, h, w) = mask.dim();
            let border = |at: &[usize; 3]| (0..3).any(|a| at[a] == 0 || at[a] + 1 == [d, h, w][a]);
            for hole in components(mask, 0, false).iter().filter(|part| !part.iter().any(border)) {
                let mut faces = [0; 4];
                for at in hole {
                    for axis in 0..3 {
                        for step in [-1_isize, 1] {
                            let mut next = *at;
                            next[axis] = next[axis].wrapping_add_signed(step);
                            faces[usize::from(mask[next])] += 1;
                        }
                    }
                }
                let label = (1..4).fold(1, |best, n| if faces[n] > faces[best] { n } else { best });
                hole.iter().for_each(|at| out[*at] = label as u8);
            }
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_step_does_what_flooding_does(
        shape in (1_usize..7, 1_usize..8, 1_usize..40),
        values in proptest::collection::vec(0_u8..7, 7 * 8 * 40),
        count in 1_usize..4,
        mm3 in 0.0_f64..6.0,
        dense in any::<bool>(),
    ) {
        // Mostly background, or mostly 1.
        let common = u8::from(dense);
        let (_, h, w) = shape;
        let mask = Array3::from_shape_fn(shape, |(z, y, x)| match values[(z * h + y) * w + x] {
            value @ 0..=3 => value,
            _ => common,
        });
        for step in [
            PostStep::KeepLargest { count, labels: vec![], independent: true },
            PostStep::KeepLargest { count, labels: vec![], independent: false },
            PostStep::MinVolume { mm3, labels: vec![] },
            PostStep::FillHoles { labels: vec![] },
        ] {
            let want = naive(&step, &mask);
            prop_assert_eq!(cleaned(&PostProcessing(vec![step]), &mask, UNIT), want);
        }
    }
}
