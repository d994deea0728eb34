//! Rules of the interface: empty masks, errors, layouts, threads, statistics, serialisation.

use medseg_metrics::{
    CaseMetrics, ClassDice, Confusion, Dhw, EmptyPolicy, MetricReduction, MetricsError, ScoreTable, Summary,
    SurfaceDistances, bootstrap_ci95, confusion, confusion_of_class, distance_transform, mean_ignoring_nan, reduce,
};
use medseg_testing::{assert_send_sync, is_close, noise};
use ndarray::{Array3, Array4, array, s};

fn ball(radius: f64, centre: [f64; 3]) -> Array3<u8> {
    medseg_testing::ball([40, 48, 56], centre, radius)
}

fn empty() -> Array3<u8> {
    Array3::zeros((40, 48, 56))
}

#[test]
fn empty_masks_follow_the_chosen_policy() {
    use EmptyPolicy::{ScoreAll, SkipBothEmpty, SkipEmptyReference};
    let (none, some) = (empty(), ball(5.0, [20.0; 3]));
    // (prediction, reference, policy, expected Dice, IoU and surface Dice)
    let table = [
        (&none, &none, SkipEmptyReference, f64::NAN),
        (&none, &none, SkipBothEmpty, f64::NAN),
        (&none, &none, ScoreAll, 1.0),
        (&some, &none, SkipEmptyReference, f64::NAN),
        (&some, &none, SkipBothEmpty, 0.0),
        (&some, &none, ScoreAll, 0.0),
        (&none, &some, SkipEmptyReference, 0.0),
        (&none, &some, SkipBothEmpty, 0.0),
        (&none, &some, ScoreAll, 0.0),
    ];
    for (predicted, reference, policy, want) in table {
        let case =
            CaseMetrics::evaluate_with(predicted.view(), reference.view(), Dhw::splat(1.0), 1.0, policy).unwrap();
        for got in [case.dice, case.iou, case.surface_dice] {
            assert!(is_close(got, want, 0.0, 0.0), "{policy:?}: {got} instead of {want}");
        }
        assert!(case.hd95_mm.is_nan() && case.assd_mm.is_nan());
    }
    assert_eq!(EmptyPolicy::default(), SkipEmptyReference);
}

#[test]
fn distances_to_an_empty_mask_are_infinite_and_percentiles_of_them_do_not_exist() {
    let (none, some) = (empty(), ball(3.0, [20.0; 3]));
    for (predicted, reference) in [(&none, &some), (&some, &none)] {
        let distances = SurfaceDistances::new(predicted.view(), reference.view(), Dhw::splat(1.0)).unwrap();
        assert_eq!(distances.hausdorff(), f64::INFINITY);
        assert_eq!(distances.assd(), f64::INFINITY);
        assert!(distances.hd95().is_nan());
        assert_eq!(distances.surface_dice(100.0).unwrap(), 0.0);
        assert_eq!(distances.surface_dice(f64::INFINITY).unwrap(), 0.0);
    }
    let nothing = SurfaceDistances::new(none.view(), none.view(), Dhw::splat(1.0)).unwrap();
    assert!(nothing.hausdorff().is_nan() && nothing.assd().is_nan() && nothing.surface_dice(1.0).unwrap().is_nan());
}

#[test]
fn wrong_input_is_an_error_that_names_it() {
    let (a, b) = (Array3::<u8>::ones((2, 3, 4)), Array3::<u8>::ones((2, 3, 5)));
    let mismatch = MetricsError::ShapeMismatch { predicted: [2, 3, 4], reference: [2, 3, 5] };
    assert_eq!(confusion(a.view(), b.view()), Err(mismatch.clone()));
    assert_eq!(confusion_of_class(a.view(), b.view(), 1), Err(mismatch.clone()));
    assert_eq!(SurfaceDistances::new(a.view(), b.view(), Dhw::splat(1.0)), Err(mismatch.clone()));
    assert_eq!(CaseMetrics::evaluate(a.view(), b.view(), Dhw::splat(1.0), 1.0), Err(mismatch.clone()));
    assert!(mismatch.to_string().contains("[2, 3, 4]") && mismatch.to_string().contains("[2, 3, 5]"));

    for mm in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let spacing = Dhw::from([1.0, mm, 1.0]);
        let is_spacing = |e: &MetricsError| matches!(e, MetricsError::InvalidSpacing(_));
        assert!(distance_transform(a.view(), spacing).is_err_and(|e| is_spacing(&e)));
        assert!(CaseMetrics::evaluate(a.view(), a.view(), spacing, 1.0).is_err_and(|e| is_spacing(&e)));
    }
    let distances = SurfaceDistances::new(a.view(), a.view(), Dhw::splat(1.0)).unwrap();
    for percentile in [-1.0, 100.5, f64::NAN] {
        assert!(matches!(distances.hd(percentile), Err(MetricsError::InvalidPercentile(_))));
        assert!(matches!(distances.hd_directed(percentile), Err(MetricsError::InvalidPercentile(_))));
    }
    assert_eq!(distances.surface_dice(-0.5), Err(MetricsError::InvalidTolerance(-0.5)));
    assert!(CaseMetrics::evaluate(a.view(), a.view(), Dhw::splat(1.0), f64::NAN).is_err());
}

#[test]
fn class_dice_refuses_arrays_with_the_wrong_channels() {
    let three = Array4::<u8>::zeros((3, 2, 2, 2));
    let two = Array4::<u8>::zeros((2, 2, 2, 2));
    let found = ClassDice::default().evaluate(three.view(), two.view());
    assert_eq!(found, Err(MetricsError::ChannelMismatch { which: "reference", found: 2, expected: 3 }));
    for classes in [0, 257] {
        let metric = ClassDice { num_classes: Some(classes), ..ClassDice::default() };
        assert_eq!(metric.evaluate(two.view(), two.view()), Err(MetricsError::InvalidClassCount(classes)));
    }
    let ragged = reduce(&[vec![0.5, 0.5], vec![0.5]], MetricReduction::Mean);
    assert_eq!(ragged, Err(MetricsError::RaggedScores { row: 1, found: 1, expected: 2 }));
}

#[test]
fn counts_give_the_scores_worked_out_by_hand() {
    let counts = Confusion { tp: 6, fp: 2, fn_: 4, tn: 88 };
    let policy = EmptyPolicy::default();
    assert_eq!(counts.dice(policy), 12.0 / 18.0);
    assert_eq!(counts.iou(policy), 0.5);
    assert_eq!(counts.precision(), 0.75);
    assert_eq!(counts.recall(), 0.6);
    assert_eq!(counts.specificity(), 88.0 / 90.0);
    assert!((counts.relative_volume_difference() + 0.2).abs() < 1e-15);
    assert!((counts.volume_ml_reference(Dhw::splat(10.0)).unwrap() - 10.0).abs() < 1e-12);
    assert_eq!((counts + counts).tp, 12);
    let nothing = Confusion { tn: 3, ..Confusion::default() };
    assert!(nothing.precision().is_nan() && nothing.recall().is_nan());
    assert!(nothing.relative_volume_difference().is_nan());
    assert_eq!(nothing.specificity(), 1.0);
}

#[test]
fn any_non_zero_value_is_foreground_but_a_class_is_one_value() {
    let (a, b) = (array![[[0_u8, 1, 2, 2]]], array![[[0_u8, 2, 2, 0]]]);
    assert_eq!(confusion(a.view(), b.view()).unwrap(), Confusion { tp: 2, fp: 1, fn_: 0, tn: 1 });
    assert_eq!(confusion_of_class(a.view(), b.view(), 2).unwrap(), Confusion { tp: 1, fp: 1, fn_: 1, tn: 1 });
}

#[test]
fn memory_layout_does_not_matter() {
    let (a, b) = (ball(9.0, [18.0, 22.0, 27.0]), ball(10.0, [20.0, 24.0, 26.0]));
    let spacing = Dhw::from([3.0, 0.8, 1.1]);
    let plain = CaseMetrics::evaluate(a.view(), b.view(), spacing, 1.0).unwrap();
    // The same voxels, stored with the width axis outermost and every other one skipped.
    let transposed = a.t().as_standard_layout().into_owned();
    let mut wide = Array3::<u8>::zeros((40, 48, 112));
    wide.slice_mut(s![.., .., ..;2]).assign(&b);
    let strided = CaseMetrics::evaluate(transposed.t(), wide.slice(s![.., .., ..;2]), spacing, 1.0).unwrap();
    assert_eq!(plain, strided);
    assert_eq!(distance_transform(transposed.t(), spacing).unwrap(), distance_transform(a.view(), spacing).unwrap());
}

#[test]
fn results_are_the_same_bits_for_any_number_of_threads() {
    let (a, b) = (ball(13.3, [18.0, 22.0, 27.0]), ball(12.1, [21.0, 24.0, 26.0]));
    let with_threads = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let spacing = Dhw::from([2.5, 0.71, 0.93]);
            let row = CaseMetrics::evaluate(a.view(), b.view(), spacing, 1.0).unwrap();
            let distances = SurfaceDistances::new(a.view(), b.view(), spacing).unwrap();
            let transform = distance_transform(a.view(), spacing).unwrap();
            (row, distances, transform)
        })
    };
    let one = with_threads(1);
    for threads in [2, 3, 7] {
        let many = with_threads(threads);
        assert_eq!(one.0.assd_mm.to_bits(), many.0.assd_mm.to_bits());
        assert_eq!(one, many);
    }
}

#[test]
fn parallel_slabs_give_known_distances() {
    let mut reference = Array3::<u8>::zeros((10, 12, 12));
    reference.slice_mut(s![0..4, .., ..]).fill(1);
    let mut predicted = Array3::<u8>::zeros((10, 12, 12));
    predicted.slice_mut(s![0..6, .., ..]).fill(1);
    let distances = SurfaceDistances::new(predicted.view(), reference.view(), Dhw::from([2.5, 1.0, 1.0])).unwrap();
    // The upper face of the prediction lies two slices, 5 mm, above the reference's.
    assert_eq!(distances.hausdorff(), 5.0);
    assert_eq!(distances.surface_dice(5.0).unwrap(), 1.0);
    assert!(distances.surface_dice(4.9).unwrap() < 1.0);
}

#[test]
fn volumes_without_voxels_are_empty_not_a_failure() {
    let none = Array3::<u8>::zeros((0, 4, 4));
    assert_eq!(confusion(none.view(), none.view()).unwrap(), Confusion::default());
    assert!(distance_transform(none.view(), Dhw::splat(1.0)).unwrap().is_empty());
    assert!(CaseMetrics::evaluate(none.view(), none.view(), Dhw::splat(1.0), 1.0).unwrap().dice.is_nan());
}

#[test]
fn statistics_leave_nan_out() {
    let scores = [0.5, f64::NAN, 0.9, 0.7, 0.7];
    let summary = Summary::from_values(&scores);
    assert_eq!((summary.count, summary.missing), (4, 1));
    assert!((mean_ignoring_nan(&scores) - 0.7).abs() < 1e-15);
    assert_eq!((summary.median, summary.min, summary.max), (0.7, 0.5, 0.9));
    assert!((summary.std - (0.08_f64 / 3.0).sqrt()).abs() < 1e-12);
    let none = Summary::from_values(&[f64::NAN]);
    assert!(none.mean.is_nan() && none.median.is_nan() && none.std.is_nan());
    assert!(Summary::from_values(&[0.4]).std.is_nan());
}

#[test]
fn bootstrap_interval_covers_the_mean_about_as_often_as_it_says() {
    // Uniform draws from a small generator: mean 0.5. 95 % intervals of 30 values undercover slightly.
    let mut uniform = noise(400 * 30, 12345).into_iter();
    let mut covered = 0;
    for seed in 0..400 {
        let values: Vec<f64> = uniform.by_ref().take(30).collect();
        let (low, high) = bootstrap_ci95(&values, 500, seed).unwrap();
        assert!(low < high);
        covered += u32::from(low <= 0.5 && 0.5 <= high);
    }
    assert!((360..=396).contains(&covered), "{covered} of 400");
}

#[test]
fn bootstrap_needs_finite_values() {
    assert_eq!(bootstrap_ci95(&[], 100, 1), None);
    assert_eq!(bootstrap_ci95(&[f64::NAN], 100, 1), None);
    assert_eq!(bootstrap_ci95(&[0.5, f64::INFINITY], 100, 1), None);
    assert_eq!(bootstrap_ci95(&[0.5], 0, 1), None);
    assert_eq!(bootstrap_ci95(&[0.5], 100, 1), Some((0.5, 0.5)));
    assert_ne!(bootstrap_ci95(&[0.1, 0.5, 0.9, 0.3], 101, 1), bootstrap_ci95(&[0.1, 0.5, 0.9, 0.3], 101, 2));
}

#[test]
fn a_row_without_scores_survives_json() {
    let case = CaseMetrics::evaluate(empty().view(), empty().view(), Dhw::splat(1.0), 1.0).unwrap();
    let text = serde_json::to_string(&case).unwrap();
    assert!(text.contains("\"dice\":null") && text.contains("\"volume_ml_predicted\":0.0"));
    let back: CaseMetrics = serde_json::from_str(&text).unwrap();
    assert!(back.dice.is_nan() && back.hd95_mm.is_nan() && back.volume_ml_reference == 0.0);
}

#[test]
fn public_types_can_cross_threads() {
    assert_send_sync::<CaseMetrics>();
    assert_send_sync::<ScoreTable>();
    assert_send_sync::<SurfaceDistances>();
    assert_send_sync::<MetricsError>();
}
