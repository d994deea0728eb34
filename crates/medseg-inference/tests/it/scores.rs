//! Probabilities on the image's grid against trilinear interpolation written out in f64, by the two geometries alone.

use medseg_inference::{
    BeyondMask, Dhw, Extras, InferenceError, MaskRule, Probabilities, RegionLabel, RestoredScores, ScoreRestorer,
    to_probabilities,
};
use medseg_testing::noise;
use medseg_volume::{Axes, Geometry, Orientation};
use ndarray::{Array3, Array4, Axis, s};
use proptest::prelude::*;

const ALL: Extras = Extras { probabilities: true, entropy: true };

fn orientations() -> Vec<Orientation> {
    let pairs = [["L", "R"], ["P", "A"], ["I", "S"]];
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let code = |order: [usize; 3], signs: usize| (0..3).map(|n| pairs[order[n]][signs >> n & 1]).collect::<String>();
    orders.into_iter().flat_map(|order| (0..8).map(move |signs| code(order, signs).parse().unwrap())).collect()
}

/// Oblique axes with these spacings.
fn oblique(mm: [f64; 3]) -> Geometry {
    let (a, b) = (0.35_f64, 0.2_f64);
    let rotation = [
        [a.cos(), -a.sin() * b.cos(), a.sin() * b.sin()],
        [a.sin(), a.cos() * b.cos(), -a.cos() * b.sin()],
        [0.0, b.sin(), b.cos()],
    ];
    let row = |r: usize| [rotation[r][0] * mm[0], rotation[r][1] * mm[1], rotation[r][2] * mm[2], 12.5 * r as f64];
    Geometry::from_affine([row(0), row(1), row(2), [0.0, 0.0, 0.0, 1.0]]).unwrap()
}

/// Two grids and what is to be taken from the first to the second.
#[derive(Clone, Debug)]
struct Case {
    from: (Dhw<usize>, Geometry),
    to: (Dhw<usize>, Geometry),
    classes: usize,
    /// Class probabilities, and a spread behind them.
    scores: Array4<f32>,
    beyond: BeyondMask,
    rule: MaskRule,
}

fn probabilities(classes: usize, shape: Dhw<usize>, extra: usize, seed: u64, how: Probabilities) -> Array4<f32> {
    let dim = (classes + extra, shape.d, shape.h, shape.w);
    let values = noise((classes + extra) * shape.voxels(), seed).iter().map(|v| (*v * 8.0 - 4.0) as f32).collect();
    let mut scores = Array4::from_shape_vec(dim, values).unwrap();
    to_probabilities(&mut scores.slice_mut(s![..classes, .., .., ..]), how);
    scores
}

fn sizes(from: std::ops::Range<usize>) -> BoxedStrategy<Dhw<usize>> {
    (from.clone(), from.clone(), from).prop_map(|(d, h, w)| Dhw { d, h, w }).boxed()
}

prop_compose! {
    /// The network's grid is a box of the image's, resized, turned and flipped, or one that reaches beyond it.
    fn cases()(
        image in sizes(1..8),
        start in (-3_isize..4, -3_isize..4, -3_isize..4),
        part in sizes(1..8),
        grid in sizes(1..9),
        mm in (0.4..3.0_f64, 0.4..3.0_f64, 0.4..3.0_f64),
        turn in 0_usize..48,
        classes in 1_usize..5,
        extra in 0_usize..2,
        beyond in prop_oneof![Just(BeyondMask::Background), Just(BeyondMask::Border)],
        threshold in 0.2..0.8_f32,
        overlap in any::<bool>(),
        seed in any::<u64>(),
    ) -> Case {
        // Regions in the order of their labels, the last channel in front; the first of several does not count.
        let from = if classes > 1 { 1 } else { 0 };
        let regions = (from..classes).rev().map(|channel| RegionLabel::new(channel, 10 + channel as u8));
        let rule = MaskRule::default().with_threshold(threshold);
        let rule = if overlap { rule.with_regions(regions) } else { rule };
        let of_image = oblique([mm.0, mm.1, mm.2]);
        let cut = of_image.cropped(Dhw { d: start.0, h: start.1, w: start.2 });
        let resized = cut.resized(part, grid);
        let change = Axes::between(resized.orientation(), orientations()[turn]);
        let (shape, geometry) = (change.permuted(grid), resized.reoriented(grid, &change));
        Case {
            from: (shape, geometry),
            to: (image, of_image),
            classes,
            scores: probabilities(classes, shape, extra, seed, rule.probabilities(classes)),
            beyond,
            rule,
        }
    }
}

/// Every channel at a voxel of the image; nothing beyond the network's grid.
fn naive(case: &Case, at: [usize; 3]) -> Option<Vec<f64>> {
    let ((shape, source), (_, target)) = (&case.from, &case.to);
    let world = target.voxel_to_world(Dhw::from(at).map(|n| n as f64));
    let place = source.world_to_voxel(world).to_array();
    let sizes = shape.to_array().map(|n| n as f64);
    let inside = (0..3).all(|a| place[a] >= -0.5 - 1e-6 && place[a] <= sizes[a] - 0.5 + 1e-6);
    if !inside && case.beyond == BeyondMask::Background {
        return None;
    }
    let place: [f64; 3] = std::array::from_fn(|a| place[a].clamp(0.0, sizes[a] - 1.0));
    let corner = |channel: usize, corner: usize| {
        let (mut weight, mut index) = (1.0, [0; 3]);
        for a in 0..3 {
            let (low, high) = (place[a].floor(), corner >> a & 1 == 1);
            let share = place[a] - low;
            weight *= if high { share } else { 1.0 - share };
            index[a] = (low as usize + usize::from(high)).min(shape.to_array()[a] - 1);
        }
        weight * f64::from(case.scores[[channel, index[0], index[1], index[2]]])
    };
    Some((0..case.scores.dim().0).map(|channel| (0..8).map(|n| corner(channel, n)).sum()).collect())
}

/// Restores in slabs of these thicknesses, over and over, along `axis`.
fn restored(case: &Case, axis: usize, thicknesses: &[usize], extras: Extras) -> RestoredScores {
    let (from, to) = ((case.from.0, &case.from.1), (case.to.0, &case.to.1));
    let restorer = ScoreRestorer::new(from, to, case.classes, case.beyond, extras).unwrap();
    let mut restorer = restorer.with_rule(case.rule.clone()).unwrap();
    let (length, mut start) = (case.scores.len_of(Axis(axis + 1)), 0);
    for thickness in thicknesses.iter().cycle() {
        let end = (start + thickness).min(length);
        restorer.take(axis, start, &case.scores.slice_axis(Axis(axis + 1), (start..end).into()));
        start = end;
        if start == length {
            break;
        }
    }
    restorer.finish()
}

fn nats(p: f64) -> f64 {
    if p > 0.0 { -p * p.ln() } else { 0.0 }
}

/// Compares everything with the naive values; gives the certainty that the naive values have for the mask that was found.
fn check(case: &Case, got: &RestoredScores) {
    let Dhw { d, h, w } = case.to.0;
    assert_eq!(got.mask.dim(), (d, h, w));
    let (all, entropies) = (got.probabilities.as_ref().unwrap(), got.entropy.as_ref().unwrap());
    let (classes, mut sums) = (case.classes, [0.0; 4]);
    for ((z, y, x), label) in got.mask.indexed_iter() {
        let restored = all.slice(s![.., z, y, x]).mapv(half::f16::to_f64);
        let Some(values) = naive(case, [z, y, x]) else {
            let mut background = vec![0.0; classes];
            background[0] = if classes > 1 && !case.rule.has_regions() { 1.0 } else { 0.0 };
            assert_eq!((*label, restored.to_vec(), entropies[[z, y, x]]), (0, background, 0.0));
            continue;
        };
        let (p, spread) = (&values[..classes], values.get(classes));
        for (got, want) in restored.iter().zip(p) {
            assert!((got - want).abs() < 6e-4, "{got} {want}");
        }
        let binary = classes == 1 || case.rule.has_regions();
        let entropy: f64 = p.iter().map(|p| nats(*p) + if binary { nats(1.0 - *p) } else { 0.0 }).sum();
        assert!((f64::from(entropies[[z, y, x]]) - entropy).abs() < 1e-5, "{} {entropy}", entropies[[z, y, x]]);
        let (channel, least) = (usize::from(*label % 10), f64::from(case.rule.threshold));
        let chosen = p[if classes == 1 { 0 } else { channel }];
        if case.rule.has_regions() {
            let sure = p.iter().all(|p| (p - least).abs() > 1e-5);
            let first = case.rule.regions.iter().find(|region| p[region.channel] >= least);
            assert!(!sure || *label == first.map_or(0, |region| region.label), "{label} of {p:?}");
        } else if classes == 1 {
            let sure = (chosen - least).abs() > 1e-5;
            assert!(!sure || (*label == 1) == (chosen >= least));
        } else {
            assert!(p.iter().all(|other| chosen >= other - 1e-5), "{label} of {p:?}");
        }
        if *label != 0 {
            let of = [1.0, chosen, entropy, spread.copied().unwrap_or(0.0)];
            sums = std::array::from_fn(|n| sums[n] + of[n]);
        }
    }
    let (certainty, count) = (got.certainty, sums[0].max(1.0));
    assert_eq!(certainty.voxels, sums[0] as u64);
    let means = [certainty.mean_probability, certainty.mean_entropy, certainty.mean_spread];
    for (got, sum) in means.iter().zip(&sums[1..]) {
        assert!((got - sum / count).abs() < 1e-5, "{got} {}", sum / count);
    }
}

fn same(a: &RestoredScores, b: &RestoredScores) -> bool {
    // The slabs' axis decides the order of the interpolation's steps, so sums differ by rounding.
    let certainty =
        |r: &RestoredScores| [r.certainty.mean_probability, r.certainty.mean_entropy, r.certainty.mean_spread];
    let close = certainty(a).iter().zip(certainty(b)).all(|(a, b)| (a - b).abs() < 1e-12);
    a.mask == b.mask && a.probabilities == b.probabilities && a.entropy == b.entropy && close
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn restored_probabilities_are_trilinear_ones(case in cases(), axis in 0_usize..3) {
        check(&case, &restored(&case, axis, &[usize::MAX >> 1], ALL));
    }

    #[test]
    fn slabs_of_any_thickness_give_what_one_slab_gives(
        case in cases(), axis in 0_usize..3, thicknesses in prop::collection::vec(1_usize..4, 1..4),
    ) {
        let one = restored(&case, axis, &[usize::MAX >> 1], ALL);
        let many = restored(&case, axis, &thicknesses, ALL);
        prop_assert!(same(&one, &many), "{thicknesses:?} along {axis}");
    }

    #[test]
    fn the_mask_does_not_depend_on_what_else_is_wanted(case in cases(), axis in 0_usize..3) {
        let all = restored(&case, axis, &[2], ALL);
        for (probabilities, entropy) in [(false, false), (true, false), (false, true)] {
            let some = restored(&case, axis, &[2], Extras { probabilities, entropy });
            prop_assert_eq!(&some.mask, &all.mask);
            prop_assert_eq!(some.certainty, all.certainty);
            prop_assert_eq!(some.probabilities, all.probabilities.clone().filter(|_| probabilities));
            prop_assert_eq!(some.entropy, all.entropy.clone().filter(|_| entropy));
        }
    }
}

#[test]
fn voxels_that_coincide_come_back_to_the_bit_from_all_orientations() {
    let (shape, geometry) = (Dhw { d: 3, h: 4, w: 5 }, oblique([0.7, 0.9, 2.5]));
    for orientation in orientations() {
        let change = Axes::between(geometry.orientation(), orientation);
        let scores = probabilities(3, shape, 0, 5, Probabilities::Softmax);
        let turned: Vec<Array3<f32>> = scores.outer_iter().map(|class| change.apply(&class)).collect();
        let views: Vec<_> = turned.iter().map(|class| class.view()).collect();
        let from = (change.permuted(shape), geometry.reoriented(shape, &change));
        let case = Case {
            from,
            to: (shape, geometry.clone()),
            classes: 3,
            scores: ndarray::stack(Axis(0), &views).unwrap(),
            beyond: BeyondMask::Background,
            rule: MaskRule::default(),
        };
        for axis in 0..3 {
            let got = restored(&case, axis, &[1, 2], ALL);
            assert_eq!(got.probabilities.unwrap(), scores.mapv(half::f16::from_f32), "{orientation}");
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (shape, to) = (Dhw { d: 11, h: 12, w: 13 }, Dhw { d: 30, h: 31, w: 23 });
    let geometry = oblique([1.0, 2.0, 0.5]);
    let case = Case {
        from: (shape, geometry.resized(to, shape)),
        to: (to, geometry),
        classes: 4,
        scores: probabilities(4, shape, 1, 9, Probabilities::Softmax),
        beyond: BeyondMask::Border,
        rule: MaskRule::default(),
    };
    let run = || restored(&case, 2, &[3], ALL);
    let with = |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run);
    let one = with(1);
    for threads in [2, 3, 8] {
        let many = with(threads);
        assert!(same(&one, &many) && one.certainty == many.certainty, "{threads} threads");
    }
}

#[test]
fn impossible_numbers_of_classes_and_grids_are_refused() {
    let (shape, straight) = (Dhw::splat(4), Geometry::from_spacing(Dhw::splat(1.0)).unwrap());
    let new = |classes: usize, to: &Geometry| {
        let made = ScoreRestorer::new((shape, &straight), (shape, to), classes, BeyondMask::Border, Extras::default());
        made.map(|_| ())
    };
    for classes in [0, 257, usize::MAX] {
        let error = new(classes, &straight).unwrap_err();
        assert!(matches!(error, InferenceError::TooManyClasses { channels } if channels == classes), "{error}");
    }
    assert!([1, 2, 256].into_iter().all(|classes| new(classes, &straight).is_ok()));
    let error = new(2, &oblique([1.0; 3])).unwrap_err();
    assert!(matches!(error, InferenceError::Grids { .. }), "{error}");
}

#[test]
fn the_last_of_256_classes_has_a_label() {
    let (shape, geometry) = (Dhw { d: 1, h: 2, w: 2 }, Geometry::from_spacing(Dhw::splat(1.0)).unwrap());
    let mut scores = Array4::<f32>::zeros((256, 1, 2, 2));
    scores.slice_mut(s![255, 0, 0, 0]).fill(1.0);
    scores.slice_mut(s![0, 0, 1, 1]).fill(1.0);
    let grid = (shape, &geometry);
    let mut restorer = ScoreRestorer::new(grid, grid, 256, BeyondMask::Background, Extras::default()).unwrap();
    restorer.take(0, 0, &scores.view());
    assert_eq!(restorer.finish().mask, ndarray::array![[[255, 0], [0, 0]]]);
}

#[test]
#[should_panic(expected = "planes from 2")]
fn planes_that_are_left_out_are_a_mistake_of_the_program() {
    let (shape, geometry) = (Dhw::splat(4), Geometry::from_spacing(Dhw::splat(1.0)).unwrap());
    let grid = (shape, &geometry);
    let mut restorer = ScoreRestorer::new(grid, grid, 1, BeyondMask::Background, Extras::default()).unwrap();
    restorer.take(0, 0, &Array4::zeros((1, 1, 4, 4)).view());
    restorer.take(0, 2, &Array4::zeros((1, 1, 4, 4)).view());
}

#[test]
fn a_slab_of_no_planes_changes_nothing() {
    let (shape, geometry) = (Dhw::splat(3), Geometry::from_spacing(Dhw::splat(1.0)).unwrap());
    let grid = (shape, &geometry);
    let mut restorer = ScoreRestorer::new(grid, grid, 1, BeyondMask::Background, Extras::default()).unwrap();
    for start in 0..3 {
        restorer.take(0, start, &Array4::zeros((1, 0, 3, 3)).view());
        restorer.take(0, start, &Array4::ones((1, 1, 3, 3)).view());
    }
    restorer.take(0, 3, &Array4::zeros((1, 0, 3, 3)).view());
    assert!(restorer.finish().mask.iter().all(|label| *label == 1));
}

#[test]
fn an_image_or_a_grid_without_voxels_gives_background() {
    let geometry = Geometry::from_spacing(Dhw::splat(1.0)).unwrap();
    for (from, to) in [([4, 4, 4], [0, 2, 2]), ([4, 4, 4], [2, 2, 0])] {
        let (from, to) = (Dhw::from(from), Dhw::from(to));
        let restorer = ScoreRestorer::new((from, &geometry), (to, &geometry), 2, BeyondMask::Border, ALL);
        let mut restorer = restorer.unwrap();
        restorer.take(0, 0, &Array4::zeros((2, from.d, from.h, from.w)).view());
        assert_eq!(restorer.finish().mask.dim(), (to.d, to.h, to.w));
    }
}

proptest! {
    #[test]
    fn probabilities_made_in_place_are_those_of_the_tensors(
        classes in 1_usize..6, shape in sizes(1..6), seed in any::<u64>(), scale in 0.1..60.0_f64,
    ) {
        let count = classes * shape.voxels();
        let values: Vec<f32> = noise(count, seed).iter().map(|v| ((v - 0.5) * scale) as f32).collect();
        let scores = Array4::from_shape_vec((classes, shape.d, shape.h, shape.w), values).unwrap();
        for how in [Probabilities::Sigmoid, Probabilities::Softmax] {
            let mut got = scores.clone();
            to_probabilities(&mut got.view_mut(), how);
            let mut want = scores.clone();
            how.apply(&mut want);
            for (got, want) in got.iter().zip(&want) {
                prop_assert!((got - want).abs() < 1e-6, "{} {}", got, want);
            }
            for ((c, z, y, x), p) in got.indexed_iter() {
                let logits: Vec<f64> = scores.slice(s![.., z, y, x]).iter().map(|v| f64::from(*v)).collect();
                let wanted = match how {
                    Probabilities::Sigmoid => 1.0 / (1.0 + (-logits[c]).exp()),
                    Probabilities::Softmax => logits[c].exp() / logits.iter().map(|v| v.exp()).sum::<f64>(),
                };
                prop_assert!((f64::from(*p) - wanted).abs() < 1e-6);
            }
        }
    }
}
