//! Lesion-wise detection against flood filling, and its rules.

use std::collections::BTreeSet;

use medseg_metrics::{EmptyPolicy, LesionDetection, MetricsError, lesion_detection, lesion_detection_of_class};
use ndarray::{Array3, array};
use proptest::prelude::*;

/// The components of 26 neighbours, found by flooding from voxel to voxel.
fn flooded(mask: &Array3<u8>) -> Vec<Vec<[usize; 3]>> {
    let mut left: BTreeSet<[usize; 3]> =
        mask.indexed_iter().filter(|(_, v)| **v != 0).map(|((d, h, w), _)| [d, h, w]).collect();
    let mut components = Vec::new();
    while let Some(seed) = left.pop_first() {
        let mut component = vec![seed];
        let mut next = 0;
        while next < component.len() {
            let at = component[next];
            let near = |v: &&[usize; 3]| (0..3).all(|axis| v[axis].abs_diff(at[axis]) <= 1);
            let neighbours: Vec<[usize; 3]> = left.iter().filter(near).copied().collect();
            neighbours.iter().for_each(|v| {
                left.remove(v);
            });
            component.extend(neighbours);
            next += 1;
        }
        components.push(component);
    }
    components
}

fn naive(predicted: &Array3<u8>, reference: &Array3<u8>, min_overlap: f64) -> LesionDetection {
    let hits = |mask: &Array3<u8>, other: &Array3<u8>| {
        let lesions = flooded(mask);
        let hit = |lesion: &&Vec<[usize; 3]>| {
            let covered = lesion.iter().filter(|at| other[**at] != 0).count();
            covered > 0 && covered as f64 >= min_overlap * lesion.len() as f64
        };
        let hits = lesions.iter().filter(hit).count() as u64;
        (hits, lesions.len() as u64 - hits)
    };
    let ((tp, fn_), (tp_predicted, fp)) = (hits(reference, predicted), hits(predicted, reference));
    LesionDetection { tp, fn_, tp_predicted, fp }
}

fn mask(shape: (usize, usize, usize)) -> impl Strategy<Value = Array3<u8>> {
    (0.0..=0.6_f64).prop_flat_map(move |density| {
        prop::collection::vec(prop::bool::weighted(density), shape.0 * shape.1 * shape.2)
            .prop_map(move |bits| Array3::from_shape_vec(shape, bits.into_iter().map(u8::from).collect()).unwrap())
    })
}

fn pair() -> impl Strategy<Value = (Array3<u8>, Array3<u8>)> {
    (1..8_usize, 1..8_usize, 1..12_usize).prop_flat_map(|shape| (mask(shape), mask(shape)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn detection_equals_flood_filling((a, b) in pair(), min_overlap in prop_oneof![Just(0.0), 0.0..=1.0_f64]) {
        let got = lesion_detection(a.view(), b.view(), min_overlap).unwrap();
        prop_assert_eq!(got, naive(&a, &b, min_overlap));
        let labels = (a.mapv(|v| 3 * v), b.mapv(|v| 3 * v));
        prop_assert_eq!(lesion_detection_of_class(labels.0.view(), labels.1.view(), 3, min_overlap).unwrap(), got);
    }
}

#[test]
fn voxels_that_touch_at_a_corner_are_one_lesion() {
    let mut mask = Array3::<u8>::zeros((2, 2, 2));
    mask[[0, 0, 0]] = 1;
    mask[[1, 1, 1]] = 1;
    assert_eq!(lesion_detection(mask.view(), mask.view(), 1.0).unwrap().reference(), 1);
    let apart = array![[[1_u8, 0, 1]]];
    assert_eq!(lesion_detection(apart.view(), apart.view(), 1.0).unwrap().reference(), 2);
}

#[test]
fn a_lesion_needs_the_share_asked_for() {
    let reference = array![[[1_u8, 1, 1, 1, 0, 0]]];
    let predicted = array![[[0_u8, 0, 0, 1, 1, 0]]];
    let at = |share| lesion_detection(predicted.view(), reference.view(), share).unwrap();
    assert_eq!(at(0.25), LesionDetection { tp: 1, fn_: 0, tp_predicted: 1, fp: 0 });
    assert_eq!(at(0.5), LesionDetection { tp: 0, fn_: 1, tp_predicted: 1, fp: 0 });
    assert_eq!(at(0.6), LesionDetection { tp: 0, fn_: 1, tp_predicted: 0, fp: 1 });
    assert_eq!(at(0.6).f1(EmptyPolicy::default()), 0.0);
    assert_eq!((at(0.0) + at(0.6)).fn_, 1);
}

#[test]
fn without_lesions_the_policy_decides() {
    let (none, some) = (Array3::<u8>::zeros((2, 3, 4)), Array3::<u8>::ones((2, 3, 4)));
    let f1 = |predicted: &Array3<u8>, reference: &Array3<u8>, policy| {
        lesion_detection(predicted.view(), reference.view(), 0.0).unwrap().f1(policy)
    };
    assert!(f1(&none, &none, EmptyPolicy::SkipEmptyReference).is_nan());
    assert!(f1(&some, &none, EmptyPolicy::SkipEmptyReference).is_nan());
    assert_eq!(f1(&some, &none, EmptyPolicy::SkipBothEmpty), 0.0);
    assert_eq!(f1(&none, &none, EmptyPolicy::ScoreAll), 1.0);
    assert_eq!(f1(&none, &some, EmptyPolicy::SkipEmptyReference), 0.0);
    let nothing = LesionDetection::default();
    assert!(nothing.precision().is_nan() && nothing.recall().is_nan());
}

#[test]
fn a_share_that_is_none_is_refused() {
    let mask = Array3::<u8>::ones((1, 1, 1));
    for share in [-0.1, 1.5, f64::NAN] {
        let error = lesion_detection(mask.view(), mask.view(), share).unwrap_err();
        assert!(matches!(error, MetricsError::InvalidOverlap(_)) && error.to_string().contains("min_overlap"));
    }
}
