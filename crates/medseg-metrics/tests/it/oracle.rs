//! The fast distance code against the definition, on random masks.

use medseg_metrics::{CaseMetrics, Dhw, DistanceMetric, SurfaceDistances, confusion, distance_transform, mask_surface};
use medseg_testing::is_close;
use ndarray::{Array3, ArrayView3};
use proptest::prelude::*;

/// Masks of up to 9 voxels a side and any density, empty ones among them.
pub(crate) fn mask(shape: (usize, usize, usize)) -> impl Strategy<Value = Array3<u8>> {
    let voxels = shape.0 * shape.1 * shape.2;
    (0.0..=1.0_f64, 0.0..=1.0_f64).prop_flat_map(move |(a, b)| {
        let density = a * b;
        prop::collection::vec(prop::bool::weighted(density), voxels)
            .prop_map(move |bits| Array3::from_shape_vec(shape, bits.into_iter().map(u8::from).collect()).unwrap())
    })
}

pub(crate) fn pair() -> impl Strategy<Value = (Array3<u8>, Array3<u8>)> {
    (1..10_usize, 1..10_usize, 1..10_usize).prop_flat_map(|shape| (mask(shape), mask(shape)))
}

fn spacing() -> impl Strategy<Value = [f64; 3]> {
    prop::array::uniform3(prop_oneof![Just(1.0), 0.1..8.0_f64])
}

/// Sixteenths of a millimetre: squares and their sums are exact in f64, so distances can be compared bit for bit.
fn exact_spacing() -> impl Strategy<Value = [f64; 3]> {
    prop::array::uniform3((1..128_u32).prop_map(|n| f64::from(n) / 16.0))
}

pub(crate) fn voxels(mask: ArrayView3<u8>) -> Vec<[usize; 3]> {
    mask.indexed_iter().filter(|(_, v)| **v != 0).map(|((d, h, w), _)| [d, h, w]).collect()
}

/// A voxel is surface if it is foreground and a face neighbour is background or missing.
fn naive_surface(mask: &Array3<u8>) -> Vec<[usize; 3]> {
    let filled = |at: [isize; 3]| {
        let index = at.map(|i| usize::try_from(i).unwrap_or(usize::MAX));
        mask.get(index).is_some_and(|v| *v != 0)
    };
    let buried = |at: &[usize; 3]| {
        (0..3).all(|axis| {
            [-1, 1].into_iter().all(|step| {
                let mut neighbour = at.map(|i| i as isize);
                neighbour[axis] += step;
                filled(neighbour)
            })
        })
    };
    voxels(mask.view()).into_iter().filter(|at| !buried(at)).collect()
}

fn distance(a: &[usize; 3], b: &[usize; 3], spacing: [f64; 3], metric: DistanceMetric) -> f64 {
    let steps: [f64; 3] = std::array::from_fn(|i| a[i].abs_diff(b[i]) as f64);
    match metric {
        DistanceMetric::Euclidean => (0..3).map(|i| (steps[i] * spacing[i]).powi(2)).sum::<f64>().sqrt(),
        DistanceMetric::Chessboard => steps.into_iter().fold(0.0, f64::max),
        DistanceMetric::Taxicab => steps.iter().sum(),
    }
}

fn nearest(from: &[usize; 3], to: &[[usize; 3]], spacing: [f64; 3], metric: DistanceMetric) -> f64 {
    to.iter().map(|b| distance(from, b, spacing, metric)).fold(f64::INFINITY, f64::min)
}

pub(crate) fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn close(got: f64, want: f64) -> bool {
    is_close(got, want, 1e-9, 0.0)
}

/// Apart by no more than the rounding of a sum of three squares.
fn same_but_for_rounding(got: f64, want: f64) -> bool {
    got == want || (got - want).abs() <= 4.0 * f64::EPSILON * want
}

/// The scores of sorted distances by their definitions: HD, HD95, ASSD and surface Dice.
pub(crate) fn naive_scores(forward: &[f64], back: &[f64], tolerance: f64) -> [f64; 4] {
    let percentile = |sorted: &[f64]| {
        let rank = 0.95 * (sorted.len() - 1) as f64;
        let (low, high) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
        low + (high - low) * (rank - rank.floor())
    };
    let all = [forward, back].concat();
    let within = all.iter().filter(|d| **d <= tolerance).count();
    [
        forward[forward.len() - 1].max(back[back.len() - 1]),
        percentile(forward).max(percentile(back)),
        all.iter().sum::<f64>() / all.len() as f64,
        within as f64 / all.len() as f64,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn distance_transform_is_exact((mask, _) in pair(), spacing in spacing()) {
        let features = voxels(mask.view());
        let got = distance_transform(mask.view(), Dhw::from(spacing)).unwrap();
        for ((d, h, w), &got) in got.indexed_iter() {
            let want = nearest(&[d, h, w], &features, spacing, DistanceMetric::Euclidean);
            prop_assert!(same_but_for_rounding(got, want), "at {:?}: {} instead of {}", (d, h, w), got, want);
        }
    }

    #[test]
    fn surface_is_the_mask_less_its_erosion((mask, _) in pair()) {
        prop_assert_eq!(voxels(mask_surface(mask.view()).view()), naive_surface(&mask));
    }

    #[test]
    fn surface_distances_are_exact((a, b) in pair(), spacing in spacing()) {
        let (from, to) = (naive_surface(&a), naive_surface(&b));
        prop_assume!(!from.is_empty() && !to.is_empty());
        for metric in [DistanceMetric::Euclidean, DistanceMetric::Chessboard, DistanceMetric::Taxicab] {
            let got = SurfaceDistances::with_metric(a.view(), b.view(), Dhw::from(spacing), metric).unwrap();
            let want = |from: &[[usize; 3]], to: &[[usize; 3]]| {
                sorted(from.iter().map(|v| nearest(v, to, spacing, metric)).collect())
            };
            for (got, want) in [
                (got.predicted_to_reference(), want(&from, &to)),
                (got.reference_to_predicted(), want(&to, &from)),
            ] {
                let got = sorted(got.to_vec());
                prop_assert_eq!(got.len(), want.len());
                prop_assert!(got.iter().zip(&want).all(|(g, w)| same_but_for_rounding(*g, *w)), "{:?}: {:?} not {:?}", metric, got, want);
            }
        }
    }

    #[test]
    fn a_row_agrees_with_its_parts((a, b) in pair(), spacing in spacing(), tolerance in 0.0..4.0_f64) {
        let row = CaseMetrics::evaluate(a.view(), b.view(), Dhw::from(spacing), tolerance).unwrap();
        let counts = confusion(a.view(), b.view()).unwrap();
        prop_assert!(close(row.dice, counts.dice(Default::default())));
        prop_assert!(close(row.iou, counts.iou(Default::default())));
        prop_assert!(close(row.volume_ml_predicted, counts.volume_ml_predicted(Dhw::from(spacing)).unwrap()));
        prop_assert!(close(row.volume_ml_reference, counts.volume_ml_reference(Dhw::from(spacing)).unwrap()));
        prop_assert_eq!(counts.tp + counts.fp + counts.fn_ + counts.tn, a.len() as u64);
        let distances = SurfaceDistances::new(a.view(), b.view(), Dhw::from(spacing)).unwrap();
        if counts.predicted() > 0 && counts.reference() > 0 {
            prop_assert!(close(row.hd95_mm, distances.hd(95.0).unwrap()));
            prop_assert!(close(row.assd_mm, distances.assd()));
            prop_assert!(close(row.surface_dice, distances.surface_dice(tolerance).unwrap()));
            prop_assert!(row.hd95_mm <= distances.hausdorff());
        } else {
            prop_assert!(row.hd95_mm.is_nan() && row.assd_mm.is_nan());
        }
    }

    #[test]
    fn swapping_the_masks_keeps_symmetric_scores((a, b) in pair(), spacing in spacing()) {
        let forward = SurfaceDistances::new(a.view(), b.view(), Dhw::from(spacing)).unwrap();
        let back = SurfaceDistances::new(b.view(), a.view(), Dhw::from(spacing)).unwrap();
        prop_assert!(close(forward.hd95(), back.hd95()));
        prop_assert!(close(forward.hausdorff(), back.hausdorff()));
        prop_assert!(close(forward.assd(), back.assd()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn distances_equal_brute_force_bit_for_bit((a, b) in pair(), spacing in exact_spacing(), tolerance in 0.0..9.0_f64) {
        let (from, to) = (naive_surface(&a), naive_surface(&b));
        prop_assume!(!from.is_empty() && !to.is_empty());
        let got = SurfaceDistances::new(a.view(), b.view(), Dhw::from(spacing)).unwrap();
        let want = |from: &[[usize; 3]], to: &[[usize; 3]]| {
            sorted(from.iter().map(|v| nearest(v, to, spacing, DistanceMetric::Euclidean)).collect())
        };
        let (forward, back) = (want(&from, &to), want(&to, &from));
        prop_assert_eq!(&sorted(got.predicted_to_reference().to_vec()), &forward);
        prop_assert_eq!(&sorted(got.reference_to_predicted().to_vec()), &back);
        let [hd, hd95, assd, surface_dice] = naive_scores(&forward, &back, tolerance);
        prop_assert_eq!(got.hausdorff(), hd);
        prop_assert!(close(got.hd95(), hd95) && close(got.assd(), assd));
        prop_assert_eq!(got.surface_dice(tolerance).unwrap(), surface_dice);
        let field = distance_transform(a.view(), Dhw::from(spacing)).unwrap();
        let features = voxels(a.view());
        for ((d, h, w), &got) in field.indexed_iter() {
            prop_assert_eq!(got, nearest(&[d, h, w], &features, spacing, DistanceMetric::Euclidean));
        }
    }
}

/// Masks of scattered voxels in a long box: neighbours far apart, so that voxels look around in vain and are left to the
/// distance transform.
fn scattered() -> impl Strategy<Value = (Array3<u8>, Array3<u8>)> {
    let voxel = || (0..4_usize, 0..60_usize, 0..90_usize);
    let mask = move || {
        prop::collection::vec(voxel(), 1..40).prop_map(|voxels| {
            let mut mask = Array3::<u8>::zeros((4, 60, 90));
            voxels.into_iter().for_each(|at| mask[at] = 1);
            mask
        })
    };
    (mask(), mask())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn distant_masks_equal_brute_force_bit_for_bit((a, b) in scattered(), spacing in exact_spacing()) {
        let got = SurfaceDistances::new(a.view(), b.view(), Dhw::from(spacing)).unwrap();
        let (from, to) = (naive_surface(&a), naive_surface(&b));
        let want = from.iter().map(|v| nearest(v, &to, spacing, DistanceMetric::Euclidean)).collect();
        prop_assert_eq!(sorted(got.predicted_to_reference().to_vec()), sorted(want));
    }
}

#[test]
fn many_distant_voxels_use_up_the_looks_of_a_plane_and_are_still_exact() {
    // A full plate of 40×40 voxels, 30 mm above a single voxel: every voxel of the plate is far from it.
    let mut plate = Array3::<u8>::zeros((31, 40, 40));
    plate.index_axis_mut(ndarray::Axis(0), 0).fill(1);
    let mut dot = Array3::<u8>::zeros((31, 40, 40));
    dot[[30, 39, 39]] = 1;
    let spacing = [1.0, 1.0, 1.0];
    let got = SurfaceDistances::new(plate.view(), dot.view(), Dhw::from(spacing)).unwrap();
    let want =
        naive_surface(&plate).iter().map(|v| distance(v, &[30, 39, 39], spacing, DistanceMetric::Euclidean)).collect();
    assert_eq!(sorted(got.predicted_to_reference().to_vec()), sorted(want));
}
